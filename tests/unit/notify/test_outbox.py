"""The outbox: retries, limits, rules, and what is seen of it. Hours take no time here."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from msgspec.structs import replace

from ferryman.core.phases import Verb
from ferryman.engine.outbox import lane as lanes
from ferryman.engine.outbox.record import STREAM
from ferryman.model.errors import Rejected, UsageError
from ferryman.model.notice import NoticeKind
from ferryman.notify.base import Delayed, Message
from ferryman.notify.memory import MemoryChannel
from unit.notify.outbox_world import DOWN, World, carry, compose, played
from unit.playbook import release


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
        assert "was given up: https://hooks.example.org cannot be reached" in outbox.views()[0].trouble

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


def test_what_waits_is_made_anew_when_links_are() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        world.channels["ops"].problem = DOWN
        carry(world)
        await world.turn(outbox)
        outbox.compose = lambda notice, channel: replace(compose(notice, channel), link="https://f.example/new")
        outbox.recompose()
        world.channels["ops"].problem = None
        await world.pass_time(outbox, 600.0)
        sent = world.channels["ops"].sent
        assert sorted(m.notice.kind.value for m in sent) == ["approval", "promoted", "started", "started"]
        assert {m.link for m in sent} == {"https://f.example/new"}

    played(story)
