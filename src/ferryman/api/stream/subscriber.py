"""One client of the stream: whether it keeps up, and what waits for it while it is not written to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from ferryman.api.stream.messages import Piece

QUEUE_MAX = 8
"""Pieces that wait while a client is sent its snapshot. One more, and all of them give way to another snapshot."""

StillAllowed = Callable[[], Awaitable[bool]]

Services = frozenset[str] | None
"""The services that a client follows; None: all."""


class Outlet(Protocol):
    """Where the pieces of one client go."""

    @property
    def full(self) -> bool:
        """More is on its way to the client already than it should be behind."""
        ...

    def write(self, piece: Piece) -> None:
        """Send it, without waiting."""
        ...


class Subscriber:
    """`lagging`: pieces were dropped, a snapshot has to come first. `closed`: the client left, or the server stops.
    `still_allowed` is asked from time to time, for a credential may end while its stream is open.

    Pieces go straight to the `Outlet` of a client that follows: a task that wakes for each client and piece costs more
    than the sending."""

    __slots__ = ("_changed", "_outlet", "_queue", "closed", "lagging", "position", "quiet", "services", "still_allowed")

    def __init__(self, services: Services, position: int, still_allowed: StillAllowed | None = None) -> None:
        self.services = services
        self.still_allowed = still_allowed
        self.position = position
        self.lagging = False
        self.closed = False
        self.quiet = True
        self._outlet: Outlet | None = None
        self._queue: deque[Piece] = deque()
        self._changed = asyncio.Event()

    def follows(self, service: str) -> bool:
        """Whether messages about `service` are for this client."""
        return self.services is None or service in self.services

    def put(self, piece: Piece) -> bool:
        """Hand over a piece; False when the client was, or now is, too far behind."""
        self.quiet = False
        outlet = self._outlet
        if self.lagging:
            return False
        if outlet is None:
            if len(self._queue) < QUEUE_MAX:
                self._queue.append(piece)
                return True
        elif not outlet.full:
            outlet.write(piece)
            return True
        self._fall_behind()
        return False

    def _fall_behind(self) -> None:
        self._queue.clear()
        self._outlet = None
        self.lagging = True
        self._changed.set()

    def beat(self, piece: Piece) -> None:
        """A sign of life, if nothing else went to this client since the last."""
        if self.quiet and not self.lagging:
            self.put(piece)
        self.quiet = True

    def restart(self, position: int) -> None:
        """Drop everything: a snapshot as of `position` comes next, and what is put from now on after it."""
        self._queue.clear()
        self._outlet = None
        self.lagging = False
        self.position = position

    def follow(self, outlet: Outlet) -> None:
        """It was sent its snapshot: what waits goes to `outlet`, and so does what is put from now on."""
        if self.lagging or self.closed:
            return
        for piece in self._queue:
            outlet.write(piece)
        self._queue.clear()
        self._outlet = outlet

    def close(self) -> None:
        """Send nothing more."""
        self.closed = True
        self._outlet = None
        self._changed.set()

    async def changed(self) -> None:
        """Return as soon as the client is behind, or closed."""
        while not self.closed and not self.lagging:
            self._changed.clear()
            await self._changed.wait()
