"""What the page behind an approval link says of a release, in words and figures. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ferryman.model.link import LinkView
from ferryman.model.view import RolloutView, ServiceView, SideView

Row = tuple[str, str, str]
NOTHING = "–"


def question(link: LinkView) -> str:
    """What is asked, in a line."""
    rollout = link.service.rollout
    assert rollout is not None
    now, number = rollout.exposure_percent, rollout.step + 1
    following = rollout.steps[number].exposure_percent if number < len(rollout.steps) else None
    if following is None or following <= now:
        return f"{link.service.service}: may {rollout.candidate} go on?"
    if now == 0.0:
        return f"{link.service.service}: may {following:g}% of the users meet {rollout.candidate}?"
    return f"{link.service.service}: may {rollout.candidate} go on from {now:g}% to {following:g}% of the users?"


def what_is_asked(link: LinkView) -> str:
    """Of whom, and how many it takes."""
    asked = link.approval
    people = "One person" if asked.needed == 1 else f"{asked.needed} people"
    agreed = f"{len(asked.given)} of {asked.needed} agreed so far" if asked.given else "nobody has agreed so far"
    verb = "has" if asked.needed == 1 else "have"
    return f"{link.person}, you are asked as {link.role}. {people} of role {asked.role} or above {verb} to agree; {agreed}."


def steps(rollout: RolloutView) -> tuple[tuple[str, str], ...]:
    """The plan: each step with its share, and whether it is done, current or ahead."""
    return tuple((_step(step.name, step.exposure_percent), step.state) for step in rollout.steps)


def _step(name: str, percent: float) -> str:
    share = f"{percent:g}%"
    return name if share in name else f"{name} {share}"


def figure_rows(view: ServiceView) -> tuple[tuple[str, str], tuple[Row, ...]] | None:
    """(labels of stable and candidate, rows of name and both figures); None where nothing runs beside each other."""
    sides = {side.role: side for side in view.sides}
    stable, candidate = sides.get("stable"), sides.get("candidate")
    if stable is None or candidate is None:
        return None
    pairs = ((name, text(stable), text(candidate)) for name, text in _FIGURES)
    return (stable.label, candidate.label), tuple(row for row in pairs if row[1:] != (NOTHING, NOTHING))


def _number(value: float | None, digits: int, unit: str) -> str:
    return NOTHING if value is None else f"{value:,.{digits}f}{unit}"


def _memory(side: SideView) -> str:
    return _number(None if side.memory_bytes is None else side.memory_bytes / 1e6, 0, " MB")


_FIGURES: tuple[tuple[str, Callable[[SideView], str]], ...] = (
    ("Instances ready", lambda s: f"{s.ready} of {s.wanted}"),
    ("Users sent there", lambda s: f"{s.weight_seen:g}%"),
    ("Requests per second", lambda s: _number(s.requests_per_second, 1, "")),
    ("Errors", lambda s: _number(s.error_percent, 2, "%")),
    ("p50", lambda s: _number(s.p50_ms, 1, " ms")),
    ("p95", lambda s: _number(s.p95_ms, 1, " ms")),
    ("p99", lambda s: _number(s.p99_ms, 1, " ms")),
    ("Processor", lambda s: _number(s.cpu_percent, 1, "%")),
    ("Memory", _memory),
)
