"""The hash chain of a stream: whoever changes, drops or inserts an event breaks every hash after it.

    hash(0) = sha256("ferryman stream" NUL service)
    hash(n) = sha256(hash(n-1) || json([service, seq, rollout, at, actor, body]))

`json` has no blanks and object keys in order; `body` is the stored text itself, so an event keeps its hash when a later
version of its type has more fields. Somebody who can write the file can compute a whole new chain: to notice that too,
keep the hash of the last event elsewhere.
"""

from __future__ import annotations

from ferryman.store.links import beginning, link, misfit
from ferryman.store.records import Record, Write

_DOMAIN = b"ferryman stream\0"


def genesis(service: str) -> bytes:
    """What the first event of a stream points back to (32 bytes)."""
    return beginning(_DOMAIN, service)


def seal(write: Write, previous_hash: bytes) -> tuple[Record, ...]:
    """The events of a write as the continuation of a stream that ends with `previous_hash`. Raises UnicodeEncodeError
    for text that is no Unicode."""
    records: list[Record] = []
    service, at = write.lease.service, write.at
    for seq, entry in enumerate(write.entries, write.expected_seq + 1):
        rollout, actor, kind, body, _ = entry
        digest = link(previous_hash, (service, seq, rollout, at, actor), body)
        records.append(Record(service, seq, rollout, at, actor, kind, body, previous_hash, digest))
        previous_hash = digest
    return tuple(records)


def fault(record: Record, service: str, seq: int, previous_hash: bytes) -> str | None:
    """What is wrong with a record that should be event `seq` of `service` after `previous_hash`; None when nothing is."""
    if record.service != service or record.seq != seq:
        return f"found event {record.seq!r} of {record.service!r} in its place"
    labels = (service, seq, record.rollout, record.at, record.actor)
    return misfit("event", (record.previous_hash, record.hash), previous_hash, labels, record.body)
