"""The event log as a file: tampering, damage, strangers' files, locks, group commit, several stores on one file."""

import asyncio
import logging
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.store_kit import LEASE_SECONDS, NOW, Kept, Scribe, down, note, opened, reached, sample, tally
from ferryman.model.errors import Conflict, StoreError
from ferryman.store import sqlite_schema
from ferryman.store.base import Store, StoredEvent
from ferryman.store.links import link
from ferryman.store.sqlite import SqliteStore


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A file with five events of `shop` and one of another service."""
    made = Kept("sqlite", tmp_path)

    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        await scribe.write(note("hello 1"), reached(1))
        await scribe.write(note("hello 3"), reached(2), down("hello 5"), judge_state="judge")
        await (await Scribe.of(store, "cart")).write(note("other"))

    made.run(body)
    return made


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def refused(store: SqliteStore, action: Callable[[SqliteStore], object]) -> StoreError:
    """The StoreError of something done with the store, or of opening it."""

    async def body(_: Store) -> None:
        await action(store)  # type: ignore[misc]

    with pytest.raises(StoreError) as caught:
        asyncio.run(opened(store, body))
    assert caught.value.hint
    return caught.value


COPY = "service, 6, rollout, at, actor, kind, body, previous_hash, hash FROM event WHERE service = 'shop' AND seq = 5"


@pytest.mark.parametrize(
    ("seq", "statements"),
    [
        (3, ["UPDATE event SET body = replace(body, 'hello 3', 'hallo 3')"]),
        (2, ["UPDATE event SET actor = 'mallory' WHERE service = 'shop' AND seq = 2"]),
        (2, ["UPDATE event SET at = at + 0.001 WHERE service = 'shop' AND seq = 2"]),
        (2, ["UPDATE event SET at = 'noon' WHERE service = 'shop' AND seq = 2"]),
        (4, ["UPDATE event SET rollout = 'r9' WHERE service = 'shop' AND seq = 4"]),
        (4, ["UPDATE event SET kind = 'paused' WHERE service = 'shop' AND seq = 4"]),
        (1, ["UPDATE event SET hash = zeroblob(32) WHERE service = 'shop' AND seq = 1"]),
        (2, ["UPDATE event SET previous_hash = zeroblob(32) WHERE service = 'shop' AND seq = 2"]),
        (3, ["UPDATE event SET body = CAST(x'ff' AS TEXT) WHERE service = 'shop' AND seq = 3"]),
        (3, ["UPDATE event SET actor = CAST(x'ff' AS TEXT) WHERE service = 'shop' AND seq = 3"]),
        (1, ["DELETE FROM event WHERE service = 'shop' AND seq = 1"]),
        (3, ["DELETE FROM event WHERE service = 'shop' AND seq = 3"]),
        (5, ["DELETE FROM event WHERE service = 'shop' AND seq = 5"]),
        (1, ["DELETE FROM event WHERE service = 'shop'"]),
        (5, ["UPDATE service SET last_hash = zeroblob(32) WHERE name = 'shop'"]),
        (4, ["UPDATE service SET seq = 3 WHERE name = 'shop'", "DELETE FROM event WHERE service = 'shop' AND seq = 5"]),
        (6, [f"INSERT INTO event (service, seq, rollout, at, actor, kind, body, previous_hash, hash) SELECT {COPY}"]),
        (
            2,
            [
                f"UPDATE event SET seq = {new} WHERE service = 'shop' AND seq = {old}"
                for old, new in ((2, 9), (3, 2), (9, 3))
            ],
        ),
        (3, ["UPDATE event SET service = 'cart', seq = 2 WHERE service = 'shop' AND seq = 3"]),
    ],
)
def test_tampering_is_found_at_the_first_bad_event(kept: Kept, seq: int, statements: list[str]) -> None:
    edit(kept.path, *statements)
    error = refused(SqliteStore(kept.path, tally), lambda store: store.verify("shop"))
    assert error.code == "chain_broken"
    assert f"event {seq} of service 'shop'" in error.message


def test_an_intact_event_of_an_unknown_kind_is_no_tampering(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:

    body = b'{"type":"from_the_future"}'

    async def forge() -> None:
        connection = sqlite3.connect(kept.path)
        (last,) = connection.execute("SELECT last_hash FROM service WHERE name = 'shop'").fetchone()
        digest = link(last, ("shop", 6, "r1", NOW, "newer"), body)
        row = ("shop", 6, "r1", NOW, "newer", "from_the_future", body.decode(), last, digest)
        connection.execute(
            "INSERT INTO event (service, seq, rollout, at, actor, kind, body, previous_hash, hash)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            row,
        )
        connection.execute("UPDATE service SET seq = 6, last_hash = ? WHERE name = 'shop'", (digest,))
        connection.commit()
        connection.close()

    asyncio.run(forge())
    for action in (
        lambda store: store.verify("shop"),
        lambda store: store.events("shop"),
        lambda store: store.load("shop"),
    ):
        error = refused(SqliteStore(kept.path, tally), action)
        assert error.code == "event_unreadable"
        assert "event 6 of 'shop'" in error.message
        assert "from_the_future" in error.message


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE snapshot SET body = replace(body, 'noted', 'nited')",
        "UPDATE snapshot SET body = CAST(x'ff' AS TEXT)",
        "UPDATE snapshot SET seq = 4 WHERE service = 'shop'",
        "UPDATE snapshot SET checksum = checksum + 1",
        "UPDATE snapshot SET (body, checksum) = (SELECT body, checksum FROM snapshot WHERE service = 'cart')",
    ],
)
def test_a_damaged_snapshot_is_made_anew_or_refused(kept: Kept, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    before: list[object] = []

    async def good(store: Store) -> None:
        before.append(await store.load("shop"))

    async def healed(store: Store) -> None:
        with caplog.at_level(logging.WARNING):
            assert await store.load("shop") == before[0]
        assert "'shop'" in caplog.text
        assert before[0] in await store.load_all()
        with pytest.raises(StoreError) as caught:
            await store.verify("shop")
        assert caught.value.code == "snapshot_corrupt"
        await (await Scribe.of(store)).write(note("again"))
        assert await store.verify("shop") == 6

    kept.run(good)
    edit(kept.path, damage)
    for action in (lambda store: store.load("shop"), lambda store: store.load_all()):
        assert refused(SqliteStore(kept.path), action).code == "snapshot_corrupt"
    kept.run(healed)


def test_a_damaged_snapshot_is_not_made_from_tampered_events(kept: Kept) -> None:
    edit(kept.path, "DELETE FROM snapshot", "UPDATE event SET body = replace(body, 'hello 3', 'hallo 3')")
    error = refused(SqliteStore(kept.path, tally), lambda store: store.load("shop"))
    assert error.code == "chain_broken"
    assert "event 3" in error.message


def test_damaged_measurements_are_named(kept: Kept) -> None:
    async def body(store: Store) -> None:
        await (await Scribe.of(store)).write(measurements=(sample("r1", NOW),))

    kept.run(body)
    edit(kept.path, "UPDATE measurement SET line = 'x'")
    error = refused(SqliteStore(kept.path, tally), lambda store: store.measurements("r1"))
    assert error.code == "store_corrupt"
    assert "r1" in error.message


@pytest.mark.parametrize("first", [0, 100, 4096], ids=["header", "schema", "pages"])
def test_a_damaged_file_is_named(kept: Kept, first: int) -> None:
    size = kept.path.stat().st_size
    with kept.path.open("r+b") as file:
        file.seek(first)
        file.write(b"\xa5" * (size - first))

    async def use(store: SqliteStore) -> None:
        await store.load_all()
        await store.events()

    error = refused(SqliteStore(kept.path, tally), use)
    assert error.code == "store_corrupt"
    assert str(kept.path) in error.message


def test_other_peoples_files_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    edit(other, "CREATE TABLE precious (thing)")
    text = tmp_path / "letter.txt"
    text.write_text("dear diary " * 100)
    for path, code in (
        (other, "not_a_store"),
        (text, "store_corrupt"),
        (tmp_path, "store_failed"),
        (text / "x", "store_failed"),
    ):
        before = path.read_bytes() if path.is_file() else None
        error = refused(SqliteStore(path, tally), lambda store: store.services())
        assert error.code == code
        assert str(path) in error.message
        assert before is None or path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["letter.txt", "other.db"]


def test_a_file_of_a_newer_program_is_refused_unchanged(kept: Kept) -> None:
    edit(kept.path, "INSERT INTO migration VALUES (99, 'later', 0)")
    error = refused(SqliteStore(kept.path, tally), lambda store: store.services())
    assert error.code == "store_too_new"
    assert "99" in error.message


def test_the_schema_has_its_history_and_a_failed_migration_leaves_the_old_one(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sqlite_schema.MIGRATIONS
    number = len(known) + 1
    later = sqlite_schema.Migration(number, "more", ("CREATE TABLE more (x)", "CREATE TABLE event (x)"))
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*known, later))
    assert refused(SqliteStore(kept.path, tally), lambda store: store.services()).code == "store_failed"
    good = sqlite_schema.Migration(number, "more", ("CREATE TABLE more (x)",))
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*known, good))

    async def body(store: Store) -> None:
        assert await store.verify("shop") == 5

    kept.run(body, body)
    connection = sqlite3.connect(kept.path)
    assert [row[0] for row in connection.execute("SELECT version FROM migration ORDER BY version")] == list(
        range(1, number + 1)
    )
    connection.close()


def test_the_file_is_its_owners_alone_and_durable_by_settings(tmp_path: Path) -> None:
    path = tmp_path / "state" / "deep" / "events.db"

    async def body(store: Store) -> None:
        await (await Scribe.of(store)).write(note())
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    asyncio.run(opened(SqliteStore(path, tally), body))
    connection = sqlite_schema.connect_writer(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "2 is FULL"
    connection.close()


def test_a_lock_that_stays_is_named_and_one_that_goes_is_waited_for(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_schema, "LOCK_WAIT_SECONDS", 0.2)

    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        holder = sqlite3.connect(kept.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            await scribe.write(note())
        assert caught.value.code == "store_locked"
        assert str(kept.path) in caught.value.hint
        assert len(await store.events("shop")) == 5, "reading goes on"
        waiting = asyncio.ensure_future(scribe.write(note()))
        await asyncio.sleep(0.05)
        holder.execute("ROLLBACK")
        holder.close()
        assert len(await waiting) == 1
        assert await store.verify("shop") == 6

    kept.run(body)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_taken_away_is_not_written_into_the_void(kept: Kept, replaced: bool) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        aside = kept.path.with_suffix(".aside")
        kept.path.rename(aside)
        if replaced:
            shutil.copy(aside, kept.path)
        with pytest.raises(StoreError) as caught:
            await scribe.write(note())
        assert caught.value.code == "store_moved"
        aside.rename(kept.path)
        await scribe.write(note())
        assert await store.verify("shop") == 6

    kept.run(body)


def test_many_writes_become_few_commits_each_whole(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribes = [await Scribe.of(store, f"s{number}") for number in range(200)]
        commits: list[tuple[StoredEvent, ...]] = []
        store.on_append(commits.append)
        told = await asyncio.gather(*(scribe.write(note("a"), note("b")) for scribe in scribes))
        assert len(commits) <= 100, "a commit for each would mean no grouping"
        assert sorted(e.position for c in commits for e in c) == sorted(e.position for pair in told for e in pair)

    kept.run(body)


def test_one_write_that_the_file_refuses_fails_alone_and_whole(kept: Kept) -> None:
    edit(
        kept.path,
        "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.service = 's3' AND NEW.seq = 2"
        " BEGIN SELECT RAISE(ABORT, 'not today'); END",
    )

    async def body(store: Store) -> None:
        scribes = [await Scribe.of(store, f"s{number}") for number in range(8)]
        results = await asyncio.gather(
            *(scribe.write(note("a"), note("b"), judge_state="x") for scribe in scribes), return_exceptions=True
        )
        failed = [number for number, result in enumerate(results) if isinstance(result, BaseException)]
        assert failed == [3]
        assert isinstance(results[3], StoreError)
        assert "not today" in str(results[3])
        assert await store.events("s3") == ()
        assert (await store.load("s3")).judge_state is None
        for number in (0, 1, 2, 4, 5, 6, 7):
            assert await store.verify(f"s{number}") == 2

    kept.run(body)


def test_a_writer_that_is_cancelled_leaves_the_log_whole(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribes = [await Scribe.of(store, f"s{number}") for number in range(20)]
        tasks = [asyncio.ensure_future(scribe.write(note("a"), note("b"))) for scribe in scribes]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 10
        for number in range(20):
            assert await store.verify(f"s{number}") in ({0, 2} if number % 2 == 0 else {2})

    kept.run(body)


def test_two_stores_on_one_file_keep_each_others_leases_and_numbers(kept: Kept) -> None:
    async def body(first: Store) -> None:
        second = kept.again()
        await second.open()
        one = await Scribe.of(first)
        with pytest.raises(Conflict):
            await second.claim("shop", "two", NOW + 1, LEASE_SECONDS)
        two = await Scribe.of(second, owner="two", now=NOW + LEASE_SECONDS)
        await two.write(note("by two"))
        with pytest.raises(Conflict) as caught:
            await one.write(note("by one"))
        assert caught.value.code == "stale_fence"
        assert await first.load("shop") == await second.load("shop")
        assert await first.verify("shop") == 6
        await second.close()

    kept.run(body)


def test_a_reader_is_not_held_up_by_a_writer_nor_the_other_way(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        reader = sqlite3.connect(kept.path, isolation_level=None)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (6,)
        await scribe.write(note())
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (6,), "it sees the moment it began"
        reader.execute("ROLLBACK")
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (7,)
        reader.close()

    kept.run(body)
