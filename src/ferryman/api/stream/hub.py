"""The middle of the stream: reads each event once, encodes it once, and writes the bytes to every client that follows.

It works while somebody listens and not a moment longer. A client that does not keep up loses single messages, never the
truth: it gets a snapshot as soon as it reads again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ferryman.api.port import Operations
from ferryman.api.stream.feed import VIEW_SECONDS, ViewFeed
from ferryman.api.stream.flags import FlagFeed
from ferryman.api.stream.messages import HEARTBEAT, Piece, events_message, snapshot_message, view_message
from ferryman.api.stream.subscriber import Services, StillAllowed, Subscriber
from ferryman.model.errors import ControllerError, FerrymanError
from ferryman.model.view import EventView

log = logging.getLogger("ferryman.stream")

CLIENTS_MAX = 20_000
HEARTBEAT_SECONDS = 15.0
BEATS = 15
"""Parts in which clients are given their heartbeat, so that many of them do not hold up everything else."""

PAGE = 500
VIEWS_AT_ONCE = 250
"""Clients that are sent a view before others have their turn."""

WAIT_SECONDS = 30.0
RETRY_SECONDS = 1.0


@dataclass
class Counts:
    """What the hub did since it was made. `dropped` counts pieces that a slow client did not get, `behind` the snapshots
    that made up for them."""

    clients: int = 0
    joined: int = 0
    events: int = 0
    views: int = 0
    snapshots: int = 0
    dropped: int = 0
    behind: int = 0


class Hub:
    """All clients of the stream of one controller."""

    def __init__(self, controller: Operations) -> None:
        self.counts = Counts()
        self.position = 0
        self._controller = controller
        self._subscribers: dict[Subscriber, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._starting = asyncio.Lock()
        self._feed = ViewFeed(controller, self._publish_view)
        self._flags = FlagFeed(controller.flags, self._publish_flags)
        self._closed = False

    async def join(self, services: Services, still_allowed: StillAllowed | None = None) -> Subscriber:
        """A new client, who gets what happens from `position` on. Raises `ControllerError` (``too_many_streams``,
        ``stopping``)."""
        if len(self._subscribers) >= CLIENTS_MAX:
            raise ControllerError(
                "too_many_streams", f"{CLIENTS_MAX} clients follow already", "poll /v1/services instead, or come later"
            )
        async with self._starting:
            if self._closed:
                raise ControllerError("stopping", "the controller is about to end", "connect again when it runs again")
            if not self._tasks:
                await self._start()
            subscriber = Subscriber(services, self.position, still_allowed)
            self._subscribers[subscriber] = self.counts.joined % BEATS
        self.counts.joined += 1
        self.counts.clients = len(self._subscribers)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """This client is gone; with the last one the work ends."""
        self._subscribers.pop(subscriber, None)
        self.counts.clients = len(self._subscribers)
        if not self._subscribers:
            self._stop()

    def close(self) -> None:
        """End every stream, and take no new one."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()
        self._stop()

    async def snapshot(self, services: Services, position: int) -> Piece:
        """The message that puts a client right, as of `position`."""
        self.counts.snapshots += 1
        names = services if services is not None else await self._controller.names()
        return snapshot_message(await self._feed.snapshot(names, position))

    async def since(self, services: Services, after: int, until: int) -> list[EventView]:
        """Events of the log that a client missed: positions above `after` up to `until`, at most `PAGE`."""
        one = next(iter(services)) if services is not None and len(services) == 1 else None
        found = await self._controller.events(one, after=after, limit=PAGE)
        return [event for event in found if event.position <= until]

    # ------------------------------------------------------------------ the work
    async def _start(self) -> None:
        self.position = await self._controller.wait(0, 0.0)
        self._flags.begin()
        duties = (self._pump(), self._watch(), self._beat())
        self._tasks = [asyncio.create_task(duty, name=f"stream {duty.__name__}") for duty in duties]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._feed.forget()
        self._flags.end()

    async def _pump(self) -> None:
        await self._forever(self._pump_once)

    async def _watch(self) -> None:
        await self._forever(self._watch_once)

    async def _forever(self, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await once()
            except FerrymanError as problem:
                log.warning("the stream waits: %s", problem.message)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # A defect here must not silence the stream for good.
                log.exception("the stream failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def _pump_once(self) -> None:
        newest = await self._controller.wait(self.position, WAIT_SECONDS)
        while newest > self.position:
            page = await self._controller.events(None, after=self.position, limit=PAGE)
            if not page:
                self.position = newest
                return
            self.position = page[-1].position
            self._publish_events(page)

    async def _watch_once(self) -> None:
        began = asyncio.get_running_loop().time()
        follow: set[str] = set()
        every = False
        for subscriber in self._subscribers:
            every = every or subscriber.services is None
            follow |= subscriber.services or frozenset()
        await self._feed.round(follow | set(await self._controller.names()) if every else follow)
        await asyncio.sleep(max(0.0, began + VIEW_SECONDS - asyncio.get_running_loop().time()))

    async def _beat(self) -> None:
        await self._forever(self._beat_once)

    async def _beat_once(self) -> None:
        for part in range(BEATS):
            await asyncio.sleep(HEARTBEAT_SECONDS / BEATS)
            for subscriber in [each for each, its in self._subscribers.items() if its == part]:
                if subscriber.still_allowed is not None and not await subscriber.still_allowed():
                    subscriber.close()
                subscriber.beat(HEARTBEAT)

    def _publish_events(self, page: tuple[EventView, ...]) -> None:
        self.counts.events += len(page)
        pieces: dict[Services, Piece] = {}
        for subscriber in self._subscribers:
            wanted = subscriber.services
            piece = pieces.get(wanted)
            if piece is None:
                piece = pieces[wanted] = events_message(e for e in page if subscriber.follows(e.service))
            if piece:
                self._put(subscriber, piece)

    async def _publish_view(self, service: str, view: bytes) -> None:
        """In parts: an event, which is news, goes before the rest of them."""
        self.counts.views += 1
        piece = view_message(view)
        for number, subscriber in enumerate([*self._subscribers], 1):
            if subscriber.follows(service) and not subscriber.closed:
                self._put(subscriber, piece)
            if number % VIEWS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _publish_flags(self, piece: Piece) -> None:
        """To those who follow every service: flags belong to none."""
        for subscriber in self._subscribers:
            if subscriber.services is None and not subscriber.closed:
                self._put(subscriber, piece)

    def _put(self, subscriber: Subscriber, piece: Piece) -> None:
        if not subscriber.put(piece):
            self.counts.dropped += 1
