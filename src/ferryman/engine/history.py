"""What was released, read from the log alone, and of the log no more than what is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from ferryman.engine.texts import event_view
from ferryman.engine.views import planned
from ferryman.model.errors import FerrymanError
from ferryman.model.event import (
    BackOrdered,
    Event,
    PlanChanged,
    Retried,
    RolloutCreated,
    RolloutEnded,
    RolloutStarted,
    ServiceDown,
    StepEntered,
    StepReached,
)
from ferryman.model.view import EventView, IncidentView, RolloutDetail, RolloutSummary
from ferryman.store.base import Store, StoredEvent

PAGE = 1000
LOOKED_AT = 200
"""Rollouts whose creation is read at once."""

RUNNING = "running"
WAITING = "waiting"
STOPPED = "stopped"

Wanted = Callable[[str], bool]
"""Whether a service is to be told of."""

Labels = dict[tuple[str, str], str]
"""Names of revisions, by service and id."""


async def all_events(
    store: Store, service: str, *, rollout: str | None = None, after: int = 0
) -> AsyncIterator[StoredEvent]:
    """What happened to a service, or in one `rollout`, after a position, oldest first. Raises `StoreError`."""
    while page := await store.events(service, after=after, limit=PAGE, rollout=rollout):
        for stored in page:
            yield stored
        after = page[-1].position


async def read_events(
    store: Store, service: str | None, after: int, before: int | None, limit: int, rollout: str | None
) -> tuple[EventView, ...]:
    """The first `limit` events after a position, or with `before` the last before that one. Raises `StoreError`."""
    if before is None:
        found = await store.events(service, after=after, limit=limit, rollout=rollout)
    else:
        newest = await store.newest(service, limit=limit, before=before, rollout=rollout)
        found = tuple(stored for stored in newest if stored.position > after)
    return tuple(map(event_view, found))


async def read_history(
    store: Store, service: str | None, *, after: str = "", limit: int = 50, wanted: Wanted = lambda _: True
) -> tuple[RolloutSummary, ...]:
    """The last `limit` rollouts of a service, or of all that are `wanted`, newest first; those older than the rollout
    `after`. Reads the events of these alone. Raises `FerrymanError` (``unknown_rollout``) for an `after` that is none."""
    before = await _position_of(store, service, after, wanted) if after else None
    found: list[StoredEvent] = []
    at_once = LOOKED_AT if service is None else limit
    while len(found) < limit and (page := await store.created(service, limit=at_once, before=before)):
        found += [stored for stored in reversed(page) if wanted(stored.event.service)]
        before = page[0].position
    labels: Labels = {}
    return tuple([await _summary(store, stored, labels) for stored in found[:limit]])


async def read_rollout(store: Store, service: str, rollout: str, incident: IncidentView | None) -> RolloutDetail:
    """What that rollout was about. Raises `FerrymanError` (``unknown_rollout``)."""
    mine = [stored async for stored in all_events(store, service, rollout=rollout)]
    created = mine[0].event.body if mine else None
    if not isinstance(created, RolloutCreated):
        raise _unknown(rollout)
    summary = await _summary(store, mine[0], {}, mine)
    bodies = [stored.event.body for stored in mine]
    plan = next((b.plan for b in reversed(bodies) if isinstance(b, RolloutStarted | PlanChanged)), created.plan)
    return RolloutDetail(summary, created.revision, plan.replicas, planned(plan), plan.notes, incident)


async def _position_of(store: Store, service: str | None, rollout: str, wanted: Wanted) -> int:
    name = rollout.rpartition("-")[0]
    known = name and service in (None, name) and wanted(name)
    found = await store.events(name, rollout=rollout, limit=1) if known else ()
    if not found:
        raise _unknown(rollout)
    return found[0].position


def _unknown(rollout: str) -> FerrymanError:
    return FerrymanError("unknown_rollout", f"there is no rollout {rollout!r}", "see `ferry history`")


async def _summary(
    store: Store, created: StoredEvent, labels: Labels, mine: Sequence[StoredEvent] | None = None
) -> RolloutSummary:
    """One rollout in a line, out of its own events; `labels` of revisions by service are added to."""
    service, rollout = created.event.service, created.event.rollout
    if mine is None:
        mine = [stored async for stored in all_events(store, service, rollout=rollout)]
    summary = summarised([stored.event for stored in mine])
    if summary.ended_at is None:
        down = await _down_after(store, service, mine[-1].position)
        summary = summary if down is None else _change(summary, outcome=STOPPED, ended_at=down)
    plans = [
        stored.event.body.plan for stored in mine if isinstance(stored.event.body, RolloutCreated | RolloutStarted)
    ]
    stable = plans[-1].stable
    return _change(summary, stable=await _label(store, service, stable, created.position, labels) if stable else None)


async def _down_after(store: Store, service: str, position: int) -> float | None:
    """When the service was taken down while something of it was still open, if it was."""
    async for stored in all_events(store, service, after=position):
        if isinstance(stored.event.body, ServiceDown):
            return stored.event.at
    return None


async def _label(store: Store, service: str, revision: str, position: int, labels: Labels) -> str | None:
    """The name of a revision, which a rollout up to `position` brought."""
    before = position + 1
    while (service, revision) not in labels:
        page = await store.created(service, limit=LOOKED_AT, before=before)
        if not page:
            return None
        for stored in page:
            body = stored.event.body
            assert isinstance(body, RolloutCreated)
            for known in (body.revision, body.baseline):
                if known is not None:
                    labels[service, known.id] = known.label
        before = page[0].position
    return labels[service, revision]


def summarised(events: Sequence[Event]) -> RolloutSummary:
    """One line of all events of one rollout, the first of which created it; without the name of what was stable, and as
    if no service was ever taken down."""
    body = events[0].body
    assert isinstance(body, RolloutCreated)
    summary = _created(events[0], body)
    asked: float | None = None
    for event in events[1:]:
        match event.body:
            case Retried():
                asked = None
            case StepEntered():
                asked = event.at if asked is None else asked
            case StepReached() if summary.ready_seconds is None:
                summary = _change(summary, ready_seconds=max(0.0, event.at - (event.at if asked is None else asked)))
            case _:
                pass
        summary = _folded(summary, event)
    return summary


def _created(event: Event, body: RolloutCreated) -> RolloutSummary:
    return RolloutSummary(
        id=event.rollout,
        number=body.number,
        kind=body.kind,
        strategy=body.plan.strategy,
        candidate=body.revision.label,
        stable=None,
        outcome=WAITING,
        reason=body.reason,
        created_at=event.at,
        created_by=event.actor,
        ended_at=None,
        seconds=None,
        rollback_seconds=None,
        max_exposure_percent=0.0,
        attempt=1,
    )


def _folded(summary: RolloutSummary, event: Event) -> RolloutSummary:
    match event.body:
        case RolloutStarted():
            return _change(summary, outcome=RUNNING)
        case StepEntered(exposure_percent=exposure):
            return _change(summary, max_exposure_percent=max(summary.max_exposure_percent, exposure))
        case Retried(attempt=attempt):
            ended = {"ended_at": None, "seconds": None, "cause_kind": None, "ready_seconds": None}
            return _change(summary, outcome=RUNNING, attempt=attempt, **ended)
        case BackOrdered(cause=cause):
            return _change(summary, cause_kind=cause.kind)
        case RolloutEnded() as body:
            return _change(
                summary,
                outcome=body.outcome.value,
                reason=body.reason,
                ended_at=event.at,
                seconds=body.seconds,
                rollback_seconds=body.rollback_seconds,
            )
        case _:
            return summary


def _change(summary: RolloutSummary, **fields: Any) -> RolloutSummary:
    return msgspec.structs.replace(summary, **fields)
