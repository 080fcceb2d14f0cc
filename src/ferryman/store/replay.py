"""From events back to state: checking a stream from its first event on, and making up for a lost snapshot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ferryman.model.errors import StoreError
from ferryman.model.event import Event
from ferryman.model.rollout import Service
from ferryman.store import records
from ferryman.store.base import Fold
from ferryman.store.chain import fault, genesis
from ferryman.store.records import Head, Kept, Record

_log = logging.getLogger(__name__)

Placed = tuple[int, Record]
"""A record with its position."""


def check_stream(
    service: str, head: Head, stream: Iterable[Placed], fold: Fold | None, at_seq: int = 0
) -> tuple[Service, Service]:
    """Check that `stream` is gapless, unchanged and ends where `head` says. Returns the fold up to event `at_seq`, and of
    all of it (both fresh without a fold).

    Raises `StoreError`: code ``chain_broken`` naming the first bad event, ``event_unreadable``, or ``fold_failed``.
    """
    state, count, previous_hash = Service(name=service), 0, genesis(service)
    then = state
    for position, record in stream:
        count += 1
        wrong = fault(record, service, count, previous_hash)
        if wrong is not None:
            raise _broken(service, count, f"position {position}", wrong)
        event = records.event(position, record)
        if event.kind != record.kind:
            raise _broken(
                service, count, f"position {position}", f"it is labelled {record.kind!r} but is {event.kind!r}"
            )
        if fold is not None:
            state = _folded(fold, state, event)
            then = state if count == at_seq else then
        previous_hash = record.hash
    if count < head.seq:
        raise _broken(service, count + 1, "missing", f"the stream should have {head.seq} events")
    if count > head.seq or previous_hash != head.last_hash:
        raise _broken(service, count, "the last one", f"the service was last written at event {head.seq}")
    return then, state


def verify(service: str, head: Head, kept: Kept | None, stream: Iterable[Placed], fold: Fold | None) -> int:
    """`check_stream`, then that the snapshot is what the events up to its own lead to; one that is missing or behind is
    made up for when it is loaded, and no fault. Returns the number of events.

    Raises `StoreError`, besides those of `check_stream`: code ``snapshot_corrupt`` or ``snapshot_mismatch``.
    """
    folded, _ = check_stream(service, head, stream, fold, 0 if kept is None else kept.seq)
    snapshot = _opened(service, head, kept)
    if fold is not None and snapshot is not None and snapshot != folded:
        fields = [name for name in snapshot.__struct_fields__ if getattr(snapshot, name) != getattr(folded, name)]
        raise StoreError(
            "snapshot_mismatch",
            f"the snapshot of service {service!r} at event {snapshot.seq} is not the fold of its events: "
            f"it differs in {', '.join(fields)}",
            "the events are the truth: delete the row of this service from the table snapshot, and it is made anew",
        )
    return head.seq


def state(
    service: str, head: Head, kept: Kept | None, stream_after: Callable[[int], Iterable[Placed]], fold: Fold | None
) -> Service:
    """The state at `head`: the snapshot if it is sound and up to date, else a fold of the events after it, or of all.

    `stream_after` gives the events after a seq. Raises `StoreError`: code ``snapshot_corrupt`` without a fold, or those
    of `check_stream`.
    """
    try:
        snapshot = _opened(service, head, kept)
    except StoreError as error:
        if fold is None:
            raise
        _log.warning("%s; it is made anew from %d events", error.message, head.seq)
        snapshot = None
    known = snapshot or Service(name=service)
    if known.seq == head.seq:
        return known
    if fold is None:
        raise _corrupt(service, f"it is at event {known.seq}, the stream at {head.seq}")
    if snapshot is None:
        return check_stream(service, head, stream_after(0), fold)[1]
    for position, record in stream_after(known.seq):
        if record.seq != known.seq + 1:
            raise _broken(service, known.seq + 1, "missing", f"found event {record.seq} in its place")
        known = _folded(fold, known, records.event(position, record))
    if known.seq != head.seq:
        raise _broken(service, known.seq + 1, "missing", f"the stream should have {head.seq} events")
    return known


def _folded(fold: Fold, state: Service, event: Event) -> Service:
    try:
        return fold(state, event)
    except ValueError as error:
        raise StoreError(
            "fold_failed",
            f"event {event.seq} of service {event.service!r} ({event.kind}) does not follow from those before it: {error}",
            "the event is as it was written: this is a defect of the program that wrote it, please report it",
        ) from error


def _opened(service: str, head: Head, kept: Kept | None) -> Service | None:
    """The snapshot, None when there is none that counts. Raises `StoreError` (code ``snapshot_corrupt``)."""
    if kept is None:
        return None
    try:
        snapshot = records.opened_snapshot(kept)
    except records.Outdated:
        return None
    except ValueError as error:
        raise _corrupt(service, str(error)) from error
    if snapshot.name != service or snapshot.seq != kept.seq or snapshot.seq > head.seq:
        raise _corrupt(service, f"it is of {snapshot.name!r} at event {snapshot.seq}, the stream at {head.seq}")
    return snapshot


def _corrupt(service: str, why: str) -> StoreError:
    return StoreError(
        "snapshot_corrupt",
        f"the snapshot of service {service!r} cannot be used: {why}",
        "the events are the truth: a store that is given the fold makes the snapshot anew when it loads the service",
    )


def _broken(service: str, seq: int, place: str, why: str) -> StoreError:
    return StoreError(
        "chain_broken",
        f"event {seq} of service {service!r} ({place}): {why}",
        "the log was changed from outside or damaged: restore the file from a copy, and find out who can write it",
    )
