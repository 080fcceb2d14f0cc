"""Where a rollout is in its plan and what is wanted now. Pure: time and everything seen are arguments."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ferryman.core.approvals import agreed, expired, pending, wish
from ferryman.core.back import walk_back, worth_keeping
from ferryman.core.blind import blind, entering, judgement, missing_seconds, waiting_for_evidence, without_evidence
from ferryman.core.drilling import rehearsed
from ferryman.core.evolve import evolve
from ferryman.core.gates import Wait, checks_due, open_gate
from ferryman.core.overridden import overridden
from ferryman.core.reached import breaker_limit, reached, start_failures
from ferryman.core.standing import standing, standing_replicas
from ferryman.core.walls import WALLS, Wall, grows, is_over, wall
from ferryman.model.event import (
    AnalysisAwaited,
    ApprovalOpened,
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
    Unfrozen,
    VerdictChanged,
)
from ferryman.model.plan import HoldGate, Phase, Plan, SettledGate
from ferryman.model.rollout import DRILL, Cause, Rollout, Service, Track
from ferryman.model.seen import Seen
from ferryman.model.world import EMPTY_WORLD, World
from ferryman.strategies.compile import compile_plan

# A plan has at most a few dozen steps; more moves than this in one instant would be a loop.
MOVES_LIMIT = 200
STEADY_SECONDS = 30.0


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
    """The world that the state of a service asks for. A step counts from the moment it was entered, not before."""
    if service.down:
        return EMPTY_WORLD
    rollout = service.current
    world = service.steady
    if rollout is not None and not rollout.phase.terminal and rollout.entered_at is not None:
        world = rollout.current.world
    elif rollout is not None and rollout.candidate not in world.instances:
        # What is left of a candidate whose way back failed keeps the users it has, and gets no new ones.
        world = replace(world, limited=rollout.candidate)
    proven = tuple(r for r in service.promoted if r not in world.instances)
    if not proven and not service.fresh_since:
        return world
    return replace(world, fresh_since=service.fresh_since, proven=proven)


def _next(service: Service, seen: Seen, now: float) -> Draft | None:
    """One move, or None when there is nothing to do."""
    if service.freeze is not None and is_over(service.freeze, now):
        return Draft("", Unfrozen("its time was over"))
    rollout = service.current
    if rollout is None or rollout.phase.terminal:
        return _start_next(service)
    if service.down:
        return None
    if rollout.track is Track.BACK:
        body = walk_back(rollout, seen, now)
    else:
        shut = wall(service, rollout, now)
        body = _held(rollout, _walk(rollout, seen, now, shut), shut)
    return None if body is None else Draft(rollout.id, body)


def _held(rollout: Rollout, body: Body | None, shut: Wall | None) -> Body | None:
    """The same move, unless it would let more users in while a wall stands: then the rollout waits."""
    if shut is None or not isinstance(body, StepEntered) or not grows(rollout, rollout.plan, body.step):
        return body
    return Paused(kind=shut.kind, reason=shut.reason, until=shut.until)


def _start_next(service: Service) -> Draft | None:
    """The oldest waiting rollout begins, its plan made anew against what is stable now. A person may hold it."""
    if not service.queue or service.queue[0].pause is not None:
        return None
    waiting = service.queue[0]
    return Draft(waiting.id, RolloutStarted(plan=replan(service, waiting)))


def replan(service: Service, rollout: Rollout) -> Plan:
    """The rollout's plan against the present stable version."""
    return compile_plan(
        rollout.release,
        rollout.candidate,
        standing(service),
        stable_replicas=standing_replicas(service),
        sticky_id=rollout.id,
        standing=service.steady,
    )


def _walk(rollout: Rollout, seen: Seen, now: float, shut: Wall | None) -> Body | None:
    """One move on the way forward."""
    if rollout.phase is Phase.CHECKING:
        return entering(rollout, _from(rollout, 0), "")
    # What the judge said is written down before it is acted on: the event holds what it stood on.
    noted = _verdict_changed(rollout, seen)
    if noted is not None:
        return noted
    back = _reason_to_go_back(rollout, seen, now)
    if back is not None:
        return back
    if (late := expired(rollout, now)) is not None:
        return _back("expired", late, now)
    if (stopped := overridden(rollout, seen)) is not None:
        return stopped
    if rollout.phase is Phase.PAUSED:
        return _paused(rollout, seen, now, shut)
    step = rollout.current
    if rollout.reached_at is None:
        if reached(step.world, seen, rollout.candidate):
            return StepReached(rollout.step, missing_seconds(rollout, seen))
        return _overdue(rollout, now)
    unseen = blind(rollout, seen)
    if unseen and (body := without_evidence(rollout, seen, now)) is not None:
        return body
    wait = open_gate(rollout, seen, now)
    if wait is not None:
        return _waiting(rollout, wait, now)
    return None if unseen else _advance(rollout, now)


def _waiting(rollout: Rollout, wait: Wait, now: float) -> Body | None:
    if wait.goes_back:
        return _back("verdict" if wait.judged else "check", wait.reason, now)
    if wait.pause:
        return Paused(kind=wait.pause, reason=wait.reason, until=wait.until)
    if wait.approval:
        key, terms = wait.approval
        return ApprovalOpened(key, rollout.step, terms.count, terms.role, wait.reason, wait.until)
    if wait.check:
        return CheckStarted(key=wait.check, name=wait.reason, step=rollout.step)
    if wait.judged and rollout.phase is Phase.PROGRESSING:
        return AnalysisAwaited(rollout.step)
    if rollout.current.gate(SettledGate) is not None:
        return _overdue(rollout, now)
    return None


def _paused(rollout: Rollout, seen: Seen, now: float, shut: Wall | None) -> Body | None:
    pause = rollout.pause
    if pause is None:
        return None
    if pause.kind == "approval":
        return _asking(rollout)
    if pause.kind in WALLS:
        if shut is None:
            return Resumed("nothing holds it any more")
        same = (pause.kind, pause.reason, pause.until) == (shut.kind, shut.reason, shut.until)
        return None if same else Paused(kind=shut.kind, reason=shut.reason, until=shut.until)
    if pause.until is not None and now >= pause.until:
        return Resumed("the wait is over")
    return waiting_for_evidence(rollout, pause, seen, now) if pause.kind == "error" else None


def _asking(rollout: Rollout) -> Body | None:
    """People are asked, until they agreed; they are asked anew when the terms changed meanwhile."""
    found = pending(rollout)
    if found is None:
        return Resumed(agreed(rollout))
    key, terms, asked = found
    if (terms.count, terms.role) == (asked.count, asked.role):
        return None
    return ApprovalOpened(key, rollout.step, terms.count, terms.role, f"waits for {wish(terms)}", asked.until)


def _advance(rollout: Rollout, now: float) -> Body:
    """The next step, or the end. A full promotion passes over what may be skipped."""
    number = _from(rollout, rollout.step + 1)
    if number < len(rollout.plan.steps):
        return entering(rollout, number, "in full" if rollout.full else "")
    if rollout.kind == DRILL:
        return _back(DRILL, rehearsed(rollout), now)
    started = rollout.attempt_at or rollout.created_at
    return RolloutEnded(outcome=Phase.PROMOTED, reason="all steps passed", seconds=max(0.0, now - started))


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
    analysis = judgement(rollout, seen)
    if analysis is None or analysis.verdict != "fail" or rollout.full:
        return None
    if rollout.release.analysis.on_fail == "pause":
        if rollout.phase is Phase.PAUSED or rollout.skipped:
            return None
        return Paused(kind="fail", reason=analysis.reason)
    return _back("verdict", analysis.reason, now)


def _back(kind: str, reason: str, now: float) -> BackOrdered:
    return BackOrdered(Cause(kind=kind, reason=reason, at=now, by="ferryman"))


def _verdict_changed(rollout: Rollout, seen: Seen) -> VerdictChanged | None:
    analysis = judgement(rollout, seen)
    if analysis is None or rollout.phase is Phase.FINISHING:
        return None
    if rollout.verdict == (analysis.stage, analysis.verdict):
        return None
    return VerdictChanged(analysis.stage, analysis.verdict, analysis.reason, analysis.evidence)


def _overdue(rollout: Rollout, now: float) -> Body | None:
    """The progress deadline, which runs outside pauses and holds."""
    deadlines = rollout.release.deadlines
    since = now if rollout.progress_at is None else rollout.progress_at
    if now - since < deadlines.progress_seconds:
        return None
    if rollout.phase is Phase.FINISHING:
        # It is promoted; what could not be stopped yet stays unwanted, and goes as soon as it can be spared.
        started = rollout.attempt_at or rollout.created_at
        reason = f"all steps passed; the old side could not be stopped within {deadlines.progress_seconds:g} s"
        return RolloutEnded(outcome=Phase.PROMOTED, reason=reason, seconds=max(0.0, now - started))
    reason = f"no progress for {deadlines.progress_seconds:g} s at step {rollout.current.name!r}"
    if deadlines.on_deadline == "rollback":
        return _back("deadline", reason, now)
    if deadlines.on_deadline == "pause":
        return Paused(kind="deadline", reason=reason)
    return None


def _due(service: Service, seen: Seen, now: float) -> float:
    """When time alone could change the decision: always later than now, since now was decided already."""
    rollout = service.current
    times = [now + STEADY_SECONDS]
    if service.freeze is not None and service.freeze.until is not None:
        times.append(service.freeze.until)
    if rollout is None or rollout.phase.terminal:
        return min(t for t in times if t > now)
    if rollout.pause is not None and rollout.pause.until is not None:
        times.append(rollout.pause.until)
    asked = pending(rollout)
    if asked is not None and asked[2].until is not None:
        times.append(asked[2].until)
    if rollout.progress_at is not None:
        times.append(rollout.progress_at + rollout.release.deadlines.progress_seconds)
    if rollout.reached_at is not None and rollout.track is Track.BACK:
        hold = rollout.current.gate(HoldGate)
        if hold is not None and worth_keeping(rollout):
            times.append(rollout.reached_at + hold.seconds)
    elif rollout.reached_at is not None and rollout.pause is None:
        wait = open_gate(rollout, seen, now)
        if wait is not None and wait.until is not None:
            times.append(wait.until)
    return min(t for t in times if t > now)
