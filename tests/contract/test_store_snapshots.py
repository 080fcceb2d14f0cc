"""When the event log keeps a snapshot, that one which is behind is checked all the same, and one of another release."""

import asyncio
import logging
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.store_kit import LEASE_SECONDS, NOW, Kept, Scribe, down, note, opened, tally
from ferryman.model.errors import StoreError
from ferryman.model.event import Draft, Event
from ferryman.model.plan import Phase, Plan, Step
from ferryman.model.release import Release
from ferryman.model.rollout import Rollout, Service
from ferryman.model.world import Bounds, World
from ferryman.store.base import Append, Store
from ferryman.store.sqlite import SqliteStore

STEP = Step("all", Phase.PROGRESSING, World({}, {}, Bounds(1, 1)), ())
PLAN = Plan("rolling", "rev-b", None, 1, (STEP,), (STEP,), STEP.world)
RUNNING = Rollout(
    "r1",
    1,
    "deploy",
    Release(service="shop", label="v2", command=("run",), replicas=1),
    "rev-b",
    None,
    PLAN,
    NOW,
    "test",
)


def under_way(service: Service, event: Event) -> Service:
    """`tally` with a rollout that runs until the service is taken down."""
    return replace(tally(service, event), current=None if event.kind == "service_down" else RUNNING)


def test_a_snapshot_is_kept_now_and_then_and_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "events.db"

    def snapshot_seq() -> int:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT seq FROM snapshot").fetchone()[0]

    async def write(store: Store, *drafts: Draft) -> None:
        lease = await store.claim("shop", "one", NOW, LEASE_SECONDS)
        before = after = (await store.load("shop")).service
        for draft in drafts:
            after = under_way(after, Event("shop", after.seq + 1, draft.rollout, NOW, draft.actor, draft.body))
        await store.append(Append(lease, before.seq, NOW, drafts, after))
        assert (await store.load("shop")).service == after
        assert await store.verify("shop") == after.seq

    async def first_controller(store: Store) -> None:
        for _ in range(6):
            await write(store, note())
        assert snapshot_seq() == 5, "the first, and then every fourth"

    async def next_controller(store: Store) -> None:
        assert (await store.load_all())[0].service.seq == 6
        await write(store, note(), note())
        assert snapshot_seq() == 5
        await write(store, note())
        assert snapshot_seq() == 9
        await write(store, down())
        assert snapshot_seq() == 10, "at rest it is up to date"

    for body in (first_controller, next_controller):
        asyncio.run(opened(SqliteStore(path, under_way, snapshot_events=4), body))
    with pytest.raises(ValueError, match="fold"):
        SqliteStore(path, snapshot_events=4)


def test_a_snapshot_that_is_behind_must_still_be_what_its_events_led_to(tmp_path: Path) -> None:
    async def body(store: Store) -> None:
        lease = await store.claim("shop", "one", NOW, LEASE_SECONDS)
        state = under_way(Service(name="shop"), Event("shop", 1, "r1", NOW, "tester", note().body))
        await store.append(Append(lease, 0, NOW, (note(),), replace(state, rollouts=7)))
        await store.append(Append(lease, 1, NOW, (note(),)))
        with pytest.raises(StoreError) as caught:
            await store.verify("shop")
        assert caught.value.code == "snapshot_mismatch"

    asyncio.run(opened(SqliteStore(tmp_path / "events.db", under_way, snapshot_events=4), body))


def test_one_of_another_release_is_made_anew_and_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept, before = Kept("sqlite", tmp_path), list[object]()

    async def good(store: Store) -> None:
        await (await Scribe.of(store)).write(note("hello 1"), note("hello 2"))
        before.append(await store.load("shop"))

    async def upgraded(store: Store) -> None:
        with caplog.at_level(logging.WARNING):
            assert await store.verify("shop") == 2
            assert await store.load("shop") == before[0]
            assert before[0] in await store.load_all()
        assert not caplog.text

    kept.run(good)
    connection = sqlite3.connect(kept.path)
    with closing(connection), connection:
        ((body,),) = connection.execute("SELECT body FROM snapshot WHERE service = 'shop'").fetchall()
        maker, service = body.split(',"service":', 1)
        older = f'{maker[:-2]}x","service":{service.replace("note", "nite")}'
        assert older != body
        row = (older, zlib.crc32(older.encode()))
        connection.execute("UPDATE snapshot SET body = ?, checksum = ? WHERE service = 'shop'", row)
    kept.run(upgraded)
