"""The statements, and the functions that run them on a connection: writes within a transaction that somebody else
began, reads on a connection of their own. Nothing here waits or knows of threads."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ferryman.model.rollout import Service
from ferryman.store import records, replay, rules
from ferryman.store.base import (
    MEASURED_ROLLOUTS_MAX,
    MEASUREMENTS_PER_ROLLOUT_MAX,
    Fold,
    Lease,
    Loaded,
    Measurement,
    StoredEvent,
)
from ferryman.store.chain import seal
from ferryman.store.records import Head, Kept, Record, Sample, Write
from ferryman.store.replay import Placed

# Bodies are cast on the way out: a blob needs no decoding, and damaged text can still be looked at.
_EVENT = """position, service, seq, rollout, at, actor, kind, CAST(body AS BLOB), previous_hash, hash FROM event"""

HEAD = "SELECT seq, last_hash, fence, lease_owner, lease_until FROM service WHERE name = ?"
PUT_HEAD = """
    INSERT INTO service (name, seq, last_hash, fence, lease_owner, lease_until) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, last_hash = excluded.last_hash, fence = excluded.fence,
      lease_owner = excluded.lease_owner, lease_until = excluded.lease_until"""
PUT_EVENT = """
    INSERT INTO event (service, seq, rollout, at, actor, kind, body, previous_hash, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
PUT_SNAPSHOT = """
    INSERT INTO snapshot (service, seq, checksum, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (service) DO UPDATE SET seq = excluded.seq, checksum = excluded.checksum, body = excluded.body"""
PUT_JUDGE_STATE = """
    INSERT INTO judge (service, state) VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET state = excluded.state"""

COUNT_SAMPLE = """
    INSERT INTO measured (service, rollout, samples) VALUES (?, ?, 1)
    ON CONFLICT (service, rollout) DO UPDATE SET samples = samples + 1 RETURNING id, samples"""
PUT_SAMPLE = "INSERT INTO measurement (measured, attempt, at, line, answer) VALUES (?, ?, ?, ?, ?)"
OUTDATED = "SELECT id FROM measured WHERE service = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
DROP_SAMPLES = "DELETE FROM measurement WHERE measured = ?"
DROP_MEASURED = "DELETE FROM measured WHERE id = ?"
DROP_OLDEST_SAMPLE = """
    DELETE FROM measurement WHERE id = (SELECT id FROM measurement WHERE measured = ? ORDER BY at, id LIMIT 1)"""
UNCOUNT_SAMPLE = "UPDATE measured SET samples = samples - 1 WHERE id = ?"

SERVICES = "SELECT name FROM service WHERE seq > 0 ORDER BY name"
LOADED = """
    SELECT name, service.seq, last_hash, fence, lease_owner, lease_until,
           snapshot.seq, checksum, CAST(body AS BLOB), state
    FROM service LEFT JOIN snapshot ON snapshot.service = name LEFT JOIN judge ON judge.service = name"""
LOAD = LOADED + " WHERE name = ?"
LOAD_ALL = LOADED + " WHERE service.seq > 0 ORDER BY name"

END_LEASES = "UPDATE service SET lease_owner = '', lease_until = 0"

STREAM = f"SELECT {_EVENT} WHERE service = ? AND seq > ? ORDER BY seq"
EVENTS = f"SELECT {_EVENT} WHERE position > ? ORDER BY position LIMIT ?"
# Within a service seq grows with position: its index gives the order, and the plus keeps SQLite from walking all events.
EVENTS_OF_SERVICE = f"SELECT {_EVENT} WHERE service = ? AND +position > ? ORDER BY seq LIMIT ?"
EVENTS_OF_ROLLOUT = f"SELECT {_EVENT} WHERE rollout = ? AND position > ? ORDER BY position LIMIT ?"
EVENTS_OF_BOTH = f"SELECT {_EVENT} WHERE rollout = ? AND service = ? AND position > ? ORDER BY position LIMIT ?"
NEWEST = f"SELECT {_EVENT} WHERE position < ? ORDER BY position DESC LIMIT ?"
NEWEST_OF_SERVICE = f"SELECT {_EVENT} WHERE service = ? AND +position < ? ORDER BY seq DESC LIMIT ?"
NEWEST_OF_ROLLOUT = f"""
    SELECT {_EVENT} WHERE rollout = ? AND (? IS NULL OR service = ?) AND position < ? ORDER BY position DESC LIMIT ?"""
_CREATED = "kind = 'rollout_created' AND position < ? ORDER BY position DESC LIMIT ?"
CREATED = f"SELECT {_EVENT} INDEXED BY created_in_order WHERE {_CREATED}"
CREATED_OF_SERVICE = f"SELECT {_EVENT} INDEXED BY created_of_service WHERE service = ? AND {_CREATED}"
NO_POSITION = 2**62
"""Beyond every position."""

# Clocks are steady: what was written last has the latest time.
LATEST = """
    SELECT max(coalesce((SELECT at FROM event ORDER BY position DESC LIMIT 1), 0.0),
               coalesce((SELECT at FROM measurement ORDER BY id DESC LIMIT 1), 0.0))"""
MEASUREMENTS = """
    SELECT rollout, attempt, at, CAST(line AS BLOB), CAST(answer AS BLOB)
    FROM measured JOIN measurement ON measured = measured.id
    WHERE rollout = ? AND at > ? ORDER BY at, measurement.id LIMIT ?"""


class Found(NamedTuple):
    """A service as loaded, and the event of the snapshot that it was loaded from, if there was one."""

    loaded: Loaded
    kept_seq: int | None


def claim(connection: sqlite3.Connection, service: str, owner: str, now: float, seconds: float) -> Lease:
    """Write a claim. Raises `Conflict`."""
    head = rules.claimed(_head(connection, service), service, owner, now, seconds)
    connection.execute(PUT_HEAD, (service, *head))
    return Lease(service, owner, head.fence, head.until)


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Give a lease back if it is held."""
    head = _head(connection, lease.service)
    if head is not None and rules.holds(head, lease):
        connection.execute(PUT_HEAD, (lease.service, *rules.released(head)))


def end_leases(connection: sqlite3.Connection) -> None:
    """Give every lease back."""
    connection.execute(END_LEASES)


def append(connection: sqlite3.Connection, write: Write) -> tuple[StoredEvent, ...]:
    """Write an append. Raises `Conflict` before anything is written."""
    service = write.lease.service
    head = rules.check_append(_head(connection, service), write)
    sealed = seal(write, head.last_hash)
    told: list[StoredEvent] = []
    for record, entry in zip(sealed, write.entries, strict=True):
        row = (*record[:6], record.body.decode(), *record[7:])
        position = connection.execute(PUT_EVENT, row).lastrowid
        assert position is not None, "an insert has a rowid"
        told.append(records.appended(position, record, entry.copy))
    if sealed:
        connection.execute(PUT_HEAD, (service, *head._replace(seq=write.seq, last_hash=sealed[-1].hash)))
    if write.snapshot is not None:
        body = write.snapshot
        connection.execute(PUT_SNAPSHOT, (service, write.seq, records.checksum(body), body.decode()))
    if write.judge_state is not None:
        connection.execute(PUT_JUDGE_STATE, (service, write.judge_state))
    for sample in write.samples:
        _put_sample(connection, service, sample)
    return tuple(told)


def load(connection: sqlite3.Connection, service: str, fold: Fold | None) -> Found:
    """Read one service."""
    with reading(connection):
        row = connection.execute(LOAD, (service,)).fetchone()
        return Found(Loaded(Service(name=service), None), None) if row is None else _loaded(connection, row, fold)


def load_all(connection: sqlite3.Connection, fold: Fold | None) -> tuple[Found, ...]:
    """Read all services."""
    with reading(connection), _no_collection():
        return tuple(_loaded(connection, row, fold) for row in connection.execute(LOAD_ALL))


def services(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of all services with an event."""
    return tuple(name for (name,) in connection.execute(SERVICES))


def events(
    connection: sqlite3.Connection, service: str | None, after: int, limit: int, rollout: str | None
) -> tuple[StoredEvent, ...]:
    """Read events in order of position."""
    if service is not None and rollout is not None:
        rows = connection.execute(EVENTS_OF_BOTH, (rollout, service, after, limit))
    elif service is not None:
        rows = connection.execute(EVENTS_OF_SERVICE, (service, after, limit))
    elif rollout is not None:
        rows = connection.execute(EVENTS_OF_ROLLOUT, (rollout, after, limit))
    else:
        rows = connection.execute(EVENTS, (after, limit))
    return tuple(records.stored(row[0], Record(*row[1:])) for row in rows)


def newest(
    connection: sqlite3.Connection, service: str | None, limit: int, before: int | None, rollout: str | None
) -> tuple[StoredEvent, ...]:
    """Read the last events, in order of position."""
    bound = NO_POSITION if before is None else before
    if rollout is not None:
        rows = connection.execute(NEWEST_OF_ROLLOUT, (rollout, service, service, bound, limit)).fetchall()
    elif service is not None:
        rows = connection.execute(NEWEST_OF_SERVICE, (service, bound, limit)).fetchall()
    else:
        rows = connection.execute(NEWEST, (bound, limit)).fetchall()
    return tuple(records.stored(row[0], Record(*row[1:])) for row in reversed(rows))


def created(
    connection: sqlite3.Connection, service: str | None, limit: int, before: int | None
) -> tuple[StoredEvent, ...]:
    """Read the events that created the last rollouts, in order of position."""
    bound = NO_POSITION if before is None else before
    wanted = (bound, limit) if service is None else (service, bound, limit)
    rows = connection.execute(CREATED if service is None else CREATED_OF_SERVICE, wanted).fetchall()
    return tuple(records.stored(row[0], Record(*row[1:])) for row in reversed(rows))


def latest_at(connection: sqlite3.Connection) -> float:
    """The newest time of an event or a measurement."""
    return float(connection.execute(LATEST).fetchone()[0])


def measurements(connection: sqlite3.Connection, rollout: str, after_at: float, limit: int) -> tuple[Measurement, ...]:
    """Read measurements, oldest first."""
    rows = connection.execute(MEASUREMENTS, (rollout, after_at, limit))
    return tuple(records.measurement(Sample(*row)) for row in rows)


def verify(connection: sqlite3.Connection, service: str, fold: Fold | None) -> int:
    """Check one stream against one state of the file; returns the number of events."""
    before = connection.text_factory
    # Whatever was written into the file must be named as damage, also what is no UTF-8.
    connection.text_factory = lenient_text
    try:
        with reading(connection):
            row = connection.execute(LOAD, (service,)).fetchone()
            if row is None:
                return 0
            _, head, kept, _ = _parts(row)
            return replay.verify(service, head, kept, _stream(connection, service, 0), fold)
    finally:
        connection.text_factory = before


@contextmanager
def reading(connection: sqlite3.Connection) -> Generator[None]:
    """Several reads see one state of the file."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _no_collection() -> Generator[None]:
    """Hundreds of thousands of new objects, none of them garbage: looking for it takes as long as making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _head(connection: sqlite3.Connection, service: str) -> Head | None:
    row = connection.execute(HEAD, (service,)).fetchone()
    return None if row is None else Head(*row)


def _put_sample(connection: sqlite3.Connection, service: str, sample: Sample) -> None:
    """Keep a measurement, and drop what the two limits no longer cover."""
    measured, count = connection.execute(COUNT_SAMPLE, (service, sample.rollout)).fetchone()
    row = (measured, sample.attempt, sample.at, sample.line.decode(), sample.answer.decode())
    connection.execute(PUT_SAMPLE, row)
    if count == 1:
        for (outdated,) in connection.execute(OUTDATED, (service, MEASURED_ROLLOUTS_MAX)).fetchall():
            connection.execute(DROP_SAMPLES, (outdated,))
            connection.execute(DROP_MEASURED, (outdated,))
    if count > MEASUREMENTS_PER_ROLLOUT_MAX:
        connection.execute(DROP_OLDEST_SAMPLE, (measured,))
        connection.execute(UNCOUNT_SAMPLE, (measured,))


def _parts(row: tuple[Any, ...]) -> tuple[str, Head, Kept | None, str | None]:
    """A row of `LOADED`: name, head, snapshot and judge state."""
    kept = None if row[6] is None else Kept(*row[6:9])
    return row[0], Head(*row[1:6]), kept, row[9]


def _loaded(connection: sqlite3.Connection, row: tuple[Any, ...], fold: Fold | None) -> Found:
    service, head, kept, judge_state = _parts(row)
    state = replay.state(service, head, kept, lambda after: _stream(connection, service, after), fold)
    return Found(Loaded(state, judge_state), None if kept is None else kept.seq)


def _stream(connection: sqlite3.Connection, service: str, after_seq: int) -> Iterator[Placed]:
    for row in connection.execute(STREAM, (service, after_seq)):
        yield row[0], Record(*row[1:])


def lenient_text(text: bytes) -> str:
    """Text of a file that may have been changed by anybody, so that the damage can be named."""
    return text.decode("utf-8", "surrogateescape")
