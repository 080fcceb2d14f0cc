"""Events in a line each, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ferryman.core.walls import UTC_ZONE
from ferryman.core.windows import on_the_wall
from ferryman.model.event import (
    AnalysisAwaited,
    ApprovalOpened,
    Approved,
    BackOrdered,
    CheckFinished,
    CheckStarted,
    Denied,
    Event,
    Frozen,
    Noted,
    Paused,
    PlanChanged,
    PostmortemWritten,
    PromotedInFull,
    RestartOrdered,
    Resumed,
    Retried,
    RolloutCreated,
    RolloutEnded,
    RolloutStarted,
    ServiceDown,
    Skipped,
    StepEntered,
    StepReached,
    Unfrozen,
    VerdictChanged,
)
from ferryman.model.rollout import DRILL
from ferryman.model.view import EventView
from ferryman.notify.words import clean
from ferryman.store.base import StoredEvent

TEXT_CHARACTERS_MAX = 3000


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _linked(link: str) -> str:
    return ", by link" if link else ""


def _urgent(emergency: bool) -> str:
    return ", as an emergency" if emergency else ""


def _entered(body: StepEntered) -> str:
    return f"step {body.name!r}, exposure up to {body.exposure_percent:g}%" + (
        f" ({body.reason})" if body.reason else ""
    )


def _created(body: RolloutCreated) -> str:
    if body.kind == DRILL:
        return f"drill: {body.revision.label} is started beside what serves" + _because(body.reason)
    steps = len(body.plan.steps)
    return (
        f"{body.kind} {body.revision.label} by {body.plan.strategy}, {steps} steps"
        + _urgent(body.emergency)
        + _because(body.reason)
    )


def _changed(body: PlanChanged) -> str:
    return f"changed in place: {body.plan.replicas} replicas, {len(body.plan.steps)} steps" + _because(body.reason)


_TEXTS: dict[type[Any], Callable[[Any], str]] = {
    RolloutCreated: _created,
    RolloutStarted: lambda b: "started" if b.plan.stable else "started, the first version of this service",
    StepEntered: _entered,
    StepReached: lambda b: f"step {b.step + 1} is served",
    AnalysisAwaited: lambda _: "waits for the judge",
    VerdictChanged: lambda b: f"verdict {b.verdict}: {b.reason}",
    CheckStarted: lambda b: f"check {b.name!r} begins",
    CheckFinished: lambda b: f"check {b.name!r} {b.state}: {b.detail}",
    ApprovalOpened: lambda b: b.reason,
    Approved: lambda b: f"approved {b.given}/{b.count} as {b.role}" + _linked(b.link) + _because(b.reason),
    Denied: lambda b: f"denied as {b.role}" + _linked(b.link) + _because(b.reason),
    Paused: lambda b: f"paused ({b.kind}): {b.reason}",
    Resumed: lambda b: "goes on" + _because(b.reason),
    Skipped: lambda b: f"promoted past step {b.step + 1}" + _because(b.reason),
    PromotedInFull: lambda b: "promoted in full" + _urgent(b.emergency) + _because(b.reason),
    BackOrdered: lambda b: f"goes back ({b.cause.kind}): {b.cause.reason}",
    Retried: lambda b: f"attempt {b.attempt}" + (" in full" if b.full else "") + _because(b.reason),
    PlanChanged: _changed,
    RestartOrdered: lambda b: "restart of every instance" + _because(b.reason),
    RolloutEnded: lambda b: f"{b.outcome.value} after {b.seconds:.1f} s: {b.reason}",
    Frozen: lambda b: (
        "frozen" + (f" to {on_the_wall(UTC_ZONE, b.until)}" if b.until is not None else "") + f": {b.reason}"
    ),
    Unfrozen: lambda b: "unfrozen" + _because(b.reason),
    ServiceDown: lambda b: "taken down" + _because(b.reason),
    PostmortemWritten: lambda b: f"post-mortem written: {b.url}" + _because(b.reason),
    Noted: lambda b: b.text,
}


def text_of(event: Event) -> str:
    """One line without time and actor, whatever people wrote into it: no text begins a line that looks like another."""
    return clean(_TEXTS[type(event.body)](event.body), TEXT_CHARACTERS_MAX)


def event_view(stored: StoredEvent) -> EventView:
    """A stored event for people and programs. Plans are left out: they are long, and the rollout shows its own."""
    event = stored.event
    body = msgspec.to_builtins(event.body)
    for key in ("plan", "release", "revision", "kind"):
        body.pop(key, None)
    return EventView(
        position=stored.position,
        service=event.service,
        seq=event.seq,
        rollout=event.rollout,
        at=event.at,
        actor=event.actor,
        kind=event.kind,
        text=text_of(event),
        body=body,
        hash=stored.hash,
    )
