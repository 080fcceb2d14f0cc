"""Sentences about a service that both the tree and the board use."""

from __future__ import annotations

from ferryman.cli.views.outcome import TERMINAL
from ferryman.cli.views.text import duration
from ferryman.model.rollout import DRILL
from ferryman.model.view import RolloutView, ServiceView, StepView


def frozen(view: ServiceView) -> str:
    """``frozen by ana to 18:00: sale``; empty when it is not."""
    freeze = view.freeze
    if freeze is None:
        return ""
    until = f" for {duration(max(0.0, freeze.until - view.at))} more" if freeze.until is not None else ""
    return f"frozen by {freeze.by}{until}: {freeze.reason}"


def going_back(rollout: RolloutView) -> bool:
    """Whether the candidate is on its way back."""
    return rollout.track == "back" and rollout.phase not in TERMINAL


def running(rollout: RolloutView | None) -> bool:
    """Whether anything of it is still to come."""
    return rollout is not None and rollout.phase not in TERMINAL


def current_step(rollout: RolloutView) -> StepView | None:
    """The step being walked."""
    return rollout.steps[rollout.step] if 0 <= rollout.step < len(rollout.steps) else None


def state(view: ServiceView) -> str:
    """One word or two in capitals: HEALTHY, DEGRADED, ROLLING BACK, ROLLED BACK, PAUSED, FAILED, DOWN, STARTING."""
    rollout = view.rollout
    if view.down:
        return "DOWN"
    if rollout is not None and going_back(rollout) and rollout.kind != DRILL:
        return "ROLLING BACK"
    if rollout is not None and rollout.phase == "failed":
        return "FAILED"
    if not view.healthy:
        return "DEGRADED"
    if rollout is not None and rollout.phase == "paused":
        return "PAUSED"
    if view.serving is None:
        return "STARTING" if running(rollout) else "EMPTY"
    return "HEALTHY"


def doing(view: ServiceView) -> str:
    """The phase and since when: `paused 3m10s: inconclusive`, `analysing 12s`, `promoted`."""
    rollout = view.rollout
    assert rollout is not None
    phase = rollout.phase.replace("_", " ")
    if rollout.phase == "paused":
        since = f" {duration(view.at - rollout.pause_since)}" if rollout.pause_since is not None else ""
        return f"paused{since}" + (f": {rollout.pause_kind}" if rollout.pause_kind else "")
    if not running(rollout):
        return outcome_words(rollout.kind, rollout.phase, rollout.cause_kind)
    return f"{phase} {duration(view.at - rollout.reached_at)}" if rollout.reached_at is not None else phase


def outcome_words(kind: str, outcome: str, cause_kind: str | None) -> str:
    """`rolled back`; of a drill `drill passed`, for going back is what it is there for."""
    if kind != DRILL or outcome not in TERMINAL:
        return outcome.replace("_", " ")
    if outcome != "rolled_back":
        return f"drill {outcome}"
    return {"drill": "drill passed", "abort": "drill aborted"}.get(cause_kind or "", "drill failed")


def why(rollout: RolloutView) -> str:
    """Why nothing moves, or why it goes back."""
    if going_back(rollout):
        said = cause(rollout)
        return said + (f"; {rollout.waiting_for}" if rollout.waiting_for else "")
    if rollout.phase in TERMINAL:
        return rollout.reason
    return rollout.waiting_for


def cause(rollout: RolloutView) -> str:
    """Why it goes back: `verdict: errors: ...`."""
    return f"{rollout.cause_kind}: {rollout.cause_reason}" if rollout.cause_reason else rollout.cause_kind or ""


def then(view: ServiceView) -> str:
    """What comes next, and when if time alone brings it: `50% in 2m10s`."""
    rollout = view.rollout
    if rollout is None or not rollout.next:
        return ""
    left = remaining(view)
    if rollout.phase == "paused" and (left is None or rollout.pause_kind == "approval"):
        return f"{rollout.next} {_way_on(rollout, view.service)}" + (f", within {duration(left)}" if left else "")
    if rollout.phase == "analysing":
        return f"{rollout.next} when the judge passes it" + (f", asked for {duration(left)} more" if left else "")
    return f"{rollout.next} in {duration(left)}" if left else rollout.next


def _way_on(rollout: RolloutView, service: str) -> str:
    """Which verb ends a pause that time does not end."""
    if rollout.pause_kind == "freeze":
        return f"after `ferry unfreeze {service}`"
    if rollout.pause_kind in {"operator", "deadline", "error"}:
        return f"after `ferry resume {service}`"
    if rollout.pause_kind == "approval":
        return f"after `ferry approve {service}`"
    if rollout.pause_kind == "human":
        return f"after `ferry promote {service}`"
    return f"after `ferry promote {service}`; `ferry resume {service}` judges it anew"


def remaining(view: ServiceView) -> float | None:
    """Seconds until time alone moves the rollout; None where it does not."""
    until = view.rollout.until if view.rollout is not None else None
    return until - view.at if until is not None and until > view.at else None
