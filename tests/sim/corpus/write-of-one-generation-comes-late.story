# Two orders between two events have one generation. The older one, delayed or doubled on its way, undid the newer.
{"seed":7,"deeds":[],"fault_seconds":50.0,"rps":60.0,"lease_seconds":10.0}
{"do":"spoil","at":41.145,"point":"order","fate":"late"}
