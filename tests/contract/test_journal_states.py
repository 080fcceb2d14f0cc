"""What every store of journals' states must do, on the file and in memory: give back the last one, and none that does not belong."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from contract.store_kit import NOW, Kept, opened
from ferryman.store import states
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore
from ferryman.store.states import JournalState

AnyStore = SqliteStore | MemoryStore


@pytest.fixture(params=["sqlite", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return Kept(request.param, tmp_path)


async def put(store: AnyStore, stream: str) -> int:
    return (await store.write(stream, at=NOW, actor="ana", kind="made", body={})).position


def test_the_last_state_is_there_for_whoever_opens_it_next(kept: Kept) -> None:
    async def write(store: AnyStore) -> None:
        assert await store.kept_state("flags") is None
        await put(store, "access")
        await put(store, "flags")
        await store.keep_state("flags", 1, b"one")
        await put(store, "flags")
        await store.keep_state("flags", 2, b"\x00two")

    async def read(store: AnyStore) -> None:
        assert await store.kept_state("flags") == JournalState(2, 3, b"\x00two")
        assert await store.kept_state("access") is None
        assert await store.verify_entries("flags") == 2

    kept.run(write, read)


def test_nothing_is_kept_of_an_entry_that_is_not_there_or_beyond_the_limit(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "STATE_BYTES_MAX", 3)

    async def body(store: AnyStore) -> None:
        await put(store, "flags")
        await store.keep_state("flags", 2, b"two")
        assert await store.kept_state("flags") is None
        with pytest.raises(ValueError, match="at most"):
            await store.keep_state("flags", 1, b"four")

    kept.run(body)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE journal_state SET body = x'00'",
        "UPDATE journal_state SET body = 'text'",
        "UPDATE journal_state SET seq = 2",
        "UPDATE entry SET hash = x'01' WHERE seq = 1",
        "DELETE FROM entry",
    ],
)
def test_a_state_that_does_not_belong_is_none(tmp_path: Path, damage: str) -> None:
    store = SqliteStore(tmp_path / "a.db")

    async def write(_: object) -> None:
        await put(store, "flags")
        await store.keep_state("flags", 1, b"one")
        await put(store, "flags")

    async def read(_: object) -> None:
        assert await store.kept_state("flags") is None

    asyncio.run(opened(store, write))
    with sqlite3.connect(tmp_path / "a.db") as edit:
        edit.execute(damage)
    edit.close()
    asyncio.run(opened(store, read))
