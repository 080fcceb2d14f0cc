"""What a store keeps: appends and events in the encoded form in which every adapter holds them.

Bodies, snapshots and measurements are JSON. They are encoded when an append is called and decoded when they are read, so
no live object of one caller ever reaches another.
"""

from __future__ import annotations

import functools
import hashlib
import math
import zlib
from typing import Any, NamedTuple

import msgspec

from ferryman import __version__
from ferryman.model.errors import StoreError
from ferryman.model.event import Body, Draft, Event
from ferryman.model.rollout import Service
from ferryman.store.base import PAGE_MAX, Append, Lease, Measurement, StoredEvent

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_as_is = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(Body).decode
_decode_service = msgspec.json.Decoder(Service).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


class Head(NamedTuple):
    """Where a stream ends and who may write it. `owner` is empty when the lease was given back."""

    seq: int
    last_hash: bytes
    fence: int
    owner: str
    until: float


class Entry(NamedTuple):
    """A draft, encoded; `copy` is the body as it will be read, shared with nobody."""

    rollout: str
    actor: str
    kind: str
    body: bytes
    copy: Body


class Record(NamedTuple):
    """An event, encoded and sealed: `hash` covers everything else here."""

    service: str
    seq: int
    rollout: str
    at: float
    actor: str
    kind: str
    body: bytes
    previous_hash: bytes
    hash: bytes


class Kept(NamedTuple):
    """A stored snapshot: the event it follows, the checksum of its text, and the text."""

    seq: int
    checksum: int
    body: bytes


class Sample(NamedTuple):
    """A measurement, encoded."""

    rollout: str
    attempt: int
    at: float
    line: bytes
    answer: bytes


class Write(NamedTuple):
    """An append, checked and encoded."""

    lease: Lease
    expected_seq: int
    at: float
    entries: tuple[Entry, ...]
    snapshot: bytes | None
    samples: tuple[Sample, ...]
    judge_state: str | None

    @property
    def seq(self) -> int:
        """The number of the last event once this is written."""
        return self.expected_seq + len(self.entries)

    @property
    def size_bytes(self) -> int:
        """About what it adds to a transaction."""
        return (
            sum(len(entry.body) for entry in self.entries)
            + sum(len(sample.line) + len(sample.answer) for sample in self.samples)
            + len(self.snapshot or b"")
            + len(self.judge_state or "")
        )


def prepare(append: Append, *, with_snapshot: bool = True) -> Write:
    """Check and encode an append, its snapshot only if that is wanted. Raises ValueError for one that contradicts itself or
    could not be read back, TypeError for what is no JSON."""
    if not math.isfinite(append.at):
        raise ValueError(f"the time of an append must be a finite number, not {append.at}")
    snapshot = append.snapshot
    if snapshot is not None:
        due = append.expected_seq + len(append.drafts)
        if snapshot.name != append.lease.service:
            raise ValueError(f"a snapshot of {snapshot.name!r} in an append to {append.lease.service!r}")
        if snapshot.seq != due:
            raise ValueError(
                f"the snapshot is at seq {snapshot.seq}, but this append to {snapshot.name!r} ends at {due}"
            )
    return Write(
        lease=append.lease,
        expected_seq=append.expected_seq,
        at=float(append.at),
        entries=tuple(_entry(draft) for draft in append.drafts),
        snapshot=_snapshot(snapshot) if snapshot is not None and with_snapshot else None,
        samples=tuple(
            Sample(m.rollout, m.attempt, float(m.at), _encode_as_is(m.line), _encode_as_is(m.answer))
            for m in append.measurements
        ),
        judge_state=append.judge_state,
    )


def appended(position: int, record: Record, body: Body) -> StoredEvent:
    """An event that was just written, with the copy of its body."""
    made = Event(record.service, record.seq, record.rollout, record.at, record.actor, body)
    return StoredEvent(position, made, record.previous_hash.hex(), record.hash.hex())


def stored(position: int, record: Record) -> StoredEvent:
    """An event as it is read. Raises `StoreError` (code ``event_unreadable``) for a body of no known kind."""
    return StoredEvent(position, event(position, record), record.previous_hash.hex(), record.hash.hex())


def event(position: int, record: Record) -> Event:
    """The event of a record. Raises `StoreError` (code ``event_unreadable``) for a body of no known kind."""
    try:
        body = _decode_body(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            "event_unreadable",
            f"event {record.seq} of {record.service!r} (position {position}, kind {record.kind!r}) cannot be read: {error}",
            "it was written by a newer Ferryman, or changed: use that version, or a copy of the file",
        ) from error
    return Event(record.service, record.seq, record.rollout, record.at, record.actor, body)


def checksum(body: bytes) -> int:
    """CRC-32 of a snapshot's text: finds a damaged page of the file at a tenth of the price of a hash."""
    return zlib.crc32(body)


class Outdated(ValueError):
    """A snapshot that is sound, and was made by a program whose fold or state may have been another one."""


@functools.cache
def _maker() -> bytes:
    """The head of every snapshot of this program: it changes with each release and with the shape of the state."""
    schema = msgspec.json.schema(Service, schema_hook=lambda kind: {"title": kind.__name__})
    shape = msgspec.json.encode(schema, order="deterministic")
    digest = hashlib.sha256(__version__.encode() + shape).hexdigest()[:12]
    return b'{"maker":"%b","service":' % digest.encode()


def _snapshot(service: Service) -> bytes:
    return b"%b%b}" % (_maker(), _encode(service))


def opened_snapshot(kept: Kept) -> Service:
    """A snapshot, decoded. Raises ValueError for one that was damaged, `Outdated` for one of another program."""
    if checksum(kept.body) != kept.checksum:
        raise ValueError("its text does not match its checksum")
    if not kept.body.startswith(_maker()):
        raise Outdated("another release of this program made it")
    return _decode_service(memoryview(kept.body)[len(_maker()) : -1])


def measurement(sample: Sample) -> Measurement:
    """A measurement, decoded. Raises `StoreError` (code ``store_corrupt``) for what is none."""
    try:
        line, answer = _decode_object(sample.line), _decode_object(sample.answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            "store_corrupt",
            f"the measurement of rollout {sample.rollout!r} at {sample.at} cannot be read: {error}",
            "the events are not touched by it; restore the file from a copy if the measurements matter",
        ) from error
    return Measurement(sample.rollout, sample.attempt, sample.at, line, answer)


def check_page(limit: int) -> None:
    """Raises ValueError for a `limit` outside 1 to `PAGE_MAX`."""
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"limit must be 1 to {PAGE_MAX}, not {limit}")


def _entry(draft: Draft) -> Entry:
    body = _encode(draft.body)
    kind = str(type(draft.body).__struct_config__.tag)
    try:
        return Entry(draft.rollout, draft.actor, kind, body, _decode_body(body))
    except msgspec.DecodeError as error:
        raise ValueError(f"an event of kind {kind!r} could not be read back: {error}") from error
