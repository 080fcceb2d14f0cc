"""Where a rollout is in its plan and what is wanted now. Pure: time and everything seen are arguments."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ferryman.core.evolve import evolve
from ferryman.core.gates import Wait, checks_due, open_gate
from ferryman.core.reached import breaker_limit, reached, settled, start_failures
from ferryman.model.event import (
    AnalysisAwaited,
    BackOrdered,
    Body,
    CheckStarted,
    Draft,
    Event,
    Paused,
    Resumed,
    RolloutEnded,
    RolloutStarted,
    StepEntered,
    StepReached,
    VerdictChanged,
)
from ferryman.model.plan import HoldGate, Phase, Plan, SettledGate, Step
from ferryman.model.rollout import Cause, Rollout, Service, Track
from ferryman.model.seen import Seen
from ferryman.model.world import EMPTY_WORLD, World
from ferryman.strategies.compile import compile_plan

# A plan has at most a few dozen steps; more moves than this in one instant would be a loop.
MOVES_LIMIT = 200
STEADY_SECONDS = 30.0
ERROR_ENDS_SECONDS = 600.0
SMALL_EXPOSURE_PERCENT = 5.0


class Decision(msgspec.Struct, frozen=True):
    """What to append, what is wanted after it, and when to look again at the latest (epoch seconds).
    `checks` are keys of checks to run now; `service` is the state after the events."""

    events: tuple[Draft, ...]
    world: World
    due: float
    service: Service
    checks: tuple[str, ...] = ()


def decide(service: Service, seen: Seen, now: float) -> Decision:
    """The next moves of a service. Deciding again on the result, with the same observation and time, moves nothing."""
    drafts: list[Draft] = []
    state = service
    for _ in range(MOVES_LIMIT):
        move = _next(state, seen, now)
        if move is None:
            break
        drafts.append(move)
        event = Event(state.name, state.seq + 1, move.rollout, now, move.actor, move.body)
        state = evolve(state, event)
    else:
        raise AssertionError(f"{service.name}: more than {MOVES_LIMIT} moves at one instant, the last {drafts[-1]}")
    return Decision(tuple(drafts), wanted(state), _due(state, seen, now), state, checks_due(state))


def wanted(service: Service) -> World:
    """The world that the state of a service asks for."""
    if service.down:
        return EMPTY_WORLD
    rollout = service.current
    world = service.steady
    if rollout is not None and not rollout.phase.terminal:
        world = rollout.current.world if rollout.phase is not Phase.CHECKING else _before(service, rollout)
    return replace(world, fresh_since=service.fresh_since) if service.fresh_since else world


def _before(service: Service, rollout: Rollout) -> World:
    return service.steady if rollout.stable else EMPTY_WORLD


def _next(service: Service, seen: Seen, now: float) -> Draft | None:
    """One move, or None when there is nothing to do."""
    rollout = service.current
    if rollout is None or rollout.phase.terminal:
        return _start_next(service)
    if service.down:
        return None
    body = _walk_back(rollout, seen, now) if rollout.track is Track.BACK else _walk(rollout, seen, now)
    return None if body is None else Draft(rollout.id, body)


def _start_next(service: Service) -> Draft | None:
    """The oldest waiting rollout begins, its plan made anew against what is stable now."""
    if not service.queue:
        return None
    waiting = service.queue[0]
    return Draft(waiting.id, RolloutStarted(plan=replan(service, waiting)))


def replan(service: Service, rollout: Rollout) -> Plan:
    """The rollout's plan against the present stable version."""
    stable = None if service.down else service.stable
    return compile_plan(
        rollout.release,
        rollout.candidate,
        stable,
        stable_replicas=service.steady.instances.get(stable, 0) if stable else 0,
        sticky_id=rollout.id,
    )


def _walk(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """One move on the way forward."""
    if rollout.phase is Phase.CHECKING:
        return _enter(rollout, _from(rollout, 0), "")
    back = _reason_to_go_back(rollout, seen, now)
    if back is not None:
        return back
    noted = _verdict_changed(rollout, seen)
    if noted is not None:
        return noted
    if rollout.phase is Phase.PAUSED:
        return _paused(rollout, seen, now)
    step = rollout.current
    if rollout.reached_at is None:
        if reached(step.world, seen, rollout.candidate):
            return StepReached(rollout.step)
        return _overdue(rollout, now)
    wait = open_gate(rollout, seen, now)
    if wait is None:
        return _advance(rollout, now)
    return _waiting(rollout, wait, seen, now)


def _waiting(rollout: Rollout, wait: Wait, seen: Seen, now: float) -> Body | None:
    if wait.goes_back:
        return _back("check", wait.reason, now)
    if wait.pause:
        return Paused(kind=wait.pause, reason=wait.reason, until=wait.until)
    if wait.promote:
        return _advance(rollout, now)
    if wait.check:
        return CheckStarted(key=wait.check, name=wait.reason, step=rollout.step)
    if wait.judged and rollout.phase is Phase.PROGRESSING:
        return AnalysisAwaited(rollout.step)
    if rollout.current.gate(SettledGate) is not None:
        return _overdue(rollout, now)
    return _without_evidence(rollout, seen, now)


def _paused(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    pause = rollout.pause
    if pause is None:
        return None
    if pause.until is not None and now >= pause.until:
        return Resumed("the wait is over")
    analysis = seen.analysis
    if pause.kind == "error" and analysis is not None and analysis.error_since is None and analysis.at > pause.since:
        return Resumed("evidence is back")
    ends = pause.kind == "error" and rollout.release.analysis.on_error == "rollback"
    if ends and now - pause.since >= ERROR_ENDS_SECONDS:
        return _back("error", f"no evidence for {ERROR_ENDS_SECONDS:.0f} s", now)
    return None


def _enter(rollout: Rollout, number: int, reason: str) -> StepEntered:
    step = rollout.plan.steps[number]
    return StepEntered(
        track=Track.FORWARD,
        step=number,
        name=step.name,
        phase=step.phase,
        exposure_percent=exposure(step, rollout.candidate),
        reason=reason,
    )


def exposure(step: Step, candidate: str) -> float:
    """The most that a step may expose of the candidate, in percent; where users follow the ready instances that is all,
    since nothing but the candidate may be left."""
    asked = step.world.weights.get(candidate, 0.0)
    return 100.0 if step.world.follow_ready and asked > 0 else asked


def _advance(rollout: Rollout, now: float) -> Body:
    """The next step, or the end. A full promotion passes over what may be skipped."""
    number = _from(rollout, rollout.step + 1)
    if number < len(rollout.plan.steps):
        return _enter(rollout, number, "in full" if rollout.full else "")
    started = rollout.started_at or rollout.created_at
    return RolloutEnded(outcome=Phase.PROMOTED, reason="all steps passed", seconds=now - started)


def _from(rollout: Rollout, number: int) -> int:
    """The first step from `number` on that is not passed over."""
    steps = rollout.plan.steps
    while rollout.full and number < len(steps) and steps[number].skippable:
        number += 1
    return number


def _reason_to_go_back(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """A failing verdict or instances that do not stay up."""
    if rollout.phase is Phase.FINISHING:
        return None
    failures = start_failures(seen, rollout.candidate, rollout.attempt_at or 0.0)
    if len(failures) >= breaker_limit(rollout.plan.replicas) and rollout.candidate != rollout.stable:
        return _back("breaker", f"{len(failures)} instances failed, the last: {failures[-1]}", now)
    analysis = seen.analysis
    if analysis is None or analysis.attempt != rollout.attempt or analysis.verdict != "fail" or rollout.full:
        return None
    if rollout.release.analysis.on_fail == "pause":
        if rollout.phase is Phase.PAUSED or rollout.skipped:
            return None
        return Paused(kind="fail", reason=analysis.reason)
    return _back("verdict", analysis.reason, now)


def _back(kind: str, reason: str, now: float) -> BackOrdered:
    return BackOrdered(Cause(kind=kind, reason=reason, at=now, by="ferryman"))


def _verdict_changed(rollout: Rollout, seen: Seen) -> VerdictChanged | None:
    analysis = seen.analysis
    if analysis is None or analysis.attempt != rollout.attempt:
        return None
    if rollout.verdict == (analysis.stage, analysis.verdict):
        return None
    return VerdictChanged(analysis.stage, analysis.verdict, analysis.reason, analysis.evidence)


def _overdue(rollout: Rollout, now: float) -> Body | None:
    """The progress deadline, which runs outside pauses and holds."""
    deadlines = rollout.release.deadlines
    since = rollout.progress_at or now
    if now - since < deadlines.progress_seconds or rollout.phase is Phase.FINISHING:
        return None
    reason = f"no progress for {deadlines.progress_seconds:g} s at step {rollout.current.name!r}"
    if deadlines.on_deadline == "rollback":
        return _back("deadline", reason, now)
    if deadlines.on_deadline == "pause":
        return Paused(kind="deadline", reason=reason)
    return None


def _without_evidence(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """Evidence has been missing too long: one weight down, then wait for it."""
    analysis = seen.analysis
    if analysis is None or analysis.error_since is None or not rollout.exposure_percent or rollout.full:
        return None
    small = rollout.exposure_percent <= SMALL_EXPOSURE_PERCENT
    limit = rollout.release.deadlines.provider_timeout_seconds or (180.0 if small else 60.0)
    if now - analysis.error_since < limit or rollout.current.stage is None:
        return None
    lower = [n for n, s in enumerate(rollout.plan.steps[: rollout.step]) if _lower(s, rollout)]
    reason = f"no evidence for {limit:g} s: {analysis.reason}"
    if lower and not rollout.current.world.follow_ready:
        return _enter(rollout, lower[-1], reason)
    return Paused(kind="error", reason=reason)


def _lower(step: Step, rollout: Rollout) -> bool:
    return exposure(step, rollout.candidate) < rollout.exposure_percent


def _walk_back(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """One move on the way back: everybody to stable, then the candidate stops."""
    step = rollout.current
    if rollout.reached_at is None:
        if reached(step.world, seen, rollout.stable or rollout.candidate):
            return StepReached(rollout.step)
        return _stuck(rollout, now)
    hold = step.gate(HoldGate)
    if hold is not None and hold.warm and _worth_keeping(rollout) and now - rollout.reached_at < hold.seconds:
        return None
    if step.gate(SettledGate) is not None and not settled(step.world, seen):
        return _stuck(rollout, now)
    if rollout.step + 1 < len(rollout.plan.back):
        following = rollout.plan.back[rollout.step + 1]
        return StepEntered(Track.BACK, rollout.step + 1, following.name, following.phase, 0.0)
    return _went_back(rollout, now)


def _worth_keeping(rollout: Rollout) -> bool:
    """A candidate that nobody met, or that its successor replaces, is not kept warm."""
    cause = rollout.cause
    return rollout.max_exposure_percent > 0 and cause is not None and cause.kind != "supersede"


def _went_back(rollout: Rollout, now: float) -> RolloutEnded:
    superseded = rollout.cause is not None and rollout.cause.kind == "supersede"
    started = rollout.started_at or rollout.created_at
    reason = rollout.cause.reason if rollout.cause else ""
    return RolloutEnded(
        outcome=Phase.SUPERSEDED if superseded else Phase.ROLLED_BACK,
        reason=reason,
        seconds=now - started,
        rollback_seconds=rollout.rollback_seconds,
    )


def _stuck(rollout: Rollout, now: float) -> Body | None:
    since = rollout.progress_at or now
    if now - since < rollout.release.deadlines.progress_seconds:
        return None
    cause = rollout.cause.reason if rollout.cause else ""
    return RolloutEnded(
        outcome=Phase.FAILED,
        reason=f"the way back did not finish: step {rollout.current.name!r} is stuck (went back for: {cause})",
        seconds=now - (rollout.started_at or now),
        rollback_seconds=rollout.rollback_seconds,
    )


def _due(service: Service, seen: Seen, now: float) -> float:
    """When time alone could change the decision."""
    rollout = service.current
    if rollout is None or rollout.phase.terminal:
        return now + STEADY_SECONDS
    times = [now + STEADY_SECONDS]
    if rollout.pause is not None and rollout.pause.until is not None:
        times.append(rollout.pause.until)
    if rollout.reached_at is None and rollout.progress_at is not None:
        times.append(rollout.progress_at + rollout.release.deadlines.progress_seconds)
    elif rollout.reached_at is not None:
        hold = rollout.current.gate(HoldGate)
        if hold is not None:
            times.append(rollout.reached_at + rollout.lost_seconds + hold.seconds)
        wait = open_gate(rollout, seen, now)
        if wait is not None and wait.until is not None:
            times.append(wait.until)
    return max(now, min(times))
