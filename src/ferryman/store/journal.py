"""Journals: streams of opaque entries beside the services' events, for what belongs to the controller and not to a release.

A journal is append-only, numbered without gaps and chained by hashes like a service's stream, but it has no lease, no
fold and no snapshot: a body is any JSON object, and its meaning lies with who writes it.

    hash(0) = sha256("ferryman journal" NUL stream)
    hash(n) = sha256(hash(n-1) || json([stream, seq, at, actor, kind, body]))

`json` as in `ferryman.store.links`. The head of each stream is kept apart, so that entries cut off at the end are missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from ferryman.model.errors import Conflict, StoreError
from ferryman.store.links import beginning, link, misfit

ENTRY_BYTES_MAX = 16 * 1024 * 1024
"""The largest body, encoded: that of a write to 20,000 flags."""

READ_BYTES_MAX = 32 * 1024 * 1024
"""A read that came to so much in bodies ends with the entry that it is at, before `limit`."""

STREAM_CHARACTERS_MAX = 200

_DOMAIN = b"ferryman journal\0"
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Entry(msgspec.Struct, frozen=True):
    """One entry. `position` grows over all journals (apart from the positions of events), `seq` counts those of `stream`
    from 1, `at` is an epoch second, the hashes are hex."""

    position: int
    stream: str
    seq: int
    at: float
    actor: str
    kind: str
    body: dict[str, Any]
    previous_hash: str
    hash: str


class Journal(Protocol):
    """The journals of one store. Every method may raise `StoreError` as those of `ferryman.store.base.Store` do."""

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
        """Append one entry durably; returns it as it will be read. With `expected_seq` only as the one after it: raises
        `Conflict` (code ``stale_seq``) when the stream is at another one. Raises `ValueError` for an empty name or kind,
        a time that is no number, text that is no Unicode or a body beyond `ENTRY_BYTES_MAX`, `TypeError` for one that is
        no JSON; numbers that are none in JSON become null. Nothing is written in any of these cases."""
        ...

    async def entries(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """Entries with position > `after`, of one stream or of all, in order; at most `limit` (1 to `PAGE_MAX`), and fewer
        when they are large (`READ_BYTES_MAX`): there are no more once none comes."""
        ...

    async def newest_entries(
        self, stream: str | None = None, *, before: int | None = None, limit: int = 1000
    ) -> tuple[Entry, ...]:
        """The last `limit` entries with position < `before`, in order of position; fewer when they are large."""
        ...

    async def streams(self) -> tuple[str, ...]:
        """Names of all streams with an entry, sorted by code point."""
        ...

    async def verify_entries(self, stream: str) -> int:
        """Recompute the hash chain; the number of entries. Raises `StoreError` (code ``chain_broken``) naming the first
        entry that was changed, is missing or does not belong there."""
        ...


class JournalHead(NamedTuple):
    """Where a stream ends."""

    seq: int
    last_hash: bytes


class JournalWrite(NamedTuple):
    """An entry to be written, checked and encoded."""

    stream: str
    at: float
    actor: str
    kind: str
    body: bytes
    expected_seq: int | None


class JournalRecord(NamedTuple):
    """An entry as it is kept: `hash` covers everything else here."""

    stream: str
    seq: int
    at: float
    actor: str
    kind: str
    body: bytes
    previous_hash: bytes
    hash: bytes


Placed = tuple[int, JournalRecord]
"""With its position."""


def prepare_entry(
    stream: str, at: float, actor: str, kind: str, body: dict[str, Any], expected_seq: int | None
) -> JournalWrite:
    """Check and encode. Raises ValueError and TypeError as `Journal.write` says."""
    if not stream or len(stream) > STREAM_CHARACTERS_MAX or not kind:
        raise ValueError(
            f"an entry needs a stream of at most {STREAM_CHARACTERS_MAX} characters and a kind: {stream!r}"
        )
    if not math.isfinite(at):
        raise ValueError(f"the time of an entry must be a finite number, not {at}")
    encoded = _encode(body)
    if len(encoded) > ENTRY_BYTES_MAX:
        raise ValueError(f"the body of a {kind!r} has {len(encoded)} bytes; at most {ENTRY_BYTES_MAX} are kept")
    _decode(encoded)
    for text in (stream, actor, kind):
        text.encode()  # what is no Unicode fails here, alone, and not in the writer's group
    return JournalWrite(stream, float(at), actor, kind, encoded, expected_seq)


def seal_entry(head: JournalHead | None, write: JournalWrite) -> JournalRecord:
    """The entry as the continuation of its stream; `head` None: the stream is new. Raises `Conflict`."""
    seq, last_hash = head or (0, journal_genesis(write.stream))
    if write.expected_seq is not None and write.expected_seq != seq:
        raise Conflict(
            "stale_seq",
            f"the journal {write.stream!r} is at entry {seq}, not at {write.expected_seq}",
            "read it again and decide anew",
        )
    digest = link(last_hash, (write.stream, seq + 1, write.at, write.actor, write.kind), write.body)
    return JournalRecord(write.stream, seq + 1, write.at, write.actor, write.kind, write.body, last_hash, digest)


def stored_entry(position: int, record: JournalRecord) -> Entry:
    """An entry as it is read. Raises `StoreError` (code ``store_corrupt``) for a body that is no JSON object."""
    try:
        body = _decode(record.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            "store_corrupt",
            f"entry {record.seq} of the journal {record.stream!r} cannot be read: {error}",
            "the file was changed or damaged: restore it from a copy",
        ) from error
    hashes = record.previous_hash.hex(), record.hash.hex()
    return Entry(position, record.stream, record.seq, record.at, record.actor, record.kind, body, *hashes)


def bounded(records: Iterable[Placed]) -> Iterator[Placed]:
    """As many of them, at least one, as `READ_BYTES_MAX` allows."""
    size = 0
    for position, record in records:
        yield position, record
        size += len(record.body)
        if size >= READ_BYTES_MAX:
            return


def journal_genesis(stream: str) -> bytes:
    """What the first entry of a stream points back to (32 bytes)."""
    return beginning(_DOMAIN, stream)


def check_entries(stream: str, head: JournalHead | None, records: Iterable[JournalRecord]) -> int:
    """Check that `records` are gapless, unchanged and end where `head` says; how many they are. Raises `StoreError`."""
    count, previous = 0, journal_genesis(stream)
    for record in records:
        count += 1
        wrong = _fault(record, stream, count, previous)
        if wrong is not None:
            raise _broken(stream, count, wrong)
        previous = record.hash
    expected = head or JournalHead(0, previous)
    if count < expected.seq:
        raise _broken(stream, count + 1, f"it is missing: there should be {expected.seq}")
    if count > expected.seq or previous != expected.last_hash:
        raise _broken(stream, count, f"the journal was last written at entry {expected.seq}")
    return count


def _fault(record: JournalRecord, stream: str, seq: int, previous: bytes) -> str | None:
    if record.stream != stream or record.seq != seq:
        return f"found entry {record.seq!r} of {record.stream!r} in its place"
    labels = (stream, seq, record.at, record.actor, record.kind)
    return misfit("entry", (record.previous_hash, record.hash), previous, labels, record.body)


def _broken(stream: str, seq: int, why: str) -> StoreError:
    return StoreError(
        "chain_broken",
        f"entry {seq} of the journal {stream!r}: {why}",
        "the log was changed from outside or damaged: restore the file from a copy, and find out who can write it",
    )
