"""Before a release: may it begin, and would it come back?"""

from __future__ import annotations

import json

from ferryman.analysis.registry import judge_named
from ferryman.core.checklist.facts import (
    Answer,
    Facts,
    Maker,
    ago,
    doubtful,
    duration,
    failed,
    not_applicable,
    passed,
    percent,
    unknown,
)
from ferryman.core.lint import sample_plan
from ferryman.core.walls import is_risky
from ferryman.core.windows import is_open, next_opening, on_the_wall, why_closed
from ferryman.model.calendar import Windows
from ferryman.model.errors import Refused
from ferryman.model.plan import Phase, Plan
from ferryman.model.release import Release
from ferryman.model.rollout import DrillRecord

DRILL_DAYS_MAX = 30.0
"""A drill that was longer ago shows little about today."""

MEASURED_SECONDS_MAX = 60.0
DAY_SECONDS = 86_400.0


def _rollback_tested(facts: Facts) -> Answer:
    """A drill, or an abort tried at every step in a model of the plan."""
    if facts.standing is None:
        return not_applicable("the first release: there is nothing to go back to")
    serving = facts.service.label(facts.standing)
    if facts.aborts is not None and facts.aborts[1]:
        return failed(facts.aborts[1][0], "change the strategy so that every step can be taken back")
    drilled = facts.service.drills.get(facts.standing)
    shown = f"; {_shown(drilled)}" if drilled is not None and drilled.passed else ""
    if facts.aborts is not None:
        tried = f"an abort was tried at each of {facts.aborts[0]} steps in a model: {serving} takes everybody back"
        return passed(tried + shown)
    if shown:
        return passed(shown.removeprefix("; "))
    return unknown("it was not tried", "ferry drill")


def _rollback_drilled(facts: Facts) -> Answer:
    """On real instances, for the version that serves."""
    if facts.release.of_flag:
        return not_applicable("going back exposes nobody to the flag, and starts nothing")
    if facts.standing is None:
        return not_applicable("the first release: there is nothing to go back to")
    name, serving = facts.service.name, facts.service.label(facts.standing)
    drilled = facts.service.drills.get(facts.standing)
    if drilled is None:
        return doubtful(f"never since {serving} serves", f"ferry drill {name} --traffic 5%")
    when = ago(facts.now - drilled.at)
    if not drilled.passed:
        return failed(f"{drilled.rollout} failed {when}: {drilled.reason}", f"mend it, then: ferry drill {name}")
    saw = f"{_shown(drilled)}, {when} ({drilled.rollout})"
    if facts.now - drilled.at > DRILL_DAYS_MAX * DAY_SECONDS:
        return doubtful(saw, f"ferry drill {name} --traffic 5%")
    return passed(saw)


def _shown(drilled: DrillRecord) -> str:
    found = f"drilled: {drilled.target} ready in {drilled.ready_seconds or 0.0:.1f} s"
    back = f", traffic back in {drilled.rollback_seconds or 0.0:.1f} s" if drilled.share_percent else ""
    return found + back


def _monitoring_answers(facts: Facts) -> Answer:
    """The counters of what serves can be read now."""
    if not _counted(facts.release):
        return doubtful("no router: nobody counts requests", "add `traffic` with a port")
    if facts.standing is None:
        return not_applicable("nothing serves yet")
    if facts.view is None:
        return unknown("no controller looks at it", "ferry serve")
    age = facts.now - facts.measured_at
    if not facts.measured_at or age > MEASURED_SECONDS_MAX:
        when = ago(age) if facts.measured_at else "never"
        why = f": {facts.view.trouble}" if facts.view.trouble else ""
        return failed(f"the counters were read last {when}{why}", "see the controller's log")
    side = facts.side(facts.standing)
    serving = facts.service.label(facts.standing)
    if side is None or not side.requests_per_second:
        return doubtful(f"the counters of {serving} answer, but nobody asks it anything", "wait for traffic")
    errors = "" if side.error_percent is None else f", {percent(side.error_percent)} errors"
    slow = "" if side.p95_ms is None else f", p95 {side.p95_ms:.0f} ms"
    return passed(f"{serving}: {side.requests_per_second:.1f} requests/s{errors}{slow}")


def _triggers_configured(facts: Facts) -> Answer:
    """An error rule and a latency rule that take it back by themselves."""
    release = facts.release
    if not release.analysis.enabled:
        return failed("the analysis is off: only health and checks take it back", "remove `analysis: false`")
    if not _counted(release):
        return doubtful("no router measures it: only health and checks take it back", "add `traffic` with a port")
    try:
        plan = sample_plan(release)
    except Refused as refusal:
        return failed(refusal.message, refusal.hint)
    errors, latency, where = _rules(release, plan)
    if errors and latency:
        return passed(f"{where}: errors and latency")
    if not where:
        return doubtful("no step at which anything is weighed: only health takes it back", "set a `bake`, or a canary")
    if not errors and not latency:
        return failed(f"{where}: neither errors nor latency", "add a rule for each")
    missing = "latency" if errors else "errors"
    key = "`analysis.limits.p95`" if where.startswith("limits") else "`analysis.options`"
    return doubtful(f"{where}: no rule for {missing}", f"set it in {key}")


def _rules(release: Release, plan: Plan) -> tuple[bool, bool, str]:
    """(errors, latency, who watches them: "" for nobody)."""
    judged = any(step.stage is not None for step in plan.steps)
    limits = release.analysis.limits
    if judged:
        return *_weighed(release), f"judge {release.analysis.judge}"
    bakes = any(step.phase is Phase.BAKING for step in plan.steps)
    return bakes, bakes and limits.p95_ms is not None, "limits in the bake" if bakes else ""


def _weighed(release: Release) -> tuple[bool, bool]:
    """Whether the judge looks at errors and at latency, by its options."""
    judge = judge_named(release.analysis.judge)
    options = {name: release.analysis.options.get(name, option.default) for name, option in judge.options.items()}
    if judge.name == "seed-rules":
        return True, True
    if judge.name == "betting":
        named = options.get("metrics")
        return (True, True) if not isinstance(named, list | tuple) else ("errors" in named, "latency" in named)
    if judge.name == "threshold" and not options.get("success") and not options.get("failure"):
        return True, False  # its one condition is the success rate
    text = json.dumps(options, default=str)
    errors = "error_rate" in text or "success_rate" in text
    return errors, any(figure in text for figure in ("p50_ms", "p95_ms", "p99_ms"))


def _no_freeze(facts: Facts) -> Answer:
    """Nobody holds the users where they are."""
    freeze = facts.service.freeze
    if freeze is None or (freeze.until is not None and freeze.until <= facts.now):
        return passed("no freeze")
    left = "" if freeze.until is None else f", for {duration(freeze.until - facts.now)} more"
    todo = f"wait, or ferry unfreeze {facts.service.name}"
    return failed(f"frozen by {freeze.by} {ago(facts.now - freeze.since)}{left}: {freeze.reason}", todo)


def _window_open(facts: Facts) -> Answer:
    """Users may meet a new version at this hour."""
    windows = facts.release.windows
    if windows is None:
        return not_applicable("the release may go at any hour")
    if is_open(windows, is_risky(facts.release), facts.now):
        return passed(f"open now, {on_the_wall(windows.zone, facts.now)}")
    return doubtful(*_closed(facts, windows))


def _closed(facts: Facts, windows: Windows) -> tuple[str, str]:
    opens = next_opening(windows, is_risky(facts.release), facts.now)
    when = "never opens" if opens is None else f"opens {on_the_wall(windows.zone, opens)}"
    return f"{why_closed(windows, facts.now)}; it {when}", "it waits by itself; in an emergency: --emergency --reason"


def _off_hours(facts: Facts) -> Answer:
    """Asked of what users will notice."""
    if not is_risky(facts.release):
        return not_applicable("nothing in the release is risky")
    windows = facts.release.windows
    if windows is None or not windows.off_hours:
        return doubtful(
            "it is risky, and no off-hours are named for it", "name them in `windows`, or deploy it when few are there"
        )
    if is_open(windows, True, facts.now):
        return passed(f"it is risky, and these are off-hours: {on_the_wall(windows.zone, facts.now)}")
    return doubtful(*_closed(facts, windows))


def _counted(release: Release) -> bool:
    """Whether somebody counts what users meet: the router, the programs that ask a flag, or who the release names."""
    routed = release.routing.port is not None and release.routing.router != "none"
    return routed or release.of_flag or release.analysis.source is not None


BEFORE: dict[str, Maker] = {
    "schema_compatible": lambda _: not_applicable("the release declares no schema changes"),
    "rollback_tested": _rollback_tested,
    "rollback_drilled": _rollback_drilled,
    "monitoring_answers": _monitoring_answers,
    "triggers_configured": _triggers_configured,
    "no_freeze": _no_freeze,
    "window_open": _window_open,
    "off_hours": _off_hours,
}
