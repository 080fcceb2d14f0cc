"""The table of the board: the figures of both versions side by side, by how much they differ, and how to take that.

The marks only show what the judge's own evidence says, or what is plainly visible; no mark decides anything.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ferryman.cli.views.evidence import Evidence
from ferryman.cli.views.marks import Mark
from ferryman.cli.views.text import change, milliseconds, percent, rate, signed, size
from ferryman.model.view import SideView

HARM_DOUBTFUL = 0.5
SHARE_TOLERANCE_PERCENT = 25.0
USAGE_DOUBTFUL_PERCENT = 50.0
LATENCY_DOUBTFUL_PERCENT = 25.0
CPU_WORTH_A_LOOK_PERCENT = 20.0
REQUESTS_WORTH_A_LOOK = 50


class Row(msgspec.Struct, frozen=True):
    """One line: texts of the left and right version, the difference, its mark; `interval` is what the judge is confident
    that the ratio of the rates lies in."""

    name: str
    left: str
    right: str = ""
    delta: str = ""
    mark: Mark = Mark.NONE
    interval: str = ""


def sides_shown(sides: tuple[SideView, ...]) -> tuple[SideView | None, SideView | None]:
    """(left, right): stable and candidate; without a candidate, what is still there of an old version."""
    stable = next((side for side in sides if side.role == "stable"), None)
    candidate = next((side for side in sides if side.role == "candidate"), None)
    if candidate is None and stable is not None:
        candidate = next((side for side in sides if side.role == "old" and side.live), None)
    return stable, candidate


def rows(
    left: SideView | None, right: SideView | None, evidence: Evidence | None, *, failed: bool = False
) -> list[Row]:
    """The lines of the table; always the same ones, so that the picture keeps its height. `failed`: the verdict is
    spoken, and what was doubtful is bad."""
    compared = left is not None and right is not None and right.role == "candidate"
    made = [
        _row("Requests", left, right, lambda s: rate(s.requests_per_second)),
        _row("Errors", left, right, lambda s: percent(s.error_percent)),
        _row("Latency p50", left, right, lambda s: milliseconds(s.p50_ms)),
        _row("Latency p95", left, right, lambda s: milliseconds(s.p95_ms)),
        _row("Latency p99", left, right, lambda s: milliseconds(s.p99_ms)),
        _row("CPU", left, right, lambda s: percent(s.cpu_percent)),
        _row("Memory", left, right, lambda s: size(s.memory_bytes)),
        _row("Ready", left, right, lambda s: f"{s.ready}/{s.wanted}"),
    ]
    if not compared or left is None or right is None:
        return made
    differences = [
        _requests(left, right),
        _errors(left, right, evidence),
        _latency(left.p50_ms, right.p50_ms, right, None),
        _latency(left.p95_ms, right.p95_ms, right, _harm(evidence, "latency")),
        _latency(left.p99_ms, right.p99_ms, right, None),
        _usage(left.cpu_percent, right.cpu_percent, CPU_WORTH_A_LOOK_PERCENT),
        _usage(left.memory_bytes, right.memory_bytes, 0.0),
        ("", Mark.OK if right.ready >= right.wanted else Mark.WARN),
    ]
    known = {"Errors": _interval(evidence, "errors"), "Latency p95": _interval(evidence, "latency")}
    return [
        msgspec.structs.replace(
            row,
            delta=delta,
            mark=Mark.BAD if failed and mark is Mark.WARN else mark,
            interval=known.get(row.name, ""),
        )
        for row, (delta, mark) in zip(made, differences, strict=True)
    ]


def _interval(evidence: Evidence | None, name: str) -> str:
    """`0.40-2.6x`; an end that the judge does not know yet is left open."""
    metric = next((m for m in evidence.metrics if m.name == name), None) if evidence is not None else None
    if metric is None or (metric.low is None and metric.high is None):
        return ""
    low = "0" if metric.low is None else f"{metric.low:.2g}"
    return f"{low}-{metric.high:.2g}x" if metric.high is not None else f"over {low}x"


def _row(name: str, left: SideView | None, right: SideView | None, text: Callable[[SideView], str]) -> Row:
    return Row(name, text(left) if left else "", text(right) if right else "")


def _requests(left: SideView, right: SideView) -> tuple[str, Mark]:
    """Requests for each percent of the weight: 0 % when everybody gets their share."""
    if not left.weight_seen or not right.weight_seen or left.requests_per_second is None:
        return "", Mark.NONE
    got = (right.requests_per_second or 0.0) / right.weight_seen
    delta = change(got, left.requests_per_second / left.weight_seen)
    if delta is None:
        return "", Mark.NONE
    few = right.stage_requests < REQUESTS_WORTH_A_LOOK
    return signed(delta), Mark.OK if few or abs(delta) <= SHARE_TOLERANCE_PERCENT else Mark.WARN


def _errors(left: SideView, right: SideView, evidence: Evidence | None) -> tuple[str, Mark]:
    if right.error_percent is None or left.error_percent is None:
        return "", Mark.NONE
    if left.error_percent:
        delta = signed(change(right.error_percent, left.error_percent))
    else:
        delta = "+0%" if not right.error_percent else f"+{right.error_percent:.2g}pt"
    worse = right.error_percent > 2 * left.error_percent and right.stage_errors >= 3
    return delta, _mark(_harm(evidence, "errors"), doubtful=worse)


def _latency(before: float | None, now: float | None, right: SideView, harm: float | None) -> tuple[str, Mark]:
    delta = change(now, before)
    if delta is None:
        return "", Mark.NONE
    worse = delta > LATENCY_DOUBTFUL_PERCENT and right.stage_requests >= REQUESTS_WORTH_A_LOOK
    return signed(delta), _mark(harm, doubtful=worse)


def _usage(before: float | None, now: float | None, worth: float) -> tuple[str, Mark]:
    delta = change(now, before)
    if delta is None or now is None:
        return "", Mark.NONE
    return signed(delta), Mark.WARN if delta > USAGE_DOUBTFUL_PERCENT and now > worth else Mark.OK


def _harm(evidence: Evidence | None, name: str) -> float | None:
    if evidence is None:
        return None
    return next((metric.harm for metric in evidence.metrics if metric.name == name), None)


def _mark(harm: float | None, *, doubtful: bool) -> Mark:
    if harm is not None and harm >= 1.0:
        return Mark.BAD
    if doubtful or (harm is not None and harm >= HARM_DOUBTFUL):
        return Mark.WARN
    return Mark.OK
