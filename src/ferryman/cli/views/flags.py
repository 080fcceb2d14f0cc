"""Flags, plans and explanations as lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.cli.views.columns import columns
from ferryman.cli.views.text import day_and_clock, plural
from ferryman.engine.flags.explain import Explanation
from ferryman.flags.breaker import BreakerView, rule_of
from ferryman.flags.definition import Breaker
from ferryman.flags.plan import KEYS, ChangePlan
from ferryman.flags.requests import RequestView
from ferryman.flags.views import DoneView, FlagsView, FlagView
from ferryman.spec.flag_text import flag_text

HEADS = ("FLAG", "KIND", "STATE", "EXPOSED", "VERSION", "CHANGED", "BY", "OWNER", "EXPIRES")
MOVES_MAX = 4


def listed(view: FlagsView) -> str:
    """The flags of an environment, one a line."""
    rows = [
        (
            flag.key,
            flag.kind,
            flag.state,
            percent(flag.exposed_percent),
            str(flag.version),
            day_and_clock(flag.changed_at),
            flag.changed_by,
            flag.owner or "-",
            flag.expires or "-",
        )
        for flag in view.flags
    ]
    return columns([HEADS, *rows], frozenset({3, 4}))


def shown(view: FlagView) -> str:
    """One flag: how it stands, its definition, what was done to it."""
    summary = view.summary
    lines = [f"{summary.key} in {view.environment}: {summary.state}, {percent(summary.exposed_percent)} exposed"]
    if view.override is not None:
        override = view.override
        why = f": {override.reason}" if override.reason else ""
        lines.append(f"{override.kind} by {override.by}, {day_and_clock(override.since)}{why}")
    if view.breaker is not None and view.definition.breaker is not None:
        lines.append(_breaker(view.breaker, view.definition.breaker))
    if view.needed_by:
        lines.append(f"needed by {', '.join(view.needed_by)}")
    return "\n".join([*lines, "", flag_text(view.definition).rstrip(), "", done(view.history)])


def _breaker(view: BreakerView, breaker: Breaker) -> str:
    now = f"is {view.value:.4g}" if view.value is not None else "has no data"
    why = f" ({view.trouble})" if view.trouble else ""
    return f"breaker {view.state}: {view.what} {now}{why}; {rule_of(breaker)}"


def done(history: Sequence[DoneView]) -> str:
    """What was done to a flag, oldest first."""
    rows = [(str(each.version), day_and_clock(each.at), each.actor, each.kind, each.reason or "-") for each in history]
    return columns([("VERSION", "WHEN", "BY", "WHAT", "REASON"), *rows], frozenset({0}))


def plan_lines(plans: Sequence[ChangePlan], needs_rebucket: Sequence[str]) -> str:
    """What changes for users, a line for each flag and environment."""
    if not plans:
        return "nothing changes"
    rows = [_plan(plan, plan.flag in needs_rebucket) for plan in plans]
    return columns(rows)


def _plan(plan: ChangePlan, rebucket: bool) -> tuple[str, ...]:
    about = "" if plan.exact else "about "
    said = [f"{about}{plan.moved:,} exposed users would change"]
    if plan.joined:
        said.append(f"{percent(plan.joined * 100 / KEYS)} become exposed")
    if plan.left:
        said.append(f"{percent(plan.left * 100 / KEYS)} are not exposed any more")
    if plan.moved:
        said.append(", ".join(f"{move.before} -> {move.after} {move.users:,}" for move in plan.moves[:MOVES_MAX]))
    if plan.uncounted:
        said.append(f"not counted: {', '.join(plan.uncounted)}")
    if rebucket:
        said.append("needs --rebucket")
    turned = f"exposure {percent(plan.before_percent)} -> {percent(plan.after_percent)}"
    same = plan.before_percent == plan.after_percent
    return (plan.flag, plan.environment, "edited" if same else turned, "; ".join(said))


def explained(found: Explanation) -> str:
    """What was asked in turn, and what came of it."""
    rows = [("->" if asked.decided else "  ", asked.what, asked.said) for asked in found.asked]
    lines = [columns(rows)] if rows else []
    variant = found.variant if found.variant is not None else "the default in the program's own code"
    lines.append(f"{found.flag}: {variant} ({found.reason}{f', {found.error}' if found.error else ''})")
    return "\n".join(lines)


def percent(number: float) -> str:
    """`12.5 %`, with as many digits as there are."""
    return f"{round(number, 3):g} %"


def written(version: int, number: int, request: int) -> str:
    """That something was written, or waits for people."""
    if request:
        return f"request {request} waits for people to agree: `ferry flags approve {request}`"
    return f"version {version}: {plural(number, 'flag')} changed" if version else "nothing changed"


def requests(found: Sequence[RequestView]) -> str:
    """Writes that wait for people, one a line."""
    rows = [
        (
            str(each.number),
            each.state,
            day_and_clock(each.at),
            each.author,
            f"{len(each.given)}/{each.needed} {each.role}",
            each.summary,
            each.reason or "-",
        )
        for each in found
    ]
    return columns([("REQUEST", "STATE", "ASKED", "BY", "AGREED", "WHAT", "REASON"), *rows], frozenset({0}))
