"""The event log in one SQLite file: the store of a single machine.

Writes go to one thread that commits them in groups (`sqlite_writer`), reads to a few connections that writers never hold
up (write-ahead log). Several processes may have the file open: leases and compare-and-set hold between them too.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from ferryman.model.errors import StoreError
from ferryman.store import records, rules, sqlite_journal, sqlite_sql, sqlite_states, sqlite_tallies
from ferryman.store.base import Append, Fold, Lease, Loaded, Measurement, OnAppend, StoredEvent
from ferryman.store.errors import closed
from ferryman.store.journal import Entry, prepare_entry
from ferryman.store.sqlite_errors import keeps_connection, translated
from ferryman.store.sqlite_schema import connect_reader, create_file
from ferryman.store.sqlite_writer import Job, Outcome, Writer
from ferryman.store.states import JournalState, check_state
from ferryman.store.subscribers import Subscribers
from ferryman.store.tallies import Tallied, TallyRow, check_tallies

READERS = 2
"""Reads at the same time; further ones wait."""

WAITING_MAX = 50_000
"""Writes that may wait at the same time. More means that the disk is far too slow for what is asked of it."""

SMALL_BYTES = 128
"""What a claim or a release adds to a transaction, about."""

P = ParamSpec("P")
T = TypeVar("T")


class _Token(NamedTuple):
    """Who waits for a write, and whether its result is events that others want to know of."""

    future: asyncio.Future[Any]
    tells: bool


class SqliteStore:
    """`Store` on the file `path`, made with its folder when it does not exist. `fold` is needed for `verify` to compare
    the snapshot with the events, and for `load` to make up for a damaged one.

    `snapshot_events`: of a service under way every so many events a snapshot is kept. A snapshot is ten times as long as
    an event, so 8 makes appends twice as quick; whoever loads folds 7 events at most. More than 1 needs `fold`.

    To be used from one event loop between `open` and `close`.
    """

    def __init__(self, path: Path, fold: Fold | None = None, *, snapshot_events: int = 1) -> None:
        if snapshot_events < 1 or (snapshot_events > 1 and fold is None):
            raise ValueError(f"snapshot_events must be 1, or more with a fold, not {snapshot_events}")
        self.path = path
        self._fold = fold
        self._snapshot_events = snapshot_events
        self._kept: dict[str, int] = {}
        self._subscribers = Subscribers()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._connections: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    async def open(self) -> None:
        if self._writer is not None:
            return
        self._loop = asyncio.get_running_loop()
        readers = ThreadPoolExecutor(READERS, thread_name_prefix="ferryman-store-reader")
        try:
            self._writer = await self._loop.run_in_executor(readers, self._start)
        except BaseException:
            readers.shutdown(wait=False)
            raise
        self._readers = readers

    async def claim(self, service: str, owner: str, now: float, seconds: float) -> Lease:
        rules.check_claim(service, owner, seconds)
        return await self._write(lambda c: sqlite_sql.claim(c, service, owner, now, seconds), SMALL_BYTES)

    async def release(self, lease: Lease) -> None:
        await self._write(lambda c: sqlite_sql.release(c, lease), SMALL_BYTES)

    async def end_leases(self) -> None:
        await self._write(sqlite_sql.end_leases, SMALL_BYTES)

    async def append(self, append: Append) -> tuple[StoredEvent, ...]:
        service, snapshot = append.lease.service, append.snapshot
        due = snapshot is not None and rules.snapshot_due(snapshot, self._kept.get(service), self._snapshot_events)
        write = records.prepare(append, with_snapshot=due)
        if due:
            self._kept.pop(service, None)
        told = await self._write(lambda c: sqlite_sql.append(c, write), write.size_bytes, tells=True)
        if due:
            self._kept[service] = write.seq
        return told

    async def load(self, service: str) -> Loaded:
        return self._remembered(await self._read(sqlite_sql.load, service, self._fold))

    async def load_all(self) -> tuple[Loaded, ...]:
        return tuple(map(self._remembered, await self._read(sqlite_sql.load_all, self._fold)))

    def _remembered(self, found: sqlite_sql.Found) -> Loaded:
        if found.kept_seq is not None:
            self._kept[found.loaded.service.name] = found.kept_seq
        return found.loaded

    async def services(self) -> tuple[str, ...]:
        return await self._read(sqlite_sql.services)

    async def events(
        self, service: str | None = None, *, after: int = 0, limit: int = 1000, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        return await self._read(sqlite_sql.events, service, after, limit, rollout)

    async def newest(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        return await self._read(sqlite_sql.newest, service, limit, before, rollout)

    async def created(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> tuple[StoredEvent, ...]:
        records.check_page(limit)
        return await self._read(sqlite_sql.created, service, limit, before)

    async def latest_at(self) -> float:
        return await self._read(sqlite_sql.latest_at)

    async def measurements(self, rollout: str, *, after_at: float = 0.0, limit: int = 1000) -> tuple[Measurement, ...]:
        records.check_page(limit)
        return await self._read(sqlite_sql.measurements, rollout, after_at, limit)

    async def verify(self, service: str) -> int:
        return await self._read(sqlite_sql.verify, service, self._fold)

    async def write(
        self,
        stream: str,
        *,
        at: float,
        actor: str,
        kind: str,
        body: dict[str, Any],
        expected_seq: int | None = None,
    ) -> Entry:
        wanted = prepare_entry(stream, at, actor, kind, body, expected_seq)
        return await self._write(lambda c: sqlite_journal.write(c, wanted), len(wanted.body) + SMALL_BYTES)

    async def entries(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        records.check_page(limit)
        return await self._read(sqlite_journal.entries, stream, after, limit)

    async def newest_entries(
        self, stream: str | None = None, *, before: int | None = None, limit: int = 1000
    ) -> tuple[Entry, ...]:
        records.check_page(limit)
        return await self._read(sqlite_journal.newest, stream, before, limit)

    async def streams(self) -> tuple[str, ...]:
        return await self._read(sqlite_journal.streams)

    async def verify_entries(self, stream: str) -> int:
        return await self._read(sqlite_journal.verify, stream)

    async def keep_state(self, stream: str, seq: int, body: bytes) -> None:
        check_state(body)
        await self._write(lambda c: sqlite_states.put(c, stream, seq, body), len(body))

    async def kept_state(self, stream: str) -> JournalState | None:
        return await self._read(sqlite_states.get, stream)

    async def put_tallies(self, rows: Sequence[TallyRow]) -> None:
        check_tallies(rows)
        await self._write(lambda c: sqlite_tallies.put(c, rows), len(rows) * SMALL_BYTES)

    async def tallies(self, since: int) -> tuple[TallyRow, ...]:
        return await self._read(sqlite_tallies.minutes, since)

    async def daily_tallies(self, environment: str, flag: str, since: int) -> tuple[TallyRow, ...]:
        return await self._read(sqlite_tallies.days, environment, flag, since)

    async def tallied(self) -> tuple[Tallied, ...]:
        return await self._read(sqlite_tallies.tallied)

    async def age_tallies(self, before: int, forget_before: int) -> int:
        return await self._write(lambda c: sqlite_tallies.age(c, before, forget_before), SMALL_BYTES)

    def on_append(self, callback: OnAppend) -> Callable[[], None]:
        return self._subscribers.add(callback)

    async def close(self) -> None:
        writer, readers, loop = self._writer, self._readers, self._loop
        self._writer = self._readers = None
        if writer is None or readers is None or loop is None:
            return
        try:
            await loop.run_in_executor(None, self._end, writer, readers)
        finally:
            # The writer's last outcomes were handed to the loop before this went on, so nobody is left waiting.
            self._loop = None

    def _start(self) -> Writer:
        try:
            create_file(self.path)
            writer = Writer(self.path, self._hand_over)
            writer.start()
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self.path) from error
        return writer

    def _end(self, writer: Writer, readers: ThreadPoolExecutor) -> None:
        readers.shutdown(wait=True)
        while True:
            try:
                self._connections.get_nowait().close()
            except queue.Empty:
                break
        writer.stop()

    async def _write(self, run: Callable[[sqlite3.Connection], T], size_bytes: int, *, tells: bool = False) -> T:
        if self._writer is None or self._loop is None:
            raise closed(self.path)
        if self._waiting >= WAITING_MAX:
            raise StoreError(
                "store_overloaded",
                f"{self.path}: {self._waiting} writes wait for the disk already",
                "put the state on a faster disk, or have fewer services on this controller",
            )
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        self._writer.submit(Job(run, size_bytes, _Token(future, tells)))
        return await future

    def _hand_over(self, outcomes: list[Outcome]) -> None:
        """Called in the writer's thread. A loop that is closed by now has nobody who waits."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._finish, outcomes)

    def _finish(self, outcomes: list[Outcome]) -> None:
        self._waiting -= len(outcomes)
        told: list[StoredEvent] = []
        for (future, tells), value, error in outcomes:
            if error is None and tells:
                told.extend(value)
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        self._subscribers.tell(tuple(told))

    async def _read(
        self, read: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._readers is None or self._loop is None:
            raise closed(self.path)
        job = functools.partial(self._with_connection, read, *args, **kwargs)
        return await self._loop.run_in_executor(self._readers, job)

    def _with_connection(
        self, read: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            try:
                connection = self._connections.get_nowait()
            except queue.Empty:
                connection = connect_reader(self.path)
            try:
                found = read(connection, *args, **kwargs)
            except BaseException as error:
                if keeps_connection(error):
                    self._connections.put(connection)
                else:
                    connection.close()
                raise
            self._connections.put(connection)
            return found
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self.path) from error
