"""How a rollout ended, in a line and in an exit code."""

from __future__ import annotations

from ferryman.cli.views.text import duration
from ferryman.model.rollout import BLAMELESS, DRILL
from ferryman.model.view import RolloutSummary, RolloutView, ServiceView

TERMINAL = frozenset({"promoted", "rolled_back", "superseded", "failed"})
NOT_UP = frozenset({"deadline", "breaker"})
"""Causes of a way back that say: the instances did not come up."""

UNJUDGED = BLAMELESS | {"abort", DRILL}
"""Causes that are no evidence against the new version."""


def ended(view: ServiceView, rollout: str) -> bool:
    """Whether that rollout is over: at its end, or another one is the service's current by now."""
    current = view.rollout
    if current is None or view.down:
        return True
    return current.phase in TERMINAL if current.id == rollout else rollout not in view.queue


def serving(view: ServiceView) -> str:
    """What serves now and how well: `serving v1 (healthy)`."""
    if view.down:
        return "the service is down"
    if view.serving is None:
        return "nothing is serving"
    return f"serving {view.serving} ({'healthy' if view.healthy else 'degraded: ' + view.trouble})"


def end_line(view: ServiceView, summary: RolloutSummary, cause_kind: str | None = None) -> str:
    """The last line of a command that waited for a rollout. `cause_kind` is why it went back, where that is known."""
    if summary.kind == DRILL:
        return drill_line(summary)
    took = f" after {duration(summary.seconds)}" if summary.seconds is not None else ""
    match summary.outcome:
        case "promoted":
            return f"Promoted: {serving(view)}{took}" + (f", was {summary.stable}" if summary.stable else "")
        case "rolled_back":
            word = "taken back" if cause_kind in UNJUDGED else "rejected"
            return f"Rolled back: {serving(view)}; {summary.candidate} {word}: {summary.reason}"
        case "superseded":
            return f"Superseded: {serving(view)}; {summary.candidate} gave way: {summary.reason}"
        case "failed":
            return f"Failed: {serving(view)}; {summary.candidate} could not be taken back: {summary.reason}"
        case _ if view.down:
            return f"Down: {summary.candidate} was stopped with the service"
        case _:
            return f"Ended: {serving(view)}; {summary.candidate} is {summary.outcome}"


def drill_passed(summary: RolloutSummary) -> bool:
    """Whether a drill came to its end: it went back because all was shown, and came back."""
    return summary.outcome == "rolled_back" and summary.cause_kind == DRILL


def drill_line(summary: RolloutSummary) -> str:
    """`Drill passed: v7 ready in 3.2 s, traffic back in 0.4 s`."""
    if not drill_passed(summary):
        said = {"superseded": "given up", "rolled_back": "failed"}.get(summary.outcome, summary.outcome)
        word = "aborted" if said == "failed" and summary.cause_kind == "abort" else said
        return f"Drill {word}: {summary.candidate}: {summary.reason}"
    parts = [f"{summary.candidate} ready in {summary.ready_seconds or 0.0:.1f} s"]
    if summary.candidate == summary.stable:
        parts.append("a second copy, for there is no earlier version")
    elif summary.max_exposure_percent:
        parts.append(f"traffic back in {summary.rollback_seconds or 0.0:.1f} s")
    else:
        parts.append("no traffic moved (--traffic 5% rehearses that too)")
    return f"Drill passed: {', '.join(parts)}"


def summary_of(rollout: RolloutView) -> RolloutSummary:
    """The current rollout of a view as a line of the history."""
    begun = rollout.started_at or rollout.created_at
    return RolloutSummary(
        id=rollout.id,
        number=rollout.number,
        kind=rollout.kind,
        strategy=rollout.strategy,
        candidate=rollout.candidate,
        stable=rollout.stable,
        outcome=rollout.phase,
        reason=rollout.reason or rollout.cause_reason or "",
        created_at=rollout.created_at,
        created_by=rollout.created_by,
        ended_at=rollout.ended_at,
        seconds=rollout.ended_at - begun if rollout.ended_at is not None else None,
        rollback_seconds=rollout.rollback_seconds,
        max_exposure_percent=rollout.max_exposure_percent,
        attempt=rollout.attempt,
        cause_kind=rollout.cause_kind,
        ready_seconds=rollout.ready_seconds,
    )
