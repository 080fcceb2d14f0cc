"""What happened, in words: the `then` of a scenario."""

from __future__ import annotations

import re

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
from ferryman.model.rollout import Rollout, Service, Track
from scenes.stage import Look


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


def state(service: Service, look: Look, began: float) -> list[str]:
    """Where the rollout is, and what of it users meet."""
    rollout = service.current
    lines = [f"  = {_where(rollout)}" if rollout else "  = nothing runs"]
    for label, side in sorted(look.sides.items()):
        weight = f", weight {side.weight:g}" if look.routed else ""
        age = f", none begun before +{side.oldest - began:g}s" if service.fresh_since else ""
        lines.append(f"    {label}: {side.ready} ready of {side.live}{weight}{age}")
    if look.flag:
        lines.append(f"    flag: {look.flag}")
    if look.preview:
        lines.append(f"    preview: {look.preview}")
    lines += [f"    {kind} {name}={value}: {label}" for kind, name, value, label in look.matches]
    return lines


def _where(rollout: Rollout) -> str:
    attempt = f", attempt {rollout.attempt}" if rollout.attempt > 1 else ""
    if rollout.phase.terminal:
        return f"{rollout.id} {rollout.phase.value}{attempt}"
    place = f" at step {rollout.current.name!r}" if rollout.entered_at is not None else ""
    return f"{rollout.id} {rollout.phase.value}{place}{attempt}"


_MARKS = re.compile(r"    meanwhile never fewer than (\d+) ready, never more than (\d+)")
_TIMES = (
    (re.compile(r"^  \+[\d.e+-]+s  "), "  "),
    (re.compile(r" after [\d.]+s"), ""),
    (re.compile(r", none begun before \+[-\d.]+s"), ""),
    (re.compile(r" (to|opens) \w{3} \d{4}-\d\d-\d\d \d\d:\d\d UTC"), r" \1 at a time"),
    (re.compile(r"no evidence for [\d.]+ s"), "no evidence"),
)


def timeless(text: str) -> list[str]:
    """A scenario as it reads in any world: the same things in the same order, whenever they are."""
    lines = [line for line in text.splitlines() if not _MARKS.fullmatch(line)]
    for pattern, instead in _TIMES:
        lines = [pattern.sub(instead, line) for line in lines]
    return lines


def bounds(text: str) -> tuple[int, int]:
    """(fewest ready, most live) of all its parts."""
    found = [(int(low), int(high)) for low, high in _MARKS.findall(text)]
    return min((low for low, _ in found), default=0), max((high for _, high in found), default=10**6)
