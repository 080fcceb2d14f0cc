"""The fold: state is nothing but its events."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ferryman.core.approvals import fold_approval
from ferryman.core.drills_and_incidents import postmortem_written, remembered
from ferryman.core.exposure import exposure
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
from ferryman.model.plan import Phase
from ferryman.model.revision import Revision
from ferryman.model.rollout import Freeze, PauseState, Rollout, Service, Track
from ferryman.model.world import EMPTY_WORLD

KEPT_PROMOTED = 10
KEPT_REJECTED = 20
KEPT_PRUNED = 50
# Waiting for a verdict that did not come: going on means judging anew from there.
JUDGED_ANEW = frozenset({"inconclusive", "insufficient", "fail", "error"})


def evolve(service: Service, event: Event) -> Service:
    """The service after `event`. Raises ValueError when the event does not follow: a gap, or a rollout that is not there."""
    if event.seq != service.seq + 1:
        raise ValueError(f"event {event.seq} of {service.name} does not follow {service.seq}")
    service = replace(service, seq=event.seq, at=event.at)
    match event.body:
        case RolloutCreated():
            return _created(service, event, event.body)
        case RolloutStarted():
            return _started(service, event, event.body)
        case RolloutEnded() if _queued(service, event.rollout):
            return replace(service, queue=tuple(q for q in service.queue if q.id != event.rollout))
        case RolloutEnded():
            return _ended(service, event, event.body)
        case RestartOrdered():
            return replace(service, fresh_since=event.at)
        case ServiceDown():
            return replace(service, down=True, queue=(), current=_stopped(service, event.at), steady=EMPTY_WORLD)
        case PostmortemWritten():
            return postmortem_written(service, event.rollout, event.body.url)
        case Frozen(reason=reason, until=until):
            return replace(service, freeze=Freeze(event.actor, reason, event.at, until))
        case Unfrozen():
            return replace(service, freeze=None)
        case Noted():
            return service
        case _:
            return _with_rollout(service, event)


def _queued(service: Service, rollout: str) -> bool:
    return any(q.id == rollout for q in service.queue)


def _created(service: Service, event: Event, body: RolloutCreated) -> Service:
    rollout = Rollout(
        id=event.rollout,
        number=body.number,
        kind=body.kind,
        release=body.release,
        candidate=body.revision.id,
        stable=body.plan.stable,
        plan=body.plan,
        created_at=event.at,
        created_by=event.actor,
        full=body.full,
        emergency=body.emergency,
        reason=body.reason,
        account=body.account,
    )
    if body.baseline is not None and not service.promoted:
        service = _with_baseline(service, body, body.baseline)
    return replace(
        service,
        revisions={**service.revisions, body.revision.id: body.revision},
        queue=(*service.queue, rollout),
        rollouts=body.number,
    )


def _with_baseline(service: Service, body: RolloutCreated, baseline: Revision) -> Service:
    """What stood before the first release counts as promoted by it."""
    return replace(
        service,
        revisions={**service.revisions, baseline.id: baseline},
        releases={**service.releases, baseline.id: body.release},
        promoted=(baseline.id,),
        steady=replace(body.plan.back[-1].world, flags=(), limited=None),
    )


def _started(service: Service, event: Event, body: RolloutStarted) -> Service:
    waiting = next((q for q in service.queue if q.id == event.rollout), None)
    if waiting is None:
        raise ValueError(f"event {event.seq} of {service.name} begins {event.rollout}, which does not wait")
    rollout = replace(
        waiting,
        plan=body.plan,
        stable=body.plan.stable,
        phase=Phase.CHECKING,
        started_at=event.at,
        attempt_at=event.at,
        progress_at=event.at,
    )
    rest = tuple(q for q in service.queue if q.id != event.rollout)
    return replace(service, current=rollout, queue=rest, down=False)


def _ended(service: Service, event: Event, body: RolloutEnded) -> Service:
    rollout = _current(service, event)
    done = replace(
        rollout,
        phase=body.outcome,
        ended_at=event.at,
        reason=body.reason,
        rollback_seconds=body.rollback_seconds,
        pause=None,
        exposure_percent=100.0 if body.outcome is Phase.PROMOTED else 0.0,
    )
    service = remembered(replace(service, current=done), done, event.at)
    if body.outcome is Phase.PROMOTED:
        return _promoted(service, done)
    if done.blamed and done.candidate != service.stable:
        rejected = {**service.rejected, done.candidate: body.reason}
        service = replace(service, rejected=dict(list(rejected.items())[-KEPT_REJECTED:]))
    return _prune(service)


def _promoted(service: Service, rollout: Rollout) -> Service:
    promoted = (*(r for r in service.promoted if r != rollout.candidate), rollout.candidate)
    return _prune(
        replace(
            service,
            promoted=promoted,
            releases={**service.releases, rollout.candidate: rollout.release},
            rejected={r: why for r, why in service.rejected.items() if r != rollout.candidate},
            steady=rollout.plan.steady,
        )
    )


def _prune(service: Service) -> Service:
    """Keep what may still be run or gone back to."""
    kept = service.promoted[-KEPT_PROMOTED:]
    dropped = service.promoted[:-KEPT_PROMOTED]
    needed = {*kept, *service.steady.instances}
    for rollout in (service.current, *service.queue):
        if rollout is not None:
            needed |= {rollout.candidate, *([rollout.stable] if rollout.stable else [])}
    labels = tuple(service.label(r) for r in dropped)
    return replace(
        service,
        promoted=kept,
        pruned=(*service.pruned, *labels)[-KEPT_PRUNED:],
        revisions={r: v for r, v in service.revisions.items() if r in needed},
        releases={r: v for r, v in service.releases.items() if r in kept},
        drills={r: v for r, v in service.drills.items() if r in kept},
    )


def _stopped(service: Service, at: float) -> Rollout | None:
    rollout = service.current
    if rollout is None or rollout.phase.terminal:
        return rollout
    return replace(
        rollout,
        phase=Phase.SUPERSEDED,
        ended_at=at,
        reason="the service was taken down",
        pause=None,
        exposure_percent=0.0,
    )


def _current(service: Service, event: Event) -> Rollout:
    rollout = service.current
    if rollout is None or rollout.id != event.rollout:
        raise ValueError(f"event {event.seq} of {service.name} speaks of {event.rollout}, which is not running")
    return rollout


def _with_rollout(service: Service, event: Event) -> Service:
    if _queued(service, event.rollout):
        queue = tuple(_fold(q, event) if q.id == event.rollout else q for q in service.queue)
        return replace(service, queue=queue)
    return replace(service, current=_fold(_current(service, event), event))


def _fold(rollout: Rollout, event: Event) -> Rollout:
    at, body = event.at, event.body
    match body:
        case StepEntered():
            return _entered(rollout, at, body)
        case StepReached():
            return replace(
                rollout,
                reached_at=at,
                progress_at=at,
                missing_seconds=body.missing_seconds,
                rollback_seconds=_rollback(rollout, at),
                ready_seconds=_ready(rollout, at),
            )
        case AnalysisAwaited():
            return replace(rollout, phase=Phase.ANALYSING)
        case VerdictChanged():
            return replace(rollout, verdict=(body.stage, body.verdict))
        case CheckStarted():
            return replace(rollout, checks={**rollout.checks, body.key: "running"})
        case CheckFinished():
            return replace(rollout, checks={**rollout.checks, body.key: body.state})
        case ApprovalOpened() | Approved() | Denied():
            return fold_approval(rollout, event, body)
        case Paused():
            pause = PauseState(kind=body.kind, reason=body.reason, since=at, by=event.actor, until=body.until)
            return replace(rollout, phase=Phase.PAUSED, pause=pause)
        case Resumed():
            return _resumed(rollout, at, body.missing_seconds)
        case Skipped():
            return replace(_resumed(rollout, at), skipped=True)
        case PromotedInFull():
            emergency = rollout.emergency or body.emergency
            return replace(_resumed(rollout, at), full=True, skipped=True, emergency=emergency)
        case BackOrdered():
            return replace(
                rollout,
                phase=Phase.ABORTING,
                cause=body.cause,
                superseded_by=body.superseded_by or rollout.superseded_by,
                pause=None,
                track=Track.BACK,
                step=0,
                skipped=False,
                waited=False,
                entered_at=at,
                reached_at=None,
                progress_at=at,
                ended_at=None,
                lost_seconds=0.0,
            )
        case Retried():
            return _retried(rollout, at, body)
        case PlanChanged():
            return _replanned(rollout, at, body)
        case _:
            raise ValueError(f"event {event.seq}: {event.kind} is not about a rollout")


def _entered(rollout: Rollout, at: float, body: StepEntered) -> Rollout:
    return replace(
        rollout,
        track=body.track,
        step=body.step,
        phase=body.phase,
        entered_at=at,
        reached_at=None,
        progress_at=at,
        lost_seconds=0.0,
        missing_seconds=0.0,
        skipped=False,
        waited=False,
        pause=None,
        exposure_percent=body.exposure_percent,
        max_exposure_percent=max(rollout.max_exposure_percent, body.exposure_percent),
    )


def _replanned(rollout: Rollout, at: float, body: PlanChanged) -> Rollout:
    """Another world at the same place has to be reached anew; its gates then count from there."""
    step = rollout.step if body.step is None else body.step
    world = body.plan.steps[step].world
    same = world == rollout.current.world
    entered = rollout.entered_at is not None
    asked = exposure(world, rollout.candidate) if entered else rollout.exposure_percent
    moved = not same and entered and rollout.phase is not Phase.PAUSED
    return replace(
        rollout,
        plan=body.plan,
        release=body.release,
        step=step,
        phase=body.plan.steps[step].phase if moved else rollout.phase,
        reached_at=rollout.reached_at if same else None,
        lost_seconds=rollout.lost_seconds if same else 0.0,
        progress_at=at,
        exposure_percent=asked,
        max_exposure_percent=max(rollout.max_exposure_percent, asked),
    )


def _rollback(rollout: Rollout, at: float) -> float | None:
    """Seconds from the decision to go back until nobody is sent to the candidate any more."""
    if rollout.track is not Track.BACK or rollout.rollback_seconds is not None or rollout.cause is None:
        return rollout.rollback_seconds
    return max(0.0, at - rollout.cause.at)


def _ready(rollout: Rollout, at: float) -> float | None:
    """Seconds from the first step being asked for until it was served."""
    first = rollout.track is Track.FORWARD and rollout.ready_seconds is None and rollout.entered_at is not None
    return max(0.0, at - (rollout.entered_at or at)) if first else rollout.ready_seconds


def _resumed(rollout: Rollout, at: float, missing_seconds: float = 0.0) -> Rollout:
    """Time in a pause does not count, except where the judge had come to no end: there the step is judged anew."""
    pause: Any = rollout.pause
    if pause is None:
        return rollout
    lost = rollout.lost_seconds
    reached = rollout.reached_at
    waited = rollout.waited
    if pause.kind in JUDGED_ANEW:
        reached, lost = (at if reached is not None else None), 0.0
        rollout = replace(rollout, missing_seconds=missing_seconds)
    elif pause.kind in ("human", "timer"):
        waited = True
    elif reached is not None:
        lost += max(0.0, at - max(pause.since, reached))
    return replace(
        rollout,
        phase=_phase(rollout),
        pause=None,
        reached_at=reached,
        lost_seconds=lost,
        waited=waited,
        progress_at=at,
    )


def _phase(rollout: Rollout) -> Phase:
    """The phase that a rollout is in when nothing holds it."""
    if rollout.started_at is None:
        return Phase.PENDING
    return Phase.CHECKING if rollout.entered_at is None else rollout.current.phase


def _retried(rollout: Rollout, at: float, body: Retried) -> Rollout:
    return replace(
        rollout,
        phase=Phase.CHECKING,
        attempt=body.attempt,
        full=body.full,
        emergency=body.emergency,
        track=Track.FORWARD,
        step=0,
        attempt_at=at,
        entered_at=None,
        reached_at=None,
        progress_at=at,
        ended_at=None,
        lost_seconds=0.0,
        max_exposure_percent=0.0,
        skipped=False,
        waited=False,
        cause=None,
        checks={},
        approvals={},
        verdict=(-1, ""),
        reason="",
        rollback_seconds=None,
        ready_seconds=None,
    )
