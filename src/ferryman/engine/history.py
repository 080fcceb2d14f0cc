"""The history of a service, read from its events alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

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
from ferryman.model.view import IncidentView, RolloutDetail, RolloutSummary
from ferryman.store.base import Store

PAGE = 1000
RUNNING = "running"
WAITING = "waiting"


async def all_events(store: Store, service: str) -> list[Event]:
    """Everything that happened to a service, oldest first. Raises `StoreError`."""
    events, after = list[Event](), 0
    while page := await store.events(service, after=after, limit=PAGE):
        events += [stored.event for stored in page]
        after = page[-1].position
    return events


def summaries(events: Iterable[Event]) -> tuple[RolloutSummary, ...]:
    """One line per rollout, newest first."""
    found: dict[str, RolloutSummary] = {}
    asked: dict[str, float] = {}
    labels: dict[str, str] = {}
    for event in events:
        body = event.body
        if isinstance(body, RolloutCreated):
            labels[body.revision.id] = body.revision.label
            found[event.rollout] = _created(event, body, labels)
        elif isinstance(body, ServiceDown):
            found.update(
                {k: _change(v, outcome="stopped", ended_at=event.at) for k, v in found.items() if not v.ended_at}
            )
        elif event.rollout in found:
            if isinstance(body, Retried):
                asked.pop(event.rollout, None)
            elif isinstance(body, StepEntered):
                asked.setdefault(event.rollout, event.at)
            elif isinstance(body, StepReached) and found[event.rollout].ready_seconds is None:
                ready = max(0.0, event.at - asked.get(event.rollout, event.at))
                found[event.rollout] = _change(found[event.rollout], ready_seconds=ready)
            found[event.rollout] = _folded(found[event.rollout], event, labels)
    return tuple(reversed(found.values()))


def detail(events: Iterable[Event], rollout: str, incident: IncidentView | None = None) -> RolloutDetail:
    """What that rollout was about, from the events of its service, and the incident that it was. Raises `FerrymanError` (``unknown_rollout``)."""
    seen = tuple(events)
    summary = next((s for s in summaries(seen) if s.id == rollout), None)
    mine = [e.body for e in seen if e.rollout == rollout]
    created = next((b for b in mine if isinstance(b, RolloutCreated)), None)
    if summary is None or created is None:
        raise FerrymanError("unknown_rollout", f"there is no rollout {rollout!r}", "see `ferry history`")
    plan = next((b.plan for b in reversed(mine) if isinstance(b, RolloutStarted | PlanChanged)), created.plan)
    return RolloutDetail(summary, created.revision, plan.replicas, planned(plan), plan.notes, incident)


def _created(event: Event, body: RolloutCreated, labels: dict[str, str]) -> RolloutSummary:
    return RolloutSummary(
        id=event.rollout,
        number=body.number,
        kind=body.kind,
        strategy=body.plan.strategy,
        candidate=body.revision.label,
        stable=labels.get(body.plan.stable or ""),
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


def _folded(summary: RolloutSummary, event: Event, labels: dict[str, str]) -> RolloutSummary:
    match event.body:
        case RolloutStarted(plan=plan):
            return _change(summary, outcome=RUNNING, stable=labels.get(plan.stable or ""))
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
