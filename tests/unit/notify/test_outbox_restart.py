"""The outbox over restarts and failures of the store: nothing is lost, and at worst something comes twice."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.core.phases import Verb
from ferryman.model.errors import Rejected, StoreError
from ferryman.model.notice import Audience, Notice, NoticeKind, Severity
from ferryman.model.notify import Rule
from ferryman.model.release import SetWeight
from ferryman.notify.memory import MemoryChannel
from unit.notify.outbox_world import DOWN, World, carry, played
from unit.playbook import canary, release


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


@pytest.mark.parametrize("politely", [True, False])
def test_what_was_lost_for_good_is_known_after_a_restart_until_others_come_through(politely: bool) -> None:
    async def story(world: World) -> None:
        ops = world.channels["ops"]
        outbox = await world.begin()
        ops.problem = Rejected("channel_refused", "mail.example.org:25 refuses every recipient (550)")
        carry(world)
        await world.turn(outbox)
        ops.problem = None
        for _ in range(2):
            if politely:
                await outbox.close()
            outbox = await world.begin()
            (view,) = outbox.views()
            assert view.lost is not None
            assert (view.lost.count, view.lost.outcome, view.lost.over, view.given_up) == (4, "given_up", False, 0)
            assert view.trouble == f"ops: notice {view.lost.id} was given up: {view.lost.said}"
            assert "refuses every recipient (550)" in view.lost.said
        world.book.verb(Verb.ABORT)
        await world.turn(outbox)
        if politely:
            await outbox.close()
        (view,) = (await world.begin()).views()
        assert view.lost is not None
        assert (view.lost.count, view.lost.over, view.trouble) == (4, True, "")

    played(story)


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


def test_what_holds_without_an_event_is_told_once_until_it_ends() -> None:
    async def story(world: World) -> None:
        trip = tripped(world.now)
        world.standing = [trip]
        outbox = await world.begin()
        await world.turn(outbox)
        await world.turn(outbox)
        await outbox.close()
        world.now += 86_400.0
        outbox = await world.begin()
        carry(world)
        await world.turn(outbox)
        await outbox.close()
        outbox = await world.begin()
        await world.turn(outbox)
        assert world.ops().count(f"{trip.key}/ops") == 1, "over restarts, and whatever else is told meanwhile"
        world.standing = []
        await world.turn(outbox)
        await world.turn(outbox)
        world.standing = [trip]
        await world.turn(outbox)
        assert world.ops().count(f"{trip.key}/ops") == 2

    played(story)


def test_what_began_while_nobody_watched_is_told() -> None:
    async def story(world: World) -> None:
        outbox = await world.begin()
        await world.turn(outbox)
        world.standing = [tripped(world.now)]
        # kill -9 before anybody looked
        outbox = await world.begin()
        await world.turn(outbox)
        assert world.ops() == [":flags/prod/uploads/2/ops"]

    played(story)


def tripped(now: float) -> Notice:
    return Notice(
        key=":flags/prod/uploads/2", kind=NoticeKind.FLAG_TRIPPED, severity=Severity.CRITICAL, audience=tuple(Audience),
        service="", at=now, title="flag uploads in prod was turned off", actor="ferryman",
    )  # fmt: skip
