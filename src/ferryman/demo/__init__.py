"""The sample shop and the load client of the demo: two small programs that need nothing but the standard library.

``shop`` is the service that is released, ``load`` is the crowd that uses it. Both speak HTTP/1.1 by hand, so that
each costs little beside the proxy under test and so that every failure that a client meets can be named exactly.
"""
