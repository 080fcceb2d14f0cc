"""Ferryman carries a service to its next version under live traffic, and brings it back by itself."""

__version__ = "0.1.0"
