"""Flags as a controller keeps them: numbered, guarded, served from memory. Invariant 15."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ferryman.engine.flags import service as service_room
from ferryman.engine.flags.service import FlagService
from ferryman.engine.flags.texts import flags_text
from ferryman.flags.definition import Flag, Need, Rule
from ferryman.flags.ledger import STREAM, Change, Driver
from ferryman.model.errors import Conflict, FerrymanError, Refused, Stale, StoreError, UsageError
from ferryman.model.generation import Generation
from ferryman.model.world import FlagShare
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore
from flagkit import experiment, release, rollout

Body = Callable[[FlagService, MemoryStore], Awaitable[None]]


def run(body: Body) -> None:
    async def inner() -> None:
        store = MemoryStore()
        await store.open()
        service = FlagService(lambda: 1000.0)
        await service.load(store)
        await body(service, store)

    asyncio.run(inner())


def at(exposure: float, **changes: Any) -> Flag:
    return release(rollout=rollout(exposure), **changes)


async def write(service: FlagService, *flags: Flag, environment: str = "prod", **given: Any) -> int:
    given = {"parent": service.ledger.version, "actor": "ana"} | given
    result = await service.write([Change(environment, {flag.key: flag for flag in flags})], **given)
    return result.version


def variant(service: FlagService, user: str = "user-1", environment: str = "prod") -> str | None:
    return service.served(environment).evaluator.details("new-checkout", None, {"targetingKey": user}).variant


def test_every_write_has_the_next_number_over_all_environments() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        assert await write(service, at(10)) == 1
        assert await write(service, at(10), environment="staging") == 2
        assert await write(service, at(25)) == 3
        assert (service.served("prod").version, service.served("staging").version) == (3, 2)
        assert await write(service, at(25)) == 0, "nothing changed, nothing is written"
        assert len(await store.entries(STREAM)) == 3

    run(body)


def test_thousands_of_flags_are_one_write_and_are_there_again() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        told: list[tuple[int, int]] = []
        service.on_change(lambda _, version, keys: told.append((version, len(keys))))
        many = [at(number % 100, key=f"flag-{number}", description="x" * 100) for number in range(1500)]
        assert await write(service, *many) == 1
        (entry,) = await store.entries(STREAM)
        assert len(msgspec.json.encode(entry.body)) > 512 * 1024
        assert told == [(1, 1500)]
        again = FlagService(lambda: 1000.0)
        await again.load(store)
        assert again.served("prod").flags == service.served("prod").flags
        with pytest.raises(Conflict):
            await write(service, many[7], at(50, key="flag-8"), parent=0)
        assert service.environment("prod").version == 1

    run(body)


def test_the_second_of_two_editors_is_told_who_was_first() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10))
        await write(service, at(20), parent=1, actor="ben")
        with pytest.raises(Conflict, match="is at version 2 by ben, and 1 was looked at") as caught:
            await write(service, at(30), parent=1)
        assert caught.value.code == "flag_moved"
        await write(service, release("another"), parent=1)

    run(body)


def test_moving_exposed_users_takes_a_word() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10))
        other = release(rollout=rollout(10, seed="other"))
        with pytest.raises(Refused, match=r"of 100,000 users 8,\d\d\d of those exposed would change") as caught:
            await write(service, other)
        assert (caught.value.code, service.ledger.version) == ("rebucket", 1)
        await write(service, other, rebucket=True)

    run(body)


def test_an_experiment_stays_divided_as_users_met_it() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        names, halves = ("a", "b"), (("a", 50.0), ("b", 50.0))
        await write(service, experiment(names, rollout(10, *halves)))
        await write(service, experiment(names, rollout(0, *halves)))
        with pytest.raises(Refused, match="users met this experiment as it is divided now"):
            await write(service, experiment(names, rollout(0, ("a", 60.0), ("b", 40.0))))
        await write(service, experiment(names, rollout(60, *halves)))

    run(body)


def test_environments_share_variants() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10))
        await write(service, at(100), environment="staging")
        with pytest.raises(Refused, match="would differ between prod and staging in off"):
            await write(service, at(100, off="on"), environment="staging", rebucket=True)

    run(body)


def test_a_kill_serves_off_and_leaves_what_was_intended() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(100))
        assert variant(service) == "on"
        assert await service.override("kill", "prod", "new-checkout", actor="ana", reason="S3 is down") == 2
        assert variant(service) == "off"
        assert await service.override("kill", "prod", "new-checkout", actor="ben") == 2, "twice is once"
        await write(service, at(50))
        assert variant(service) == "off", "a write does not end a kill"
        await service.override("trip", "prod", "new-checkout", actor="ferryman")
        await service.override("unkill", "prod", "new-checkout", actor="ana")
        assert variant(service) == "off", "it is still tripped"
        await service.override("recover", "prod", "new-checkout", actor="ferryman")
        assert service.environment("prod").flags["new-checkout"] == at(50)
        assert service.served("prod").flags["new-checkout"]["targeting"]
        done = [each.kind for each in service.environment("prod").history["new-checkout"]]
        assert done == ["created", "killed", "written", "tripped", "unkilled", "recovered"]

    run(body)


def test_whoever_needs_a_flag_is_served_anew_with_it() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        heard: list[tuple[str, int, frozenset[str]]] = []
        service.on_change(lambda *change: heard.append(change))
        await write(service, release("cart", rollout=rollout(100)), at(100, needs=(Need("cart", "on"),)))
        await service.override("kill", "prod", "cart", actor="ana")
        assert variant(service) == "off"
        both = frozenset({"cart", "new-checkout"})
        assert heard == [("prod", 1, both), ("prod", 2, both)]
        assert service.served("prod").since(1) == both
        assert service.served("prod").since(2) == frozenset()
        assert service.served("prod").since(3) is None

    run(body)


def test_segments_change_those_who_name_them_and_are_kept_while_used() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        flag = at(0, rules=(Rule("on", when='segment("staff")'),))
        with pytest.raises(Refused, match="there is no segment `staff`"):
            await write(service, flag)
        await service.write(
            [Change("prod", {flag.key: flag}, {"staff": "targetingKey == 'user-1'"})], parent=0, actor="ana"
        )
        assert variant(service) == "on"
        await service.write([Change("prod", {}, {"staff": "targetingKey == 'x'"})], parent=1, actor="ana")
        assert variant(service) == "off"
        with pytest.raises(Refused, match="the segment `staff` is used by new-checkout"):
            await service.write([Change("prod", {}, {"staff": None})], parent=2, actor="ana")

    run(body)


def test_a_flag_that_others_need_is_not_removed() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, release("cart", rollout=None), at(100, needs=(Need("cart", "on"),)))
        with pytest.raises(Refused, match="the flag `cart` is needed by new-checkout"):
            await service.write([Change("prod", {"cart": None})], parent=1, actor="ana")
        await service.write([Change("prod", {"cart": None, "new-checkout": None})], parent=1, actor="ana")
        assert service.served("prod").flags == {}
        with pytest.raises(UsageError, match="there is no flag 'cart' in prod"):
            service.known("prod", "cart")

    run(body)


def test_an_earlier_version_can_be_read_again() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10))
        await write(service, at(20))
        assert await service.version_of("prod", "new-checkout", 1) == at(10)
        with pytest.raises(UsageError, match="was not written in version 7"):
            await service.version_of("prod", "new-checkout", 7)

    run(body)


def test_all_of_it_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async def body() -> None:
        store = SqliteStore(tmp_path / "state.db")
        await store.open()
        service = FlagService(lambda: 1000.0)
        await service.load(store)
        await write(service, at(100, rules=(Rule("on", allow=("a",), when="b == 1"),)), release("other"))
        await service.override("kill", "prod", "other", actor="ana", reason="load")
        again = FlagService(lambda: 2000.0)
        await again.load(store)
        assert again.environment("prod").flags == service.environment("prod").flags
        assert again.served("prod").encoded() == service.served("prod").encoded()
        assert again.environment("prod").override("other") == service.environment("prod").override("other")
        assert again.served("prod").since(2) == frozenset()
        assert again.served("prod").since(1) is None
        await write(again, at(50))
        with pytest.raises(Conflict):
            await write(service, at(10))
        await store.close()

    asyncio.run(body())


def test_a_lost_store_refuses_writes_and_serves_on() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(100))
        assert await service.check_store() == ""
        await store.close()
        with pytest.raises(StoreError):
            await write(service, at(50))
        with pytest.raises(StoreError):
            await service.override("kill", "prod", "new-checkout", actor="ana")
        assert "not open" in await service.check_store()
        assert variant(service) == "on"
        await store.open()
        assert await service.check_store() == ""
        await write(service, at(50))

    run(body)


def test_a_write_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_room, "ENTRY_BYTES_MAX", 256 * 1024)

    async def body(service: FlagService, store: MemoryStore) -> None:
        rules = (Rule("on", allow=tuple(f"user-{n:08}" for n in range(3000))),)
        with pytest.raises(UsageError, match="bytes; at most"):
            await write(service, *(release(f"flag-{n}", rules=rules) for n in range(10)))

    run(body)


def test_what_was_done_is_told_in_words() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10), release("b"))
        await service.override("kill", "prod", "b", actor="ana", reason="load")
        await service.write([Change("prod", {"b": None}, {"s": "beta"})], parent=2, actor="ana", reverted=0)
        told = [flags_text(entry.kind, entry.body) for entry in await store.entries(STREAM)]
        assert told == [
            "wrote b, new-checkout in prod",
            "killed b in prod",
            "removed b, wrote segment s in prod",
        ]
        assert flags_text("flag_killed", {"odd": 1}) == flags_text("token_created", {}) == ""

    run(body)


def test_readers_keep_what_they_were_given() -> None:
    """Who reads a set while it is written sees all of the old one."""

    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(10))
        before = service.served("prod").flags
        await write(service, replace(at(10), description="new"), release("b"))
        assert set(before) == {"new-checkout"}

    run(body)


def test_errors_name_what_is_wrong() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        with pytest.raises(FerrymanError, match=r"flags\.a\.needs\[0\]\.flag: there is no flag `b`"):
            await write(service, release("a", needs=(Need("b", "on"),)))

    run(body)


def test_flags_that_everybody_gets_are_to_be_taken_out() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        assert service.stale() is None
        await write(service, at(50))
        assert service.stale() == ()
        await write(service, at(100))
        assert service.stale() == ("new-checkout",)

    run(body)


def test_a_fence_is_kept_and_no_client_sees_it() -> None:
    async def body(service: FlagService, store: MemoryStore) -> None:
        await write(service, at(0))
        told: list[int] = []
        service.on_change(lambda _, version, keys: told.append(version))
        newer, older = (Driver("shop", "shop-1", Generation(fence, 5)) for fence in (2, 1))
        await service.fence("prod", "new-checkout", newer)
        await service.fence("prod", "new-checkout", newer)
        assert not told
        *_, entry = await store.entries(STREAM)
        assert (entry.seq, entry.actor) == (2, "shop-1")
        assert flags_text(entry.kind, entry.body) == "took over new-checkout in prod"
        again = FlagService(lambda: 1000.0)
        await again.load(store)
        with pytest.raises(Stale):
            await again.drive(FlagShare("prod", "new-checkout", 10.0), older, reason="late")
        assert again.served("prod").version == 1
        await again.drive(FlagShare("prod", "new-checkout", 10.0), newer, reason="10%")
        assert again.served("prod").version == 3

    run(body)
