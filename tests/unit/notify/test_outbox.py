"""The outbox over the log in memory, with a clock that only the test moves: hours take no time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb
from ferryman.engine.outbox import lane as lanes
from ferryman.engine.outbox.outbox import Outbox
from ferryman.engine.outbox.record import STREAM
from ferryman.model.errors import Rejected, StoreError, Unreachable, UsageError
from ferryman.model.event import Draft
from ferryman.model.notice import Notice, NoticeKind
from ferryman.model.notify import Rule
from ferryman.model.plan import Phase
from ferryman.model.release import Pause, SetWeight
from ferryman.notify.base import Delayed, Message
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
        outbox.look_for_stuck()
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


def test_what_happens_is_told_once() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        carry(world)
        await world.turn(outbox)
        await world.turn(outbox)
        kinds = [m.notice.kind.value for m in world.channels["ops"].sent]
        assert kinds == ["started", "promoted", "started", "approval"]
        assert [o for o, _, _ in await world.outcomes()] == ["sent"] * 4
        assert await world.store.verify_entries(STREAM) == 5

    played(story)


def test_what_happened_before_the_first_start_is_not_told() -> None:
    async def story(world: World) -> None:
        carry(world)
        await world.write()
        outbox = await world.begin()
        await world.turn(outbox)
        assert world.ops() == []
        world.book.verb(Verb.ABORT)
        await world.turn(outbox)
        assert [m.notice.kind for m in world.channels["ops"].sent] == [NoticeKind.ROLLBACK]

    played(story)


def test_an_outage_of_an_hour_loses_nothing_and_is_seen() -> None:
    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        ops.problem = DOWN
        carry(world)
        began = world.now
        await world.pass_time(outbox, 3600.0)
        assert world.ops() == []
        tries = [at - began for at, _ in ops.tries]
        gaps = [after - before for before, after in pairwise(tries)]
        assert len(ops.tries) < 40, "an hour of trouble is not an hour of attempts"
        assert all(0.5 <= gap <= 301.0 for gap in gaps), gaps
        assert all(half <= gap <= 2 * half for gap, half in zip(gaps[:8], [0.5, 1, 2, 4, 8, 16, 32, 64], strict=True))
        view = outbox.views()[0]
        assert (view.queued, view.last, view.oldest_at) == (4, "waiting", began)
        assert "Connection refused" in view.trouble
        ops.problem = None
        await world.pass_time(outbox, 301.0)
        assert sorted(world.ops()) == sorted(i for _, _, i in await world.outcomes())
        assert len(set(world.ops())) == len(world.ops()) == 4
        assert outbox.views()[0].trouble == ""

    played(story)


def test_the_way_back_is_told_first_of_nothing_but_never_dropped_for_a_start() -> None:
    """A queue that is full drops starts and promotions, not rollbacks, and the journal says so."""

    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        outbox.lanes["ops"].queue.most = 3
        ops.problem = DOWN
        carry(world)
        world.book.verb(Verb.ABORT)
        world.book.run()
        await world.turn(outbox)
        dropped = [i for o, _, i in await world.outcomes() if o == "dropped"]
        assert len(dropped) == 3
        ops.problem = None
        await world.pass_time(outbox, 10.0)
        kinds = [m.notice.kind for m in ops.sent]
        assert NoticeKind.ROLLBACK in kinds
        assert NoticeKind.APPROVAL in kinds
        assert outbox.views()[0].dropped == 3

    played(story)


def test_a_restart_goes_on_where_it_stood() -> None:
    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        carry(world)
        await world.turn(outbox)
        before = world.ops()
        ops.problem = DOWN
        world.book.verb(Verb.ABORT)
        world.book.run()
        await world.turn(outbox)
        # kill -9: what is in memory is gone, the journal and the log are not.
        ops.problem = None
        outbox = await world.begin()
        await world.turn(outbox)
        assert world.ops()[: len(before)] == before
        assert len(set(world.ops())) == len(world.ops()) == 6
        # and once more, with nothing left to say
        await (await world.begin()).close()
        outbox = await world.begin()
        await world.turn(outbox)
        assert len(world.ops()) == 6

    played(story)


def test_dead_between_sending_and_noting_means_twice_under_the_same_id() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        carry(world)
        await world.write()
        await outbox.read()
        lane = outbox.lanes["ops"]
        assert await lane.attempt(lambda: world.now)
        assert world.ops() == ["shop/2/ops"]
        outbox = await world.begin()  # before anything was written down
        await world.turn(outbox)
        assert world.ops().count("shop/2/ops") == 2
        assert len(set(world.ops())) == 4
        assert [i for _, _, i in await world.outcomes()].count("shop/2/ops") == 1

    played(story)


def test_a_refusal_for_good_is_noted_and_the_next_is_tried() -> None:
    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        ops.problem = Rejected("channel_refused", "https://hooks.example.org answers 410")
        carry(world)
        await world.turn(outbox)
        assert [o for o, _, _ in await world.outcomes()] == ["given_up"] * 4
        assert len(ops.tries) == 4
        assert "given up" in outbox.views()[0].trouble

    played(story)


def test_after_a_day_of_trying_it_is_given_up_and_said_so() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        world.channels["ops"].problem = DOWN
        world.book.deploy(release("v1"))
        world.book.run()
        await world.pass_time(outbox, 90_000.0)
        given_up = [i for o, _, i in await world.outcomes() if o == "given_up"]
        assert len(given_up) == 2
        assert outbox.views()[0].queued == 0
        assert outbox.views()[0].given_up == 2

    played(story)


def test_slack_asks_for_time() -> None:
    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        ops.problem = Delayed("channel_busy", "answers 429", after_seconds=120.0)
        world.book.deploy(release("v1"))
        await world.turn(outbox)
        world.book.run()
        await world.pass_time(outbox, 119.0)
        assert len(ops.tries) == 1
        ops.problem = None
        await world.pass_time(outbox, 2.0)
        assert len(world.ops()) == 2

    played(story)


def test_one_channel_in_trouble_does_not_hold_another_up() -> None:
    async def story(world: World) -> None:
        world.channels["ops"].problem = DOWN
        outbox = await world.begin()
        carry(world)
        await world.turn(outbox)
        assert len(world.channels["team"].sent) == 4
        # Each has its own place in the log, also after a restart.
        await outbox.close()
        world.channels["ops"].problem = None
        outbox = await world.begin()
        await world.turn(outbox)
        assert (len(world.channels["ops"].sent), len(world.channels["team"].sent)) == (4, 4)

    played(story, channels={"ops": MemoryChannel(), "team": MemoryChannel()})


def test_rules_and_a_channel_that_is_added_later() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        carry(world)
        await world.turn(outbox)
        assert [m.notice.kind for m in world.channels["ops"].sent] == [NoticeKind.APPROVAL]
        await outbox.close()
        world.channels["new"] = MemoryChannel()
        world.rules = ()
        outbox = await world.begin()
        world.book.verb(Verb.ABORT)
        await world.turn(outbox)
        assert [m.notice.kind for m in world.channels["new"].sent] == [NoticeKind.ROLLBACK]
        # Rules that were widened do not bring up old events again.
        assert [m.notice.kind for m in world.channels["ops"].sent] == [NoticeKind.APPROVAL, NoticeKind.ROLLBACK]

    played(story, rules=(Rule(kinds=(NoticeKind.APPROVAL,)),))


def test_stuck_is_told_once_also_over_a_restart() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        book = world.book
        book.deploy(release("v1"))
        book.run()
        book.never_ready.add("v2")
        book.deploy(release("v2", strategy=canary(SetWeight(25, 1))))
        for _ in range(5):
            book.tick()
        await world.turn(outbox)
        for _ in range(3):
            world.now = book.now + 1000.0
            await world.turn(outbox)
            await outbox.close()
            outbox = await world.begin()
            await world.turn(outbox)
        stuck = [i for i in world.ops() if "/stuck/" in i]
        assert len(stuck) == 1

    played(story)


def test_a_store_that_fails_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        carry(world)
        await world.write()
        real = world.store.events
        calls = 0

        async def failing(*args: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise StoreError("store_failed", "the disk is away")
            return await real(*args, **more)

        world.book.deploy(release("v3"))
        outbox._reader._services.clear()  # type: ignore[union-attr]
        monkeypatch.setattr(world.store, "events", failing)
        with pytest.raises(StoreError):
            await outbox.read()
        await world.turn(outbox)
        assert len(world.ops()) == 4

    played(story)


def test_a_journal_that_fails_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        carry(world)
        await world.write()
        await outbox.read()
        while await outbox.lanes["ops"].attempt(lambda: world.now):
            pass

        async def failing(*_: Any, **__: Any) -> Any:
            raise StoreError("disk_full", "no space")

        with monkeypatch.context() as patch:
            patch.setattr(world.store, "write", failing)
            with pytest.raises(StoreError):
                await outbox.write_down()
        await world.turn(outbox)
        assert len(world.ops()) == len(await world.outcomes()) == 4

    played(story)


def test_a_notice_that_never_gets_through_is_given_up_when_too_many_passed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "DONE_MAX", 2)

    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        real = ops.send

        async def picky(message: Message, now: float) -> str:
            if message.id == "shop/2/ops":
                raise DOWN
            return await real(message, now)

        ops.send = picky
        carry(world)
        await world.pass_time(outbox, 60.0)
        assert ("given_up", "ops", "shop/2/ops") in await world.outcomes()

    played(story)


def test_the_tasks_carry_it_by_themselves() -> None:
    async def story(world: World) -> None:
        carry(world)
        await world.write()
        outbox = await world.begin()
        await outbox.close()
        await outbox.start()
        world.book.verb(Verb.ABORT)
        await world.write()
        outbox.wake()
        async with asyncio.timeout(10):
            while not world.ops():  # noqa: ASYNC110 -- nothing tells when a channel was sent to
                await asyncio.sleep(0.01)
        await outbox.close()
        assert [m.notice.kind for m in world.channels["ops"].sent] == [NoticeKind.ROLLBACK]

    played(story)


def test_a_test_message_goes_out_at_once_and_names_who_asked() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        assert await outbox.test("ops", "ana") == "kept"
        assert "ana" in world.channels["ops"].sent[0].notice.title
        with pytest.raises(UsageError) as caught:
            await outbox.test("nobody", "ana")
        assert caught.value.code == "unknown_channel"

    played(story)
