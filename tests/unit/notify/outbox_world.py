"""An outbox over the log in memory, with a clock that only the test moves: hours take no time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from ferryman.core.evolve import evolve
from ferryman.engine.outbox.outbox import Outbox
from ferryman.engine.outbox.record import STREAM
from ferryman.model.errors import Unreachable
from ferryman.model.event import Draft
from ferryman.model.notice import Notice
from ferryman.model.notify import Rule
from ferryman.model.plan import Phase
from ferryman.model.release import Pause, SetWeight
from ferryman.notify.base import Message
from ferryman.notify.memory import MemoryChannel
from ferryman.store.base import Append
from ferryman.store.memory import MemoryStore
from unit.playbook import Book, canary, release

DOWN = Unreachable("channel_unreachable", "https://hooks.example.org cannot be reached: Connection refused")


@dataclass
class World:
    """A store with the story of a book in it, and an outbox that can be made anew, as a restart does."""

    channels: dict[str, MemoryChannel] = field(default_factory=lambda: {"ops": MemoryChannel()})
    rules: tuple[Rule, ...] = ()
    store: MemoryStore = field(default_factory=lambda: MemoryStore(fold=evolve))
    book: Book = field(default_factory=lambda: Book(now=1_700_000_000.0))
    now: float = 1_700_000_000.0
    written: int = 0
    standing: list[Notice] = field(default_factory=list[Notice])

    async def begin(self) -> Outbox:
        """A controller starts."""
        outbox = Outbox(
            store=self.store,
            fold=evolve,
            channels=self.channels,
            rules=self.rules,
            compose=compose,
            services=lambda: (self.book.service,),
            now=lambda: self.now,
            chance=random.Random(1).random,
            standing=lambda _: self.standing,
        )
        newest = await self.store.newest(limit=1)
        await outbox.recover(newest[0].position if newest else 0)
        return outbox

    async def write(self) -> None:
        """What happened in the book since goes into the log."""
        events = self.book.events[self.written :]
        self.written = len(self.book.events)
        if events:
            lease = await self.store.claim("shop", "test", self.now, 1e9)
            drafts = tuple(Draft(e.rollout, e.body, e.actor) for e in events)
            await self.store.append(Append(lease, events[0].seq - 1, self.now, drafts))

    async def turn(self, outbox: Outbox) -> None:
        """The log is read and everything tried that is due now."""
        await self.write()
        await outbox.read()
        outbox.look_around()
        for lane in outbox.lanes.values():
            while await lane.attempt(lambda: self.now):
                pass
        await outbox.write_down()

    async def pass_time(self, outbox: Outbox, seconds: float) -> None:
        """Let time pass; whatever becomes due is tried at its moment."""
        end = self.now + seconds
        await self.turn(outbox)
        while True:
            due = min((at for lane in outbox.lanes.values() if (at := lane.queue.next_at()) is not None), default=end)
            self.now = max(self.now, min(due, end))
            await self.turn(outbox)
            if self.now >= end:
                return

    def ops(self) -> list[str]:
        """Ids that reached the channel `ops`."""
        return [message.id for message in self.channels["ops"].sent]

    async def outcomes(self) -> list[tuple[str, str, str]]:
        """(outcome, channel, id) out of the journal."""
        found = await self.store.entries(STREAM)
        return [(e.kind, e.body["channel"], e.body["id"]) for e in found if e.kind != "checkpoint"]


def compose(notice: Notice, channel: str) -> Message:
    return Message(f"{notice.key}/{channel}", notice)


def played(story: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def run() -> None:
        world = World(**settings)
        await world.store.open()
        await story(world)

    asyncio.run(run())


def carry(world: World) -> None:
    """v1 is promoted; v2 waits for a person at 25 %."""
    world.book.deploy(release("v1"))
    world.book.run()
    world.book.deploy(release("v2", strategy=canary(SetWeight(25, 1), Pause(), SetWeight(50, 1))))
    world.book.run(until=Phase.PAUSED)
