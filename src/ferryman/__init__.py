"""Ferryman carries a service to its next version under live traffic, and brings it back by itself."""

from typing import Final

__version__: Final = "0.1.0"
