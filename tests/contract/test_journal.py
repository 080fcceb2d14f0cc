"""What every journal must do, on the file and in memory: numbers without gaps, the chain, compare-and-set, reading."""

import asyncio
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from contract.store_kit import NOW, Kept, Scribe, note
from ferryman.model.errors import Conflict, StoreError
from ferryman.store import journal, sqlite_schema
from ferryman.store.base import Store
from ferryman.store.journal import ENTRY_BYTES_MAX, Entry
from ferryman.store.sqlite_schema import MIGRATIONS


@pytest.fixture(params=["sqlite", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


async def put(store: Store, number: int, stream: str = "access", **more: Any) -> Entry:
    given = {"at": NOW + number, "actor": "ana", "kind": "made", "body": {"n": number}} | more
    return await store.write(stream, **given)


def test_what_was_written_is_read_by_whoever_opens_it_next(kept: Kept) -> None:
    told: list[Entry] = []

    async def write(store: Store) -> None:
        assert await store.streams() == ()
        assert await store.verify_entries("access") == 0
        told.extend([await put(store, 1), await put(store, 2, "notices"), await put(store, 3)])

    async def read(store: Store) -> None:
        assert list(await store.entries()) == told
        assert [(e.stream, e.seq) for e in told] == [("access", 1), ("notices", 1), ("access", 2)]
        assert [e.position for e in told] == sorted({e.position for e in told})
        assert (told[2].at, told[2].actor, told[2].kind, told[2].body) == (NOW + 3, "ana", "made", {"n": 3})
        assert told[2].previous_hash == told[0].hash
        assert await store.streams() == ("access", "notices")
        assert await store.verify_entries("access") == 2
        assert await store.verify_entries("notices") == 1
        assert (await put(store, 4)).seq == 3

    kept.run(write, read)


def test_entries_are_found_by_stream_and_page_by_page(kept: Kept) -> None:
    async def body(store: Store) -> None:
        told = [await put(store, number, "even" if number % 2 == 0 else "odd") for number in range(10)]
        even, odd = told[0::2], told[1::2]
        assert list(await store.entries("even")) == even
        assert list(await store.entries("odd", after=odd[1].position, limit=2)) == odd[2:4]
        assert list(await store.entries(after=told[7].position)) == told[8:]
        assert list(await store.newest_entries(limit=3)) == told[-3:]
        assert list(await store.newest_entries("even", limit=2)) == even[-2:]
        assert list(await store.newest_entries("even", before=even[3].position, limit=2)) == even[1:3]
        assert list(await store.newest_entries(before=told[0].position)) == []
        assert await store.entries("none") == ()
        for limit in (0, -1, 100_001):
            with pytest.raises(ValueError, match="limit"):
                await store.entries(limit=limit)
            with pytest.raises(ValueError, match="limit"):
                await store.newest_entries(limit=limit)

    kept.run(body)


def test_large_entries_come_fewer_at_once_and_all_of_them(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "READ_BYTES_MAX", 250)

    async def body(store: Store) -> None:
        told = [await put(store, number, body={"text": "x" * 100}) for number in range(7)]
        read: list[Entry] = []
        while page := await store.entries("access", after=read[-1].position if read else 0):
            assert len(page) <= 3
            read += page
        assert read == told
        backwards: list[Entry] = []
        while page := await store.newest_entries(before=backwards[0].position if backwards else None):
            assert len(page) <= 3
            backwards = [*page, *backwards]
        assert backwards == told

    kept.run(body)


def test_a_writer_with_old_knowledge_writes_nothing(kept: Kept) -> None:
    async def body(store: Store) -> None:
        await put(store, 1, expected_seq=0)
        for wrong in (0, 2):
            with pytest.raises(Conflict) as caught:
                await put(store, 2, expected_seq=wrong)
            assert caught.value.code == "stale_seq"
            assert "entry 1" in caught.value.message
        await put(store, 2, expected_seq=1)
        results = await asyncio.gather(*(put(store, 3, expected_seq=2) for _ in range(20)), return_exceptions=True)
        assert sum(isinstance(result, Entry) for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 19
        assert await store.verify_entries("access") == 3

    kept.run(body)


def test_many_at_once_are_numbered_without_gaps(kept: Kept) -> None:
    async def body(store: Store) -> None:
        scribe = await Scribe.of(store)
        between = asyncio.create_task(scribe.write(note("between")))
        told = await asyncio.gather(*(put(store, n) for n in range(300)))
        await between
        assert sorted(entry.seq for entry in told) == list(range(1, 301))
        assert await store.verify_entries("access") == 300
        assert await store.verify("shop") == 1

    kept.run(body)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"stream": ""}, ValueError),
        ({"stream": "s" * 201}, ValueError),
        ({"kind": ""}, ValueError),
        ({"at": float("nan")}, ValueError),
        ({"at": float("inf")}, ValueError),
        ({"body": {"text": "x" * ENTRY_BYTES_MAX}}, ValueError),
        ({"body": {"text": "\ud800"}}, ValueError),
        ({"actor": "\udcff"}, ValueError),
        ({"body": {"thing": object()}}, TypeError),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    kept: Kept, change: dict[str, Any], error: type[Exception]
) -> None:
    async def body(store: Store) -> None:
        good: dict[str, Any] = {"stream": "access", "at": NOW, "actor": "ana", "kind": "made", "body": {}}
        wrong = good | change
        results = await asyncio.gather(store.write(wrong.pop("stream"), **wrong), put(store, 1), return_exceptions=True)
        assert isinstance(results[0], error)
        assert isinstance(results[1], Entry)
        assert len(await store.entries()) == 1

    kept.run(body)


def test_nothing_handed_in_is_shared_with_what_comes_out(kept: Kept) -> None:
    async def body(store: Store) -> None:
        given: dict[str, Any] = {"list": [1, float("nan")], "text": "ü\0"}
        told = await store.write("access", at=NOW, actor="ana", kind="made", body=given)
        given["list"].append(3)
        told.body["list"].append(4)
        assert (await store.entries())[0].body == {"list": [1, None], "text": "ü\0"}
        assert await store.verify_entries("access") == 1

    kept.run(body)


def test_the_chain_is_what_its_description_says(kept: Kept) -> None:
    async def body(store: Store) -> None:
        told = await store.write("access", at=1.5, actor="ana", kind="made", body={"b": 1, "a": "x"})
        genesis = hashlib.sha256(b"ferryman journal\0access").digest()
        text = json.dumps(["access", 1, 1.5, "ana", "made", {"a": "x", "b": 1}], separators=(",", ":"))
        assert told.previous_hash == genesis.hex()
        assert told.hash == hashlib.sha256(genesis + text.encode()).hexdigest()

    kept.run(body)


def test_a_closed_store_says_so(kept: Kept) -> None:
    async def body() -> None:
        store = kept.again()
        for ask in (put(store, 1), store.entries(), store.newest_entries(), store.streams(), store.verify_entries("a")):
            with pytest.raises(StoreError) as caught:
                await ask
            assert caught.value.code == "store_closed"

    asyncio.run(body())


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


COPY = "stream, 4, at, actor, kind, body, previous_hash, hash FROM entry WHERE stream = 'access' AND seq = 3"


@pytest.mark.parametrize(
    ("seq", "statements"),
    [
        (2, ["UPDATE entry SET body = '{\"n\":9}' WHERE seq = 2"]),
        (2, ["UPDATE entry SET actor = 'mallory' WHERE seq = 2"]),
        (2, ["UPDATE entry SET kind = 'other' WHERE seq = 2"]),
        (2, ["UPDATE entry SET at = at - 1 WHERE seq = 2"]),
        (2, ["UPDATE entry SET at = 'noon' WHERE seq = 2"]),
        (1, ["UPDATE entry SET hash = zeroblob(32) WHERE seq = 1"]),
        (2, ["UPDATE entry SET previous_hash = zeroblob(32) WHERE seq = 2"]),
        (3, ["UPDATE entry SET body = CAST(x'ff' AS TEXT) WHERE seq = 3"]),
        (3, ["UPDATE entry SET actor = CAST(x'ff' AS TEXT) WHERE seq = 3"]),
        (1, ["DELETE FROM entry WHERE seq = 1"]),
        (2, ["DELETE FROM entry WHERE seq = 2"]),
        (3, ["DELETE FROM entry WHERE seq = 3"]),
        (1, ["DELETE FROM entry"]),
        (2, ["DELETE FROM entry WHERE seq = 3", "UPDATE journal SET seq = 2"]),
        (3, ["UPDATE journal SET last_hash = zeroblob(32)"]),
        (3, ["DELETE FROM journal"]),
        (4, [f"INSERT INTO entry (stream, seq, at, actor, kind, body, previous_hash, hash) SELECT {COPY}"]),
        (
            1,
            [
                "UPDATE entry SET seq = 9 WHERE seq = 1",
                "UPDATE entry SET seq = 1 WHERE seq = 2",
                "UPDATE entry SET seq = 2 WHERE seq = 9",
            ],
        ),
        (1, ["UPDATE entry SET stream = 'other'", "UPDATE journal SET stream = 'other'"]),
    ],
)
def test_tampering_is_found_at_the_first_bad_entry(tmp_path: Path, seq: int, statements: list[str]) -> None:
    kept = Kept("sqlite", tmp_path)

    async def write(store: Store) -> None:
        for number in (1, 2, 3):
            await put(store, number)

    async def check(store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            await verify_all(store)
        assert caught.value.code == "chain_broken"
        assert f"entry {seq} of" in caught.value.message
        assert caught.value.hint

    kept.run(write)
    edit(kept.path, *statements)
    kept.run(check)


def test_a_file_from_before_the_journals_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept("sqlite", tmp_path)

    async def old(store: Store) -> None:
        await (await Scribe.of(store)).write(note("before"))

    async def new(store: Store) -> None:
        assert await store.verify("shop") == 1
        await put(store, 1)
        assert await store.verify_entries("access") == 1

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_schema, "MIGRATIONS", MIGRATIONS[:1])
        kept.run(old)
    kept.run(new, new_again)
    connection = sqlite3.connect(kept.path)
    applied = [row[0] for row in connection.execute("SELECT version FROM migration ORDER BY version")]
    assert applied == [each.version for each in MIGRATIONS]
    connection.close()


async def verify_all(store: Store) -> None:
    for stream in (*await store.streams(), "access"):
        await store.verify_entries(stream)


async def new_again(store: Store) -> None:
    assert await store.verify("shop") == 1
    assert len(await store.entries("access")) == 1
