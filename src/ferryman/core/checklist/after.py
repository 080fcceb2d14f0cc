"""After a release: is all well, is nothing left, and was it written about?"""

from __future__ import annotations

from ferryman.core.checklist.facts import (
    Answer,
    Facts,
    Maker,
    ago,
    doubtful,
    failed,
    not_applicable,
    passed,
    percent,
    unknown,
)
from ferryman.model.plan import HoldGate, Phase
from ferryman.model.rollout import DRILL, Rollout

UNDER_WAY = "it is still under way"


def _metrics_normal(facts: Facts) -> Answer:
    """What serves is healthy, within the limits of its release, and was watched at 100 % before it was promoted."""
    if facts.busy:
        return not_applicable(UNDER_WAY)
    if facts.standing is None:
        return not_applicable("nothing serves")
    if facts.view is None:
        return unknown("no controller looks at it", "ferry serve")
    if not facts.view.healthy:
        return failed(facts.view.trouble, "see `ferry status`")
    side = facts.side(facts.standing)
    limits = facts.service.releases.get(facts.standing, facts.release).analysis.limits
    if side is None or side.error_percent is None:
        return unknown(f"{facts.service.label(facts.standing)} is healthy; nobody asks it anything")
    saw = f"{side.label} healthy, {percent(side.error_percent)} errors"
    saw += f", p95 {side.p95_ms:.0f} ms" if side.p95_ms is not None else ""
    if side.error_percent > limits.error_percent:
        return failed(f"{saw}: more errors than {percent(limits.error_percent)}", "ferry undo")
    if limits.p95_ms is not None and side.p95_ms is not None and side.p95_ms > limits.p95_ms:
        return failed(f"{saw}: slower than {limits.p95_ms:.0f} ms", "ferry undo")
    return _baked(facts, saw)


def _baked(facts: Facts, saw: str) -> Answer:
    last = facts.service.current
    if last is None or last.kind == DRILL or last.candidate != facts.standing or last.plan.stable is None:
        return passed(saw)
    seconds = _bake_seconds(last)
    if seconds and not last.full:
        return passed(f"{saw}; watched for {seconds:g} s at 100%")
    why = "promoted in full, the bake was skipped" if last.full else "its strategy has no bake"
    return doubtful(f"{saw}; {why}", "set `bake` in the strategy, and watch it now")


def _bake_seconds(rollout: Rollout) -> float:
    holds = [step.gate(HoldGate) for step in rollout.plan.steps if step.phase is Phase.BAKING]
    return sum(hold.seconds for hold in holds if hold is not None)


def _old_gone(facts: Facts) -> Answer:
    """Nothing runs but what serves."""
    if facts.busy:
        return not_applicable(UNDER_WAY)
    if facts.standing is None:
        return not_applicable("nothing serves")
    if facts.view is None:
        return unknown("no controller looks at it", "ferry serve")
    left = [side for side in facts.view.sides if side.revision != facts.standing and side.live]
    if not left:
        return passed("nothing else runs")
    kept = facts.service.steady.instances
    saw = ", ".join(f"{side.live} of {side.label}" for side in left)
    if all(side.revision in kept for side in left):
        return doubtful(f"{saw} kept warm", "the next release replaces them; `scaleDownDelay` says how long they stay")
    return doubtful(f"{saw} not gone yet", "wait; see `ferry status`")


def _postmortem(facts: Facts) -> Answer:
    """Everything that users met and that was taken back has its post-mortem."""
    incidents = facts.service.incidents
    if not incidents:
        return not_applicable("no release that users met was taken back")
    for rollout, incident in reversed(incidents.items()):
        if not incident.postmortem:
            saw = f"{rollout} took {incident.label} back {ago(facts.now - incident.at)}: {incident.reason}"
            return doubtful(saw, f"ferry postmortem {rollout}, then ferry postmortem {rollout} --done URL")
    newest = list(incidents.items())[-1]
    return passed(f"{newest[0]}: {newest[1].postmortem}")


def _flags_clean(facts: Facts) -> Answer:
    stale = facts.stale_flags
    if stale is None:
        return not_applicable("the controller keeps no feature flags")
    if not stale:
        return passed("no feature flag has outlived its work")
    return doubtful(f"to be taken out: {', '.join(stale)}", f"ferry flags remove {stale[0]} --value VALUE")


AFTER: dict[str, Maker] = {
    "metrics_normal": _metrics_normal,
    "flags_clean": _flags_clean,
    "old_gone": _old_gone,
    "postmortem": _postmortem,
}
