"""From an event to what is told of it. Pure: the same event always makes the same notice, under the same key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ferryman.model.event import (
    ApprovalOpened,
    BackOrdered,
    Event,
    Frozen,
    Paused,
    PromotedInFull,
    Retried,
    RolloutCreated,
    RolloutEnded,
    RolloutStarted,
    Unfrozen,
    VerdictChanged,
)
from ferryman.model.notice import Audience, Figure, Notice, NoticeKind, Severity
from ferryman.model.plan import Phase
from ferryman.model.rollout import Rollout, Service
from ferryman.notify.figures import figure_text, figures
from ferryman.notify.words import clean, seconds_text

AUTHOR, APPROVERS, OWNERS, ON_CALL = Audience
EVERYBODY = tuple(Audience)
BY_JUDGEMENT = frozenset({"inconclusive", "insufficient", "fail", "error"})
STUCK = "/stuck/"
"""In the keys of notices that belong to no event."""

# Causes that a person or a newer release gave: nothing is wrong with the machine.
BY_PERSON = frozenset({"abort", "supersede", "denied", "expired"})


class Told(msgspec.Struct, frozen=True):
    """What an event adds to the facts that every notice carries."""

    kind: NoticeKind
    severity: Severity
    audience: tuple[Audience, ...]
    title: str
    reason: str = ""
    lines: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    until: float | None = None
    gate: str = ""
    role: str = ""
    needed: int = 0


class Moment(msgspec.Struct, frozen=True):
    """An event with the service after it, the rollout it is about, and the judge's last recorded word on that."""

    event: Event
    service: Service
    rollout: Rollout
    verdict: VerdictChanged | None

    @property
    def new(self) -> str:
        """The candidate's label."""
        return self.service.label(self.rollout.candidate)

    @property
    def old(self) -> str:
        """The stable version's label; empty on a first release."""
        return self.service.label(self.rollout.stable) if self.rollout.stable else ""

    @property
    def share(self) -> str:
        """How many of the users meet the candidate."""
        return f"{self.rollout.exposure_percent:g}%"

    @property
    def numbers(self) -> tuple[Figure, ...]:
        """What the judge's last word stood on."""
        return figures(self.verdict.evidence) if self.verdict is not None else ()


def notices(
    before: Service, event: Event, after: Service, *, verdict: VerdictChanged | None = None
) -> tuple[Notice, ...]:
    """What to tell of `event`, which led from `before` to `after`. `verdict` is the last one recorded for the rollout:
    the numbers that decided are its."""
    if isinstance(event.body, Frozen | Unfrozen):
        return (_frozen(event, event.body),)
    tell = _TELLERS.get(type(event.body))
    rollout = _about(after, event.rollout) or _about(before, event.rollout)
    if tell is None or rollout is None:
        return ()
    told = tell(event.body, Moment(event, after, rollout, verdict))
    return () if told is None else (_notice(told, Moment(event, after, rollout, verdict)),)


def stuck(service: Service, now: float, seconds: float) -> Notice | None:
    """A rollout that has not moved for `seconds` outside a wait; the same notice until it moves."""
    rollout = service.current
    if rollout is None or service.down or not rollout.running or _waits(rollout, now):
        return None
    since = moved_at(rollout)
    if now - since < seconds:
        return None
    key = f"{service.name}{STUCK}{rollout.id}.{rollout.attempt}.{rollout.track.value}.{rollout.step}"
    title = f"{service.name}: {rollout.id} has not moved for {seconds_text(seconds)}"
    place = f"step {rollout.step + 1} of {len(rollout.steps)}, {rollout.current.name!r}, {rollout.phase.value}"
    event = Event(service.name, service.seq, rollout.id, since + seconds, "ferryman", PromotedInFull())
    told = Told(NoticeKind.STUCK, Severity.CRITICAL, (ON_CALL,), title, f"nothing happened at {place}")
    return _notice(told, Moment(event, service, rollout, None), key=key)


def moved_at(rollout: Rollout) -> float:
    """When the rollout last moved by itself or by a person (epoch seconds)."""
    moments = (
        rollout.created_at,
        rollout.started_at,
        rollout.attempt_at,
        rollout.entered_at,
        rollout.reached_at,
        rollout.progress_at,
        rollout.cause.at if rollout.cause else None,
    )
    return max(moment for moment in moments if moment is not None)


def _waits(rollout: Rollout, now: float) -> bool:
    """Waiting is part of the plan here: for a person, a time, the judge, a check."""
    if rollout.pause is not None:
        return True
    if rollout.reached_at is None or rollout.skipped:
        return False
    longest = 0.0
    for gate in rollout.current.gates:
        # A hold, a verdict or a pause each say how long at most; a check has its own timeout.
        for name in ("seconds", "max_wait_seconds"):
            longest += getattr(gate, name, None) or 0.0
        check = getattr(gate, "check", None)
        longest += check.timeout_seconds if check is not None else 0.0
    return now < rollout.reached_at + rollout.lost_seconds + longest


def _about(service: Service, rollout: str) -> Rollout | None:
    known = (service.current, *service.queue)
    return next((r for r in known if r is not None and r.id == rollout), None)


def _notice(told: Told, moment: Moment, key: str = "") -> Notice:
    event, rollout = moment.event, moment.rollout
    return Notice(
        key=key or f"{event.service}/{event.seq}",
        kind=told.kind,
        severity=told.severity,
        audience=told.audience,
        service=event.service,
        at=event.at,
        title=clean(told.title),
        actor=clean(event.actor),
        rollout=rollout.id,
        attempt=rollout.attempt,
        phase=rollout.phase.value,
        author=clean(rollout.created_by),
        candidate=moment.new,
        stable=moment.old,
        reason=clean(told.reason),
        lines=tuple(clean(line) for line in told.lines),
        figures=told.figures,
        exposure_percent=rollout.exposure_percent,
        step=rollout.step,
        step_name=clean(rollout.current.name),
        gate=told.gate,
        role=told.role,
        needed=told.needed,
        until=told.until,
    )


# ---------------------------------------------------------------------- kind by kind
def _frozen(event: Event, body: Frozen | Unfrozen) -> Notice:
    frozen = isinstance(body, Frozen)
    what = "is frozen: no more users meet a new version" if frozen else "is not frozen any more"
    return Notice(
        key=f"{event.service}/{event.seq}",
        kind=NoticeKind.FREEZE,
        severity=Severity.WARNING if frozen else Severity.INFO,
        audience=(OWNERS,),
        service=event.service,
        at=event.at,
        title=f"{event.service} {what}",
        actor=clean(event.actor),
        reason=clean(body.reason),
        until=body.until if isinstance(body, Frozen) else None,
    )


def _created(body: RolloutCreated, m: Moment) -> Told | None:
    if not body.emergency:
        return None
    return _overridden(
        f"{m.service.name}: {m.event.actor} releases {m.new} in an emergency", body.reason, emergency=True
    )


def _asked(body: ApprovalOpened, m: Moment) -> Told:
    needed = f"{body.count} approvals are" if body.count > 1 else "an approval is"
    title = f"{m.service.name}: {needed} needed for {m.new} to go on from {m.share}"
    line = f"from {body.count} of role {body.role} or above: `ferry approve {m.service.name}` or `ferry deny`"
    return Told(
        NoticeKind.APPROVAL,
        Severity.WARNING,
        (AUTHOR, APPROVERS),
        title,
        body.reason,
        (line,),
        m.numbers,
        until=body.until,
        gate=body.key,
        role=body.role,
        needed=body.count,
    )


def _started(body: RolloutStarted, m: Moment) -> Told:
    over = f" over {m.old}" if m.old else ", the first version"
    plan = f"{body.plan.strategy}, {len(body.plan.steps)} steps, {body.plan.replicas} instances"
    title = f"{m.service.name}: {m.new} starts{over}"
    return Told(NoticeKind.STARTED, Severity.INFO, (AUTHOR,), title, m.rollout.reason, (plan,))


def _retried(body: Retried, m: Moment) -> Told:
    title = f"{m.service.name}: {m.new} starts again, attempt {body.attempt}"
    if body.full:
        how = f"{title}, in full, asked by {m.event.actor}"
        return _overridden(how, body.reason, emergency=body.emergency)
    return Told(NoticeKind.STARTED, Severity.INFO, (AUTHOR,), title, body.reason)


def _paused(body: Paused, m: Moment) -> Told | None:
    if body.kind in ("timer", "approval"):
        return None
    at = f"{m.service.name}: {m.new} at {m.share}"
    if body.kind == "operator":
        title = f"{at} was paused by {m.event.actor}"
        return Told(NoticeKind.PAUSED, Severity.INFO, (AUTHOR,), title, body.reason, until=body.until)
    if body.kind in ("freeze", "window"):
        title = f"{at} waits: " + ("the service is frozen" if body.kind == "freeze" else "no deployment window is open")
        return Told(NoticeKind.PAUSED, Severity.INFO, (AUTHOR,), title, body.reason, until=body.until)
    if body.kind == "human":
        title = f"{at} waits for a person"
        return Told(NoticeKind.APPROVAL, Severity.WARNING, (AUTHOR, APPROVERS), title, body.reason, until=body.until)
    title = f"{at} waits for a person: {body.kind}"
    numbers = m.numbers if body.kind in BY_JUDGEMENT else ()
    return Told(
        NoticeKind.WAITING, Severity.WARNING, (AUTHOR, OWNERS), title, body.reason, figures=numbers, until=body.until
    )


def _full(body: PromotedInFull, m: Moment) -> Told:
    how = f"{m.service.name}: {m.event.actor} promotes {m.new} in full"
    return _overridden(how, body.reason, emergency=body.emergency)


def _overridden(title: str, reason: str, *, emergency: bool) -> Told:
    skipped = "holds, approvals, verdicts, windows and freezes" if emergency else "holds, approvals and verdicts"
    lines = (f"{skipped} are skipped; health and capacity are not",)
    return Told(NoticeKind.OVERRIDE, Severity.WARNING, EVERYBODY, title, reason, lines)


def _back(body: BackOrdered, m: Moment) -> Told | None:
    cause = body.cause
    if cause.kind == "supersede":
        return None
    to = f"to {m.old}" if m.old else "to nothing: it was the first version"
    title = f"{m.service.name}: {m.new} is taken back {to} ({cause.kind})"
    severity = Severity.WARNING if cause.kind in BY_PERSON else Severity.CRITICAL
    numbers = m.numbers if cause.kind == "verdict" else ()
    met = f"up to {m.rollout.max_exposure_percent:g}% of the users met it"
    return Told(NoticeKind.ROLLBACK, severity, (AUTHOR, OWNERS, ON_CALL), title, cause.reason, (met,), numbers)


def _ended(body: RolloutEnded, m: Moment) -> Told | None:
    name, took = m.service.name, f"after {seconds_text(body.seconds)}"
    match body.outcome:
        case Phase.PROMOTED:
            title = f"{name}: {m.new} is promoted {took}"
            return Told(NoticeKind.PROMOTED, Severity.INFO, (AUTHOR,), title, body.reason)
        case Phase.SUPERSEDED:
            title = f"{name}: {m.new} gave way to {m.rollout.superseded_by or 'a newer release'}"
            return Told(NoticeKind.SUPERSEDED, Severity.INFO, (AUTHOR,), title, body.reason)
        case Phase.FAILED:
            title = f"{name}: the way back from {m.new} failed"
            return Told(NoticeKind.FAILED, Severity.CRITICAL, (AUTHOR, OWNERS, ON_CALL), title, body.reason)
        case _:
            return _rolled_back(body, m)


def _rolled_back(body: RolloutEnded, m: Moment) -> Told:
    cause = m.rollout.cause
    numbers = m.numbers if cause is not None and cause.kind == "verdict" else ()
    broken = next((figure for figure in numbers if figure.broken), None)
    why = figure_text(broken) if broken is not None else body.reason
    serving = f"serving {m.old}" if m.old else "nothing serves"
    title = f"{m.service.name}: rolled back, {serving}; {m.new} rejected: {why}"
    lines = ()
    if body.rollback_seconds is not None:
        lines = (f"nobody was sent to {m.new} any more after {seconds_text(body.rollback_seconds)}",)
    return Told(NoticeKind.ROLLED_BACK, Severity.INFO, (AUTHOR, ON_CALL), title, body.reason, lines, numbers)


_TELLERS: dict[type[Any], Callable[[Any, Moment], Told | None]] = {
    RolloutCreated: _created,
    RolloutStarted: _started,
    ApprovalOpened: _asked,
    Retried: _retried,
    Paused: _paused,
    PromotedInFull: _full,
    BackOrdered: _back,
    RolloutEnded: _ended,
}
