"""The journals' statements, and the functions that run them on a connection, as `sqlite_sql` does for events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from ferryman.store.journal import (
    Entry,
    JournalHead,
    JournalRecord,
    JournalWrite,
    Placed,
    bounded,
    check_entries,
    seal_entry,
    stored_entry,
)
from ferryman.store.sqlite_sql import NO_POSITION, lenient_text, reading

_ENTRY = "position, stream, seq, at, actor, kind, CAST(body AS BLOB), previous_hash, hash FROM entry"
HEAD = "SELECT seq, last_hash FROM journal WHERE stream = ?"
PUT_HEAD = """
    INSERT INTO journal (stream, seq, last_hash) VALUES (?, ?, ?)
    ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, last_hash = excluded.last_hash"""
PUT_ENTRY = """
    INSERT INTO entry (stream, seq, at, actor, kind, body, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
STREAM = f"SELECT {_ENTRY} WHERE stream = ? ORDER BY seq"
ENTRIES = f"SELECT {_ENTRY} WHERE position > ? ORDER BY position LIMIT ?"
# Within a stream seq grows with position: its index gives the order.
ENTRIES_OF_STREAM = f"SELECT {_ENTRY} WHERE stream = ? AND +position > ? ORDER BY seq LIMIT ?"
NEWEST = f"SELECT {_ENTRY} WHERE position < ? ORDER BY position DESC LIMIT ?"
NEWEST_OF_STREAM = f"SELECT {_ENTRY} WHERE stream = ? AND +position < ? ORDER BY seq DESC LIMIT ?"
STREAMS = "SELECT stream FROM journal ORDER BY stream"


def write(connection: sqlite3.Connection, wanted: JournalWrite) -> Entry:
    """Write an entry within a transaction. Raises `Conflict` before anything is written."""
    record = seal_entry(_head(connection, wanted.stream), wanted)
    row = (*record[:5], record.body.decode(), *record[6:])
    position = connection.execute(PUT_ENTRY, row).lastrowid
    assert position is not None, "an insert has a rowid"
    connection.execute(PUT_HEAD, (record.stream, record.seq, record.hash))
    return stored_entry(position, record)


def entries(connection: sqlite3.Connection, stream: str | None, after: int, limit: int) -> tuple[Entry, ...]:
    """Read entries in order of position."""
    wanted = (after, limit) if stream is None else (stream, after, limit)
    rows = connection.execute(ENTRIES if stream is None else ENTRIES_OF_STREAM, wanted)
    return tuple(stored_entry(*placed) for placed in bounded(_placed(rows)))


def newest(connection: sqlite3.Connection, stream: str | None, before: int | None, limit: int) -> tuple[Entry, ...]:
    """Read the last entries, in order of position."""
    bound = NO_POSITION if before is None else before
    wanted = (bound, limit) if stream is None else (stream, bound, limit)
    rows = connection.execute(NEWEST if stream is None else NEWEST_OF_STREAM, wanted)
    return tuple(stored_entry(*placed) for placed in reversed(tuple(bounded(_placed(rows)))))


def streams(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of all streams."""
    return tuple(sorted(name for (name,) in connection.execute(STREAMS)))


def verify(connection: sqlite3.Connection, stream: str) -> int:
    """Check one stream against one state of the file; the number of entries."""
    before = connection.text_factory
    connection.text_factory = lenient_text
    try:
        with reading(connection):
            return check_entries(stream, _head(connection, stream), _records(connection, stream))
    finally:
        connection.text_factory = before


def _head(connection: sqlite3.Connection, stream: str) -> JournalHead | None:
    row = connection.execute(HEAD, (stream,)).fetchone()
    return None if row is None else JournalHead(*row)


def _placed(rows: Iterable[Any]) -> Iterator[Placed]:
    for row in rows:
        yield row[0], JournalRecord(*row[1:])


def _records(connection: sqlite3.Connection, stream: str) -> Iterator[JournalRecord]:
    for row in connection.execute(STREAM, (stream,)):
        yield JournalRecord(*row[1:])
