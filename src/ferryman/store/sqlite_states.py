"""The statements of kept states, and the functions that run them on a connection, as `sqlite_sql` does for events."""

from __future__ import annotations

import sqlite3

from ferryman.store.states import JournalState, checksum_of_state

PUT = """
    INSERT OR REPLACE INTO journal_state (stream, seq, entry_hash, checksum, body)
    SELECT stream, seq, hash, ?, ? FROM entry WHERE stream = ? AND seq = ?"""
GET = """
    SELECT journal_state.seq, position, checksum, journal_state.body FROM journal_state
    JOIN entry ON entry.stream = journal_state.stream AND entry.seq = journal_state.seq AND hash = entry_hash
    WHERE journal_state.stream = ?"""


def put(connection: sqlite3.Connection, stream: str, seq: int, body: bytes) -> None:
    """Write a state within a transaction."""
    connection.execute(PUT, (checksum_of_state(body), body, stream, seq))


def get(connection: sqlite3.Connection, stream: str) -> JournalState | None:
    """Read a state."""
    row = connection.execute(GET, (stream,)).fetchone()
    if row is None or not isinstance(row[3], bytes) or checksum_of_state(row[3]) != row[2]:
        return None
    return JournalState(row[0], row[1], row[3])
