"""The named places at which the simulator takes hold of a coroutine of the engine.

A port method awaits a `Point`; that hands it to whoever steps the coroutine with `send`. What is sent back says what
becomes of the call: `None` lets it happen, a `Fate` spoils it.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a call. LOST: nothing happens and an error comes back. UNTOLD: it happens and an error comes
    back. LATE: an error comes back and it happens later. TWICE: it happens, and once more later."""

    LOST = "lost"
    UNTOLD = "untold"
    LATE = "late"
    TWICE = "twice"


class Point:
    """A place in the loop. `write` is True where the call that follows changes something outside."""

    __slots__ = ("name", "write")

    def __init__(self, name: str, *, write: bool = False) -> None:
        self.name = name
        self.write = write

    def __await__(self) -> Generator[Point, Fate | None, Fate | None]:
        fate = yield self
        return fate

    def __repr__(self) -> str:
        return self.name


CLAIM = Point("claim", write=True)
LOADED = Point("loaded")
APPEND = Point("append", write=True)
APPENDED = Point("appended")
INSTANCES = Point("instances seen")
ROUTES = Point("routes seen")
COUNTERS = Point("counters read")
ROUTE = Point("route", write=True)
ROUTED = Point("routed")
REMOVE = Point("remove", write=True)
ORDER = Point("order", write=True)
ORDERED = Point("ordered")
FLAG = Point("flag", write=True)
FLAGGED = Point("flagged")

POINTS: tuple[Point, ...] = (
    CLAIM, LOADED, APPEND, APPENDED, INSTANCES, ROUTES, COUNTERS, ROUTE, ROUTED, REMOVE, ORDER, ORDERED,
)  # fmt: skip
FLAG_POINTS: tuple[Point, ...] = (CLAIM, LOADED, APPEND, APPENDED, INSTANCES, ROUTES, FLAG, FLAGGED, ORDER, ORDERED)
"""Those that the rollout of a flag comes by."""
