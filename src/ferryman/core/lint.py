"""What a release asks for that its plan cannot do: found before anything starts, by `ferry check` and by every deploy."""

from __future__ import annotations

from collections.abc import Iterator

from ferryman.model.errors import Problem, Refused
from ferryman.model.plan import Plan
from ferryman.model.release import Canary, Release, SetWeight
from ferryman.strategies.canary import realisable_percent
from ferryman.strategies.common import Parties
from ferryman.strategies.compile import compile_plan

STABLE, CANDIDATE = "stable", "candidate"
"""Stand-ins for revisions: findings are about a release over a version that runs already."""


def sample_plan(release: Release) -> Plan:
    """The plan of this release over a version of the same size. Raises `Refused` (``bounds_deadlock``)."""
    return compile_plan(release, CANDIDATE, STABLE, stable_replicas=release.replicas)


def plan_findings(release: Release) -> tuple[Problem, ...]:
    """Errors: bounds within which nothing can move, weights that instance counts cannot make. Without places."""
    found: list[Problem] = []
    try:
        sample_plan(release)
    except Refused as refusal:
        found.append(Problem("", 0, 0, "strategy", "", refusal.message, refusal.hint, refusal.code))
        return tuple(found)
    strategy = release.strategy
    if isinstance(strategy, Canary):
        found += _weights(release, strategy)
    return tuple(found)


def _weights(release: Release, strategy: Canary) -> Iterator[Problem]:
    parties = Parties(release, CANDIDATE, STABLE, release.replicas, "")
    for number, step in enumerate(strategy.steps):
        if not isinstance(step, SetWeight) or not 0 < step.percent < 100:
            continue
        real = realisable_percent(parties, strategy, step.percent)
        if abs(real - step.percent) > strategy.weight_tolerance_percent:
            yield Problem(
                "",
                0,
                0,
                f"strategy.canary.steps[{number}]",
                f"{step.percent:g}",
                f"{step.percent:g}% cannot be had with {release.replicas} instances and no router: the nearest is {real:.3g}%",
                "add `traffic` with a port, so that a router shares it out; or more replicas; or raise `weightTolerance`",
                "weight_unrealisable",
            )
