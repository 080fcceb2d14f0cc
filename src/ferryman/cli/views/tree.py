"""The status of a service as plain text: a line of what is going on, and a branch for everything that matters to it."""

from __future__ import annotations

from ferryman.cli.views.evidence import Evidence, Metric, read_evidence
from ferryman.cli.views.text import NOTHING, clock, count, duration, milliseconds, percent, rate, size, weight
from ferryman.cli.views.words import current_step, doing, frozen, going_back, running, state, then, why
from ferryman.model.view import RolloutView, ServiceView, SideView

EVENTS_SHOWN = 3
REASONS_SHOWN = 2


def status_tree(view: ServiceView) -> str:
    """Several lines, without a newline at the end; ASCII but for texts of users."""
    branches = list(_branches(view))
    lines = [_head(view)]
    lines += [f"{'`-' if n == len(branches) - 1 else '|-'} {branch}" for n, branch in enumerate(branches)]
    return "\n".join(lines)


def _head(view: ServiceView) -> str:
    rollout = view.rollout
    if rollout is None or view.down:
        return f"{view.service}  {'down' if view.down else state(view).lower()}"
    parts: list[str]
    if running(rollout):
        parts = [f"{view.service} {rollout.candidate} <- {rollout.stable or 'nothing'}", rollout.strategy]
        if rollout.kind not in ("deploy", rollout.strategy):
            parts.append(rollout.kind)
        parts += [f"attempt {rollout.attempt}", _step(rollout), doing(view)]
        if rollout.eta_seconds:
            parts.append(f"ETA {duration(rollout.eta_seconds)}")
    else:
        parts = [f"{view.service} {view.serving or 'nothing'}", state(view).lower()]
        parts.append(f"{rollout.candidate} {doing(view)}" if rollout.phase != "promoted" else "promoted")
        if rollout.ended_at is not None:
            parts.append(f"{duration(view.at - rollout.ended_at)} ago")
    return "  ".join(parts)


def _step(rollout: RolloutView) -> str:
    step = current_step(rollout)
    name = f' "{step.name}"' if step else ""
    back = "back " if going_back(rollout) else ""
    return f"{back}step {min(rollout.step + 1, len(rollout.steps))}/{len(rollout.steps)}{name}"


def _branches(view: ServiceView) -> list[str]:
    found = [_side(side) for side in view.sides if side.live or side.wanted or side.weight_seen or side.role != "old"]
    rollout = view.rollout
    if view.trouble:
        found.append(f"trouble: {view.trouble}")
    if held := frozen(view):
        found.append(held)
    found += [f"not told: {line}" for line in view.unheard]
    if rollout is not None and running(rollout):
        found += _judged(rollout)
        if reason := why(rollout):
            found.append(f"{'goes back' if going_back(rollout) else 'now'}: {reason}")
        if following := then(view):
            found.append(f"next: {following}")
        if rollout.held:
            found.append(f"will be held {rollout.held}")
    elif rollout is not None and rollout.phase != "promoted" and rollout.reason:
        found.append(f"{rollout.candidate} {doing(view)}: {rollout.reason}")
    if view.incident is not None and not running(rollout):
        found.append(
            f"no post-mortem yet of {view.incident.label}: `ferry postmortem {view.incident.rollout}` begins one"
        )
    found += [f"waiting in line: {queued}" for queued in view.queue]
    for event in view.recent[-EVENTS_SHOWN:]:
        who = "" if event.actor == "ferryman" else f"{event.actor}: "
        found.append(f"{clock(event.at)} {who}{event.text}")
    if view.url and not view.down:
        found.append(view.url + (f"  preview {view.preview_url}" if view.preview_url else ""))
    return found


def _side(side: SideView) -> str:
    counted = f" {side.ready}/{side.wanted} ready" if side.wanted or side.live else ""
    parts = [f"{side.label} {side.role}{counted}"]
    if side.live > side.wanted:
        parts.append(f"{side.live - side.wanted} leaving")
    if side.weight_asked or side.weight_seen:
        parts.append(f"weight {weight(side.weight_asked)} seen {weight(round(side.weight_seen, 1))}")
    if side.requests_per_second is not None:
        parts += [rate(side.requests_per_second), f"errors {percent(side.error_percent)}"]
        if side.p95_ms is not None:
            parts.append(f"p95 {milliseconds(side.p95_ms)}")
    if side.cpu_percent is not None:
        parts.append(f"cpu {percent(side.cpu_percent)}")
    if side.memory_bytes is not None:
        parts.append(f"mem {size(side.memory_bytes)}")
    if side.reasons and side.ready < side.wanted:
        parts.append("; ".join(side.reasons[-REASONS_SHOWN:]))
    return "  ".join(parts)


def _judged(rollout: RolloutView) -> list[str]:
    if rollout.verdict is None:
        return []
    evidence = read_evidence(rollout.evidence)
    found = [_metric(metric) for metric in evidence.metrics if metric.candidate_n] if evidence else []
    reason = f": {rollout.verdict_reason}" if rollout.verdict_reason else ""
    return [*found, f"judge: {rollout.verdict}{reason}{_weighed(evidence)}"]


def _metric(metric: Metric) -> str:
    parts = [f"{metric.name} {percent(metric.candidate_percent)} vs {percent(metric.stable_percent)}"]
    if metric.ratio is not None:
        ends = f" [{_end(metric.low)},{_end(metric.high)}]" if metric.low is not None or metric.high is not None else ""
        parts.append(f"{metric.ratio:.2f}x{ends}")
    parts.append(f"n {count(metric.candidate_n or 0)}/{count(metric.stable_n or 0)}")
    if metric.margin is not None:
        parts.append(f"limit {metric.margin:g}x")
    return "  ".join(parts)


def _end(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _weighed(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    said = [f"harm {evidence.harm:.0%} of the limit"] if evidence.harm is not None else []
    if evidence.passing is not None:
        said.append(f"proof to go on {evidence.passing:.0%}")
    return f" ({', '.join(said)})" if said else ""
