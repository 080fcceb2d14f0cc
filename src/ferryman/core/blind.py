"""When evidence is missing: no step up, after a while one weight down, then a pause until it is back."""

from __future__ import annotations

from ferryman.core.exposure import exposure
from ferryman.model.event import BackOrdered, Body, Paused, Resumed, StepEntered
from ferryman.model.plan import Phase, Step
from ferryman.model.rollout import Cause, PauseState, Rollout, Track
from ferryman.model.seen import AnalysisSeen, Seen

ERROR_ENDS_SECONDS = 600.0
SMALL_EXPOSURE_PERCENT = 5.0
SMALL_TIMEOUT_SECONDS = 180.0
TIMEOUT_SECONDS = 60.0
# What the judge calls the time in which everybody is on the candidate.
WHOLE_STAGE = -1


def judgement(rollout: Rollout, seen: Seen) -> AnalysisSeen | None:
    """The judge's word, if it is about this rollout and attempt."""
    analysis = seen.analysis
    mine = analysis is not None and (analysis.rollout, analysis.attempt) == (rollout.id, rollout.attempt)
    return analysis if mine else None


def missing_seconds(rollout: Rollout, seen: Seen) -> float:
    """How long evidence has been missing in the stage of the present step; 0 while the judge is at another stage."""
    analysis = judgement(rollout, seen)
    stage = rollout.current.stage
    if analysis is None or analysis.stage != (WHOLE_STAGE if stage is None else stage):
        return 0.0
    return max(0.0, analysis.error_seconds)


def blind(rollout: Rollout, seen: Seen) -> bool:
    """True while evidence that this step, or the exposure after it, needs is missing. A person may go on without."""
    analysis = judgement(rollout, seen)
    if analysis is None or analysis.error_since is None or rollout.full or rollout.skipped:
        return False
    following = rollout.steps[rollout.step + 1 : rollout.step + 2]
    judged_next = any(s.stage is not None for s in following)
    return rollout.current.stage is not None or rollout.phase is Phase.BAKING or judged_next


def without_evidence(rollout: Rollout, seen: Seen, now: float) -> Body | None:
    """One move of a blind rollout: one weight down when the provider's time is up, else a pause."""
    analysis = judgement(rollout, seen)
    if analysis is None or analysis.error_since is None:
        return None
    small = rollout.exposure_percent <= SMALL_EXPOSURE_PERCENT
    limit = rollout.release.deadlines.provider_timeout_seconds
    if limit is None:
        limit = SMALL_TIMEOUT_SECONDS if small else TIMEOUT_SECONDS
    over_at = analysis.error_since + limit
    if now < over_at:
        return None
    reason = f"no evidence for {limit:g} s: {analysis.reason}"
    entered_before = rollout.entered_at is not None and rollout.entered_at < over_at
    lower = [n for n, s in enumerate(rollout.plan.steps[: rollout.step]) if _lower(s, rollout)]
    if lower and entered_before and rollout.current.stage is not None and not rollout.current.world.follow_ready:
        return entering(rollout, lower[-1], reason)
    return Paused(kind="error", reason=reason)


def _lower(step: Step, rollout: Rollout) -> bool:
    return exposure(step.world, rollout.candidate) < rollout.exposure_percent


def entering(rollout: Rollout, number: int, reason: str) -> StepEntered:
    """The event that a step forward (or down) begins with."""
    step = rollout.plan.steps[number]
    return StepEntered(
        track=Track.FORWARD,
        step=number,
        name=step.name,
        phase=step.phase,
        exposure_percent=exposure(step.world, rollout.candidate),
        reason=reason,
    )


def waiting_for_evidence(rollout: Rollout, pause: PauseState, seen: Seen, now: float) -> Body | None:
    """The end of a pause that began because evidence was missing."""
    analysis = judgement(rollout, seen)
    if analysis is not None and analysis.error_since is None and analysis.at > pause.since:
        return Resumed("evidence is back", missing_seconds(rollout, seen))
    since = pause.since
    if analysis is not None and analysis.error_since is not None:
        since = min(since, analysis.error_since)
    if rollout.release.analysis.on_error == "rollback" and now - since >= ERROR_ENDS_SECONDS:
        reason = f"no evidence for {ERROR_ENDS_SECONDS:.0f} s"
        return BackOrdered(Cause(kind="error", reason=reason, at=now, by="ferryman"))
    return None
