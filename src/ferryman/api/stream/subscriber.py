"""One client of the stream: what is still to be sent to it, within a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

QUEUE_MAX = 8
"""Pieces that wait for one client. One more, and all of them give way to a snapshot."""

StillAllowed = Callable[[], Awaitable[bool]]

Services = frozenset[str] | None
"""The services that a client follows; None: all."""


class Subscriber:
    """`lagging`: pieces were dropped, a snapshot has to come first. `closed`: the client left, or the server stops.
    `still_allowed` is asked from time to time, for a credential may end while its stream is open."""

    __slots__ = ("_queue", "_wake", "closed", "lagging", "position", "services", "still_allowed")

    def __init__(self, services: Services, position: int, still_allowed: StillAllowed | None = None) -> None:
        self.services = services
        self.still_allowed = still_allowed
        self.position = position
        self.lagging = False
        self.closed = False
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def follows(self, service: str) -> bool:
        """Whether messages about `service` are for this client."""
        return self.services is None or service in self.services

    def put(self, piece: bytes) -> bool:
        """Hand over a piece; False when the client was, or now is, too far behind."""
        if self.lagging:
            return False
        if len(self._queue) >= QUEUE_MAX:
            self._queue.clear()
            self.lagging = True
        else:
            self._queue.append(piece)
        self._wake.set()
        return not self.lagging

    def put_heartbeat(self, piece: bytes) -> None:
        """A sign of life, for a client to which nothing else is on its way."""
        if not self._queue and not self.lagging:
            self.put(piece)

    def restart(self, position: int) -> None:
        """Drop everything: a snapshot as of `position` comes next, and what is put from now on after it."""
        self._queue.clear()
        self.lagging = False
        self.position = position

    def close(self) -> None:
        """Send nothing more."""
        self.closed = True
        self._wake.set()

    async def take(self) -> bytes:
        """All that waits, as one piece, as soon as there is any; empty when closed or behind."""
        while not self._queue and not self.closed and not self.lagging:
            self._wake.clear()
            await self._wake.wait()
        if self.closed or self.lagging:
            return b""
        taken = self._queue[0] if len(self._queue) == 1 else b"".join(self._queue)
        self._queue.clear()
        return taken
