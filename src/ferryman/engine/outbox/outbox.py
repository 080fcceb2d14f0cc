"""Duty 6 of the engine, beside the loops: tell people. Nothing here is waited for by a rollout.

One task reads the log and queues, one task for each channel sends. Whatever was sent is noted afterwards, so that a
controller that dies in between sends it again under the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ferryman.engine.outbox.lane import Lane
from ferryman.engine.outbox.reader import Fold, LogReader
from ferryman.engine.outbox.record import Mark, load_marks, write_checkpoint, write_settled
from ferryman.engine.outbox.rules import routed
from ferryman.model.errors import FerrymanError, StoreError, UsageError
from ferryman.model.notice import Audience, ChannelView, Notice, NoticeKind, Severity
from ferryman.model.notify import Rule
from ferryman.model.rollout import Service
from ferryman.notify.base import Channel, Message
from ferryman.notify.notices import STUCK, stuck
from ferryman.store.base import Store

log = logging.getLogger("ferryman.notify")

LOOK_SECONDS = 10.0
"""How often rollouts that are stuck are looked for, and the longest wait for news of the log."""

PAUSE_SECONDS = 0.2
"""The log is read no more often than this, however much happens."""

RETRY_SECONDS = 5.0
"""The wait after the store failed."""

CHECKPOINT_OUTCOMES = 200
CHECKPOINT_SECONDS = 600.0
"""A checkpoint is written after so many outcomes, and after so long when the log has moved."""

Compose = Callable[[Notice, str], Message]
Standing = Callable[[float], Iterable[Notice]]
"""What holds at an epoch second and stands in no event of a service. Its notices are told once for as long as they are
among these; their keys begin with `STANDING`."""

STANDING = ":"


def nothing_standing(_: float) -> tuple[Notice, ...]:
    """Nothing to tell but what is in the log."""
    return ()


@dataclass
class Outbox:
    """`compose(notice, channel)` makes the message for a channel; `services` gives the newest state of all services;
    `now` epoch seconds, `chance` numbers from 0 to 1. `standing` is looked at with the rollouts that are stuck."""

    store: Store
    fold: Fold
    channels: Mapping[str, Channel]
    rules: tuple[Rule, ...]
    compose: Compose
    services: Callable[[], Iterable[Service]]
    now: Callable[[], float]
    chance: Callable[[], float]
    stuck_seconds: float = 900.0
    standing: Standing = nothing_standing
    lanes: dict[str, Lane] = field(default_factory=dict[str, Lane])

    def __post_init__(self) -> None:
        self._news = asyncio.Event()
        self._wakes: dict[str, asyncio.Event] = {name: asyncio.Event() for name in self.channels}
        self._tasks: list[asyncio.Task[None]] = []
        self._reader: LogReader | None = None
        self._lasting: frozenset[str] = frozenset()
        self._written = asyncio.Lock()
        self._outcomes = 0
        self._queued_to = 0
        self._looked_at = 0.0
        self._checked_at = 0.0
        self._checked_to = 0

    # ------------------------------------------------------------------ life
    async def start(self) -> None:
        """Find out where each channel stands, then begin to tell. Raises `StoreError`."""
        newest = [stored.position for stored in await self.store.newest(limit=1)]
        await self.recover(newest[0] if newest else 0)
        self._tasks = [asyncio.create_task(self._read_on(), name="notices of the log")]
        for name in self.lanes:
            self._tasks.append(asyncio.create_task(self._carry(name), name=f"channel {name}"))

    async def recover(self, position: int) -> None:
        """Take up where the journal says; channels that are new begin at `position`, the end of the log."""
        marks, known = await load_marks(self.store, tuple(self.channels), position)
        for name, channel in self.channels.items():
            self.lanes[name] = Lane(name, channel, marks[name], self.chance)
        first = min((mark.cursor for mark in marks.values()), default=position)
        self._reader, self._queued_to = LogReader(self.store, self.fold, first), first
        # Until the services are known, what was told of them counts as true.
        told = [i.removesuffix(f"/{name}") for name, mark in marks.items() for i in mark.done]
        self._lasting = frozenset(key for key in told if STUCK in key or key.startswith(STANDING))
        self._checked_at, self._checked_to = self.now(), position
        if not known:
            await write_checkpoint(self.store, marks, self.now())

    async def close(self) -> None:
        """Stop telling; note where everything stands. Raises nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with contextlib.suppress(FerrymanError):
            await self.write_down(whole=True)
        for lane in self.lanes.values():
            with contextlib.suppress(FerrymanError, OSError):
                await lane.channel.close()

    def wake(self) -> None:
        """The log has news."""
        self._news.set()

    # ------------------------------------------------------------------ from the log to the queues
    async def _read_on(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.read()
                if self.now() - self._looked_at >= LOOK_SECONDS:
                    self.look_around()
                await self.write_down()
            except StoreError as problem:
                log.warning("notices wait for the store: %s", problem.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                log.exception("reading the log for notices failed")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await asyncio.sleep(PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()

    async def read(self) -> None:
        """Queue everything that the log has. Raises `StoreError`."""
        assert self._reader is not None
        while found := await self._reader.read():
            for position, notice in found:
                self._queue(notice, position)
        self._queued_to = self._reader.position
        for lane in self.lanes.values():
            lane.advance(self._queued_to, self._lasting_ids(lane.name))

    def look(self) -> None:
        """Look around at once: something that holds may have changed."""
        self._looked_at = 0.0
        self._news.set()

    def look_around(self) -> None:
        """Tell of rollouts that do not move, and of what else holds."""
        now = self._looked_at = self.now()
        known = [service for service in self.services() if service.seq]
        found = [notice for s in known if (notice := stuck(s, now, self.stuck_seconds)) is not None]
        found += self.standing(now)
        names = {service.name for service in known}
        unknown = {key for key in self._lasting if STUCK in key and key.partition("/")[0] not in names}
        self._lasting = frozenset({notice.key for notice in found} | unknown)
        for notice in found:
            self._queue(notice, self._queued_to, late=True)

    def _queue(self, notice: Notice, position: int, *, late: bool = False) -> None:
        for name in routed(self.rules, self.channels, notice):
            lane = self.lanes[name]
            if lane.knows(f"{notice.key}/{name}", lane.mark.cursor + 1 if late else position):
                continue
            lane.queue_up(self.compose(notice, name), position, self.now(), late=late)
            self._wakes[name].set()

    def recompose(self) -> None:
        """Make what waits anew: what is in messages beside their notices has changed."""
        for name, lane in self.lanes.items():
            for item in lane.queue.items:
                item.message = self.compose(item.message.notice, name)

    def _lasting_ids(self, name: str) -> frozenset[str]:
        return frozenset(f"{key}/{name}" for key in self._lasting)

    # ------------------------------------------------------------------ from the queues to the world
    async def _carry(self, name: str) -> None:
        lane, wake = self.lanes[name], self._wakes[name]
        while True:
            wake.clear()
            if await lane.attempt(self.now):
                try:
                    await self.write_down()
                except StoreError as problem:
                    # It is in the lane's list until it is written; until then a restart would send it again.
                    log.warning("what became of notices cannot be noted: %s", problem.message)
                continue
            due = lane.queue.next_at()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - self.now())):
                    await wake.wait()

    async def write_down(self, *, whole: bool = False) -> None:
        """Note outcomes, and where all channels stand when it is time (or `whole`). Raises `StoreError`."""
        async with self._written:
            for lane in self.lanes.values():
                while lane.settled:
                    await write_settled(self.store, lane.settled[0], self.now())
                    del lane.settled[0]
                    self._outcomes += 1
            moved = self._queued_to > self._checked_to or self._outcomes > 0
            late = self.now() - self._checked_at >= CHECKPOINT_SECONDS
            if moved and (whole or late or self._outcomes >= CHECKPOINT_OUTCOMES):
                await self._checkpoint()

    async def _checkpoint(self) -> None:
        position = self._queued_to
        for lane in self.lanes.values():
            lane.advance(position, self._lasting_ids(lane.name))
        marks: dict[str, Mark] = {name: lane.mark for name, lane in self.lanes.items()}
        await write_checkpoint(self.store, marks, self.now())
        self._outcomes, self._checked_at, self._checked_to = 0, self.now(), position

    # ------------------------------------------------------------------ what people ask
    def views(self) -> tuple[ChannelView, ...]:
        """How each channel fares, in the order of the settings."""
        return tuple(lane.view() for lane in self.lanes.values())

    async def test(self, name: str, actor: str) -> str:
        """Send a test message at once, outside the queue; what the other side said. Raises `UsageError`
        (``unknown_channel``) and what `Channel.send` raises."""
        lane = self.lanes.get(name)
        if lane is None:
            known = ", ".join(self.lanes) or "none: see `notify` in the settings file"
            raise UsageError("unknown_channel", f"there is no channel {name!r}", f"channels are {known}")
        now = self.now()
        notice = Notice(
            key=f"test/{int(now * 1000)}",
            kind=NoticeKind.TEST,
            severity=Severity.INFO,
            audience=tuple(Audience),
            service="",
            at=now,
            title=f"A test message from Ferryman, asked for by {actor}",
            actor=actor,
            reason="if you can read this, the channel works",
        )
        return await lane.channel.send(self.compose(notice, name), now)
