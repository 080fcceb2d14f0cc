"""During a release: is the new version as good as the one that serves beside it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ferryman.core.checklist.facts import (
    Answer,
    Facts,
    Maker,
    doubtful,
    failed,
    not_applicable,
    passed,
    percent,
    unknown,
)
from ferryman.core.drilling import smoke_checks
from ferryman.model.rollout import Rollout
from ferryman.model.view import SideView

HARM_DOUBTFUL = 0.5
"""From this part of the way to the limit on, evidence of harm is worth a word."""

CPU_RATIO, CPU_POINTS = 1.5, 20.0
MEMORY_RATIO, MEMORY_BYTES = 2.0, 64e6
LOG_RATIO, LOG_LINES_MIN = 2.0, 5
NOTHING = "nothing is being released"
COMPARE = "look at `ferry status`; `ferry abort` takes it back"


def _error_rate(facts: Facts) -> Answer:
    return _compared(facts, "errors", lambda side: side.error_percent, percent)


def _latency(facts: Facts) -> Answer:
    return _compared(facts, "latency", lambda side: side.p95_ms, lambda value: f"p95 {value:.0f} ms")


def _compared(
    facts: Facts, metric: str, figure: Callable[[SideView], float | None], said: Callable[[float], str]
) -> Answer:
    """One figure of both sides, and how far the judge's evidence against it has come."""
    released = facts.released
    if released is None:
        return not_applicable(NOTHING)
    new, old = facts.side(released.candidate), facts.side(released.stable)
    value = figure(new) if new is not None else None
    if new is None or value is None:
        return unknown(f"{facts.service.label(released.candidate)} was not asked anything yet")
    base = figure(old) if old is not None else None
    saw = f"{new.label} {said(value)}" + (f", {old.label} {said(base)}" if old is not None and base is not None else "")
    view = facts.view.rollout if facts.view is not None else None
    harm = _harm(view.evidence if view is not None else {}, metric)
    if view is not None and view.verdict == "fail" and (harm is None or harm >= HARM_DOUBTFUL):
        return failed(f"{saw}; the judge: {view.verdict_reason}", COMPARE)
    if harm is not None and harm >= HARM_DOUBTFUL:
        return doubtful(f"{saw}; evidence of harm at {harm:.0%} of what takes it back", COMPARE)
    return passed(saw)


def _harm(evidence: dict[str, Any], metric: str) -> float | None:
    """The evidence against a metric over what takes a release back, 0 to 1; None where the judge has no such figure."""
    limit = evidence.get("log_limit")
    record = _map(_map(evidence.get("metrics")).get(metric))
    log_e = record.get("log_e")
    if not isinstance(log_e, int | float) or not isinstance(limit, int | float) or limit <= 0:
        return None
    return min(1.0, max(0.0, log_e / limit))


def _map(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _resources(facts: Facts) -> Answer:
    released = facts.released
    if released is None:
        return not_applicable(NOTHING)
    new, old = facts.side(released.candidate), facts.side(released.stable)
    if new is None or new.cpu_percent is None or new.memory_bytes is None:
        return unknown("no readings of its instances yet")
    saw = f"{new.label} cpu {new.cpu_percent:.0f}%, memory {new.memory_bytes / 1e6:.0f} MB"
    if old is None or old.cpu_percent is None or old.memory_bytes is None:
        return passed(saw)
    saw += f"; {old.label} {old.cpu_percent:.0f}%, {old.memory_bytes / 1e6:.0f} MB"
    share = max(0.1, new.weight_seen / old.weight_seen) if old.weight_seen else 1.0
    busy = new.cpu_percent > old.cpu_percent * CPU_RATIO * share and new.cpu_percent - old.cpu_percent > CPU_POINTS
    fat = new.memory_bytes > old.memory_bytes * MEMORY_RATIO and new.memory_bytes - old.memory_bytes > MEMORY_BYTES
    return doubtful(f"{saw}: {'cpu' if busy else 'memory'} is far higher", COMPARE) if busy or fat else passed(saw)


def _log_errors(facts: Facts) -> Answer:
    """Lines that speak of an error, per thousand requests."""
    released = facts.released
    if released is None:
        return not_applicable(NOTHING)
    new = facts.logs.get(released.candidate)
    if new is None:
        return unknown("the logs of its instances were not read")
    old = facts.logs.get(released.stable or "")
    label = facts.service.label(released.candidate)
    saw = f"{label} {_lines(new.lines, new.requests)}"
    if old is None:
        return passed(saw) if new.lines < LOG_LINES_MIN else doubtful(saw, f"ferry logs {facts.service.name}")
    saw += f", {facts.service.label(released.stable)} {_lines(old.lines, old.requests)}"
    usual = max(old.lines, 1) / max(1, old.requests)
    many = new.lines >= LOG_LINES_MIN and new.lines / max(1, new.requests) > LOG_RATIO * usual
    return doubtful(saw, f"ferry logs {facts.service.name} --version {label}") if many else passed(saw)


def _lines(lines: int, requests: int) -> str:
    return f"{lines} error lines in {requests} requests"


def _works(facts: Facts) -> Answer:
    """The function checks of the release."""
    released = facts.released
    declared = smoke_checks(facts.release)
    if not declared:
        return doubtful("the release names no function check", "add a `check` to its steps")
    if released is None:
        return not_applicable(NOTHING)
    return _checked(released, len(declared))


def _checked(released: Rollout, declared: int) -> Answer:
    states = list(released.checks.values())
    wrong = [key for key, state in released.checks.items() if state == "failed"]
    if wrong:
        return failed(f"{len(wrong)} of {len(states)} checks failed", "see `ferry events`")
    done = states.count("passed")
    if not done:
        return unknown(f"none of its {declared} checks has run yet")
    return passed(f"{done} check{'s' if done > 1 else ''} passed")


DURING: dict[str, Maker] = {
    "error_rate": _error_rate,
    "latency": _latency,
    "resources": _resources,
    "log_errors": _log_errors,
    "works": _works,
}
