"""The way back, step by step: everybody to stable, then the candidate stops."""

from __future__ import annotations

from ferryman.core.reached import exposed, reached, settled
from ferryman.model.event import Body, RolloutEnded, StepEntered, StepReached
from ferryman.model.plan import HoldGate, Phase, SettledGate
from ferryman.model.rollout import DRILL, Rollout, Track
from ferryman.model.seen import Seen


def walk_back(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """One move on the way back."""
    step = rollout.current
    if rollout.reached_at is None:
        if reached(step.world, seen, rollout.stable or rollout.candidate):
            return StepReached(rollout.step)
        return _stuck(rollout, seen, now)
    hold = step.gate(HoldGate)
    if hold is not None and hold.warm and worth_keeping(rollout) and now - rollout.reached_at < hold.seconds:
        return None
    if step.gate(SettledGate) is not None and not settled(step.world, seen):
        return _stuck(rollout, seen, now)
    if rollout.step + 1 < len(rollout.plan.back):
        following = rollout.plan.back[rollout.step + 1]
        return StepEntered(Track.BACK, rollout.step + 1, following.name, following.phase, 0.0)
    superseded = rollout.cause is not None and rollout.cause.kind == "supersede"
    reason = rollout.cause.reason if rollout.cause else ""
    return _ended(rollout, Phase.SUPERSEDED if superseded else Phase.ROLLED_BACK, reason, now)


def worth_keeping(rollout: Rollout) -> bool:
    """A candidate that nobody met, that its successor replaces or that was only rehearsed is not kept warm."""
    cause = rollout.cause
    if rollout.kind == DRILL:
        return False
    return rollout.max_exposure_percent > 0 and cause is not None and cause.kind != "supersede"


def _ended(rollout: Rollout, outcome: Phase, reason: str, now: float) -> RolloutEnded:
    started = rollout.attempt_at or rollout.created_at
    return RolloutEnded(
        outcome=outcome,
        reason=reason,
        seconds=max(0.0, now - started),
        rollback_seconds=rollout.rollback_seconds,
    )


def _stuck(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """The end of a way back that takes too long, but not before its flags went back: nobody would take their users out later,
    and only a log that takes nothing can be in the way of that."""
    if not exposed(rollout.current.world, seen):
        return None
    since = now if rollout.progress_at is None else rollout.progress_at
    if now - since < rollout.release.deadlines.progress_seconds:
        return None
    cause = rollout.cause.reason if rollout.cause else ""
    reason = f"the way back did not finish: step {rollout.current.name!r} is stuck (went back for: {cause})"
    return _ended(rollout, Phase.FAILED, reason, now)
