"""The file: its tables, how an older file becomes a newer one, and every connection's settings."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from ferryman.model.errors import StoreError
from ferryman.store.sqlite_errors import is_locked

LOCK_WAIT_SECONDS = 5.0
"""How long another process may hold the file before a write gives up."""

WAL_PAGES = 4_000
"""After this many pages of 4 KiB the write-ahead log is carried over into the main file."""

WAL_BYTES_MAX = 64 * 1024 * 1024
"""A write-ahead log that grew beyond this, during a long read, is cut back afterwards."""

APPLICATION_ID = 0x46455252
"""Marks a SQLite file as ours ("FERR"), see https://www.sqlite.org/pragma.html#pragma_application_id."""

_LOCK_POLL_SECONDS = 0.02


class Migration(NamedTuple):
    """One step from a schema version to the next."""

    version: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        1,
        "event log, leases, snapshots and measurements",
        (
            """CREATE TABLE service (
                 name TEXT NOT NULL PRIMARY KEY,
                 seq INTEGER NOT NULL,
                 last_hash BLOB NOT NULL,
                 fence INTEGER NOT NULL,
                 lease_owner TEXT NOT NULL,
                 lease_until REAL NOT NULL
               ) WITHOUT ROWID""",
            """CREATE TABLE event (
                 position INTEGER PRIMARY KEY AUTOINCREMENT,
                 service TEXT NOT NULL,
                 seq INTEGER NOT NULL,
                 rollout TEXT NOT NULL,
                 at REAL NOT NULL,
                 actor TEXT NOT NULL,
                 kind TEXT NOT NULL,
                 body TEXT NOT NULL,
                 previous_hash BLOB NOT NULL,
                 hash BLOB NOT NULL,
                 UNIQUE (service, seq)
               )""",
            "CREATE INDEX event_of_rollout ON event (rollout, position)",
            # Apart from `service`: renewing a lease must not rewrite these long rows.
            """CREATE TABLE snapshot (
                 service TEXT NOT NULL PRIMARY KEY,
                 seq INTEGER NOT NULL,
                 checksum INTEGER NOT NULL,
                 body TEXT NOT NULL
               )""",
            "CREATE TABLE judge (service TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL)",
            """CREATE TABLE measured (
                 id INTEGER PRIMARY KEY,
                 service TEXT NOT NULL,
                 rollout TEXT NOT NULL,
                 samples INTEGER NOT NULL,
                 UNIQUE (service, rollout)
               )""",
            """CREATE TABLE measurement (
                 id INTEGER PRIMARY KEY,
                 measured INTEGER NOT NULL,
                 attempt INTEGER NOT NULL,
                 at REAL NOT NULL,
                 line TEXT NOT NULL,
                 answer TEXT NOT NULL
               )""",
            "CREATE INDEX measurement_in_order ON measurement (measured, at, id)",
            "CREATE INDEX measured_rollout ON measured (rollout)",
        ),
    ),
    Migration(
        2,
        "journals",
        (
            """CREATE TABLE journal (
                 stream TEXT NOT NULL PRIMARY KEY,
                 seq INTEGER NOT NULL,
                 last_hash BLOB NOT NULL
               ) WITHOUT ROWID""",
            """CREATE TABLE entry (
                 position INTEGER PRIMARY KEY AUTOINCREMENT,
                 stream TEXT NOT NULL,
                 seq INTEGER NOT NULL,
                 at REAL NOT NULL,
                 actor TEXT NOT NULL,
                 kind TEXT NOT NULL,
                 body TEXT NOT NULL,
                 previous_hash BLOB NOT NULL,
                 hash BLOB NOT NULL,
                 UNIQUE (stream, seq)
               )""",
        ),
    ),
    Migration(
        3,
        "rollouts in their order",
        (
            # An index ends with the position of its rows.
            "CREATE INDEX created_in_order ON event (kind) WHERE kind = 'rollout_created'",
            "CREATE INDEX created_of_service ON event (service) WHERE kind = 'rollout_created'",
        ),
    ),
    Migration(
        4,
        "counts of flags",
        (
            """CREATE TABLE exposure_minute (
                 begin INTEGER NOT NULL,
                 environment TEXT NOT NULL,
                 flag TEXT NOT NULL,
                 variant TEXT NOT NULL,
                 evaluations INTEGER NOT NULL,
                 requests INTEGER NOT NULL,
                 failures INTEGER NOT NULL,
                 durations TEXT NOT NULL,
                 PRIMARY KEY (begin, environment, flag, variant)
               ) WITHOUT ROWID""",
            """CREATE TABLE exposure_day (
                 begin INTEGER NOT NULL,
                 environment TEXT NOT NULL,
                 flag TEXT NOT NULL,
                 variant TEXT NOT NULL,
                 evaluations INTEGER NOT NULL,
                 requests INTEGER NOT NULL,
                 failures INTEGER NOT NULL,
                 durations TEXT NOT NULL,
                 PRIMARY KEY (environment, flag, begin, variant)
               ) WITHOUT ROWID""",
            "CREATE INDEX exposure_day_in_order ON exposure_day (begin)",
        ),
    ),
    Migration(
        5,
        "states of journals",
        (
            """CREATE TABLE journal_state (
                 stream TEXT NOT NULL PRIMARY KEY,
                 seq INTEGER NOT NULL,
                 entry_hash BLOB NOT NULL,
                 checksum INTEGER NOT NULL,
                 body BLOB NOT NULL
               )""",
        ),
    ),
)


def create_file(path: Path) -> None:
    """Create an empty file that only its owner may read, unless there is one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def connect_writer(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the disk when they return. Raises sqlite3.Error, and `StoreError` for a file
    that is not ours (code ``not_a_store``) or on a disk that cannot hold it."""
    connection = _connect(path)
    try:
        _check_ours(connection, path)
        _use_write_ahead_log(connection, path)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_MAX}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and that no writer holds up. Raises sqlite3.Error."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only=ON")
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the last of `MIGRATIONS` in one transaction. Raises sqlite3.Error, and `StoreError` (code
    ``store_too_new``) for a file that is newer than this program."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        for migration in MIGRATIONS:
            if migration.version <= version:
                continue
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migration (version, name, applied_at) VALUES (?, ?, ?)",
                (migration.version, migration.name, time.time()),
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False)


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Two processes that open a new file at once may see "locked" without SQLite waiting for it, so this waits."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_LOCK_POLL_SECONDS)
    if mode != "wal":
        raise StoreError(
            "store_failed",
            f"{path}: the file system has no shared memory, which the write-ahead log needs (journal mode {mode})",
            "keep the state on a local disk, not on a network share",
        )


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Before anything is changed: not even the journal mode of somebody else's file is."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID and _tables(connection):
        raise StoreError("not_a_store", f"{path} is a SQLite file of another program", "name another state folder")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    if not _tables(connection):
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(
            "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL)"
        )
    (version,) = connection.execute("SELECT coalesce(max(version), 0) FROM migration").fetchone()
    if version > MIGRATIONS[-1].version:
        raise StoreError(
            "store_too_new",
            f"{path} has schema version {version}; this Ferryman knows versions up to {MIGRATIONS[-1].version}",
            "use the newer Ferryman that wrote it, or another state folder",
        )
    return int(version)


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
