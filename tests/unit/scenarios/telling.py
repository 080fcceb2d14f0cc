"""What happened, in words: the `then` of a scenario."""

from __future__ import annotations

from ferryman.model.event import (
    ApprovalOpened,
    Approved,
    BackOrdered,
    CheckFinished,
    CheckStarted,
    Denied,
    Event,
    Frozen,
    Paused,
    PlanChanged,
    PromotedInFull,
    Resumed,
    Retried,
    RolloutCreated,
    RolloutEnded,
    StepEntered,
    StepReached,
    VerdictChanged,
)
from ferryman.model.rollout import Rollout, Track
from ferryman.model.seen import LIVE_STATES
from unit.playbook import Book


def told(event: Event, began: float) -> str:
    """One event in a line."""
    return f"  +{event.at - began:g}s  {_text(event)}"


def _text(event: Event) -> str:
    match event.body:
        case RolloutCreated() as body:
            extra = " as an emergency" if body.emergency else " in full" if body.full else ""
            return f"{event.rollout} created: {body.kind} of {body.revision.label}{extra}"
        case StepEntered() as body:
            back = "way back, " if body.track is Track.BACK else ""
            why = f" ({body.reason})" if body.reason else ""
            return f"{back}step {body.name!r}: {body.phase.value}, at most {body.exposure_percent:g}%{why}"
        case StepReached():
            return "step reached"
        case Paused() as body:
            return f"paused ({body.kind}): {body.reason}"
        case Resumed() as body:
            return "resumed" + (f": {body.reason}" if body.reason else "")
        case BackOrdered() as body:
            return f"going back ({body.cause.kind}): {body.cause.reason}"
        case Retried() as body:
            return f"attempt {body.attempt}"
        case PlanChanged() as body:
            return f"plan changed: {body.plan.replicas} replicas"
        case CheckStarted() as body:
            return f"check {body.name!r} started"
        case CheckFinished() as body:
            return f"check {body.state}"
        case VerdictChanged() as body:
            return f"verdict at stage {body.stage}: {body.verdict}"
        case RolloutEnded() as body:
            back = "" if body.rollback_seconds is None else f", everybody back after {body.rollback_seconds:g}s"
            return f"{event.rollout} {body.outcome.value} after {body.seconds:g}s{back}: {body.reason}"
        case _:
            return _asked(event)


def _asked(event: Event) -> str:
    """What is asked of people, and what they say."""
    match event.body:
        case ApprovalOpened() as body:
            until = "" if body.until is None else f", at most {body.until - event.at:g}s"
            return f"approval: {body.reason}{until}"
        case Approved() as body:
            return f"approved {body.given}/{body.count} by {event.actor} ({body.role})"
        case Denied() as body:
            return f"denied by {event.actor} ({body.role})"
        case Frozen() as body:
            return (
                "frozen" + (f" for {body.until - event.at:g}s" if body.until is not None else "") + f": {body.reason}"
            )
        case PromotedInFull() as body:
            return "promoted in full" + (" as an emergency" if body.emergency else "")
        case _:
            return event.kind.replace("_", " ")


def state(book: Book, began: float) -> list[str]:
    """Where the rollout is, and what of it users meet."""
    rollout = book.service.current
    lines = [f"  = {_where(rollout)}" if rollout else "  = nothing runs"]
    labels = sorted({i.revision for i in book.instances.values() if i.state in LIVE_STATES} | set(book.routes.weights))
    for label in labels:
        live = sum(i.revision == label and i.state in LIVE_STATES for i in book.instances.values())
        weight = f", weight {book.weight(label):g}" if book.routed else ""
        oldest = min((i.started_at for i in book.instances.values() if i.revision == label), default=began) - began
        age = f", none begun before +{oldest:g}s" if book.service.fresh_since else ""
        lines.append(f"    {label}: {book.ready(label)} ready of {live}{weight}{age}")
    if book.routes.preview:
        lines.append(f"    preview: {book.routes.preview}")
    lines += [f"    {m.kind} {m.name}={m.value}: {m.revision}" for m in book.matches]
    return lines


def _where(rollout: Rollout) -> str:
    attempt = f", attempt {rollout.attempt}" if rollout.attempt > 1 else ""
    if rollout.phase.terminal:
        return f"{rollout.id} {rollout.phase.value}{attempt}"
    place = f" at step {rollout.current.name!r}" if rollout.entered_at is not None else ""
    return f"{rollout.id} {rollout.phase.value}{place}{attempt}"
