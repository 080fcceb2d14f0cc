"""How a controller of thousands of services begins: who moved last is carried on at once, not all of them late."""

from __future__ import annotations

import gc
from collections.abc import Callable

from ferryman.store.base import Loaded, Store, StoredEvent

STARTING_MAX = 64
"""First turns that are under way at the same time."""

FIRST_EVENTS = 200
"""The services of so many newest events begin before all the others are read."""

YOUNG_OBJECTS = 100_000
MIDDLE_ROUNDS = 50
OLD_ROUNDS = 1000

Begin = Callable[[str, Loaded | None], object]
"""Starts the loop of a service, unless it has begun; with what was read of it, if it was."""


async def begin_all(store: Store, newest: tuple[StoredEvent, ...], begin: Begin) -> tuple[Loaded, ...]:
    """Begin with the services of the `newest` events, then with all: of those, who is under way first. Returns what was
    read. Only for who keeps every other writer out: nothing may be written between the reading and a loop's first turn.
    """
    for name in dict.fromkeys(stored.event.service for stored in reversed(newest)):
        begin(name, None)
    loaded = await store.load_all()
    for item in sorted(loaded, key=lambda item: item.service.current is None or not item.service.current.running):
        begin(item.service.name, item)
    return loaded


def settle_memory() -> None:
    """Call once everything is loaded: what is there by then stays, and is no longer looked through.

    States are trees without cycles, which end without the garbage collector. With ten thousand services it spent half of
    the controller's time looking through millions of them again and again; now it comes rarely, and for what is new.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, MIDDLE_ROUNDS, OLD_ROUNDS)
