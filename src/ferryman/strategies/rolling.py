"""Rolling: replace instances in batches; users follow the ready instances."""

from __future__ import annotations

from ferryman.model.plan import Gate, HoldGate, Phase, Plan, SettledGate, Step
from ferryman.model.release import Rolling
from ferryman.model.world import Bounds, World
from ferryman.strategies.common import (
    FULL_PERCENT,
    Parties,
    first_deploy,
    percent_bounds,
    percent_bounds_back,
    plan,
    rolling_bounds,
    rolling_bounds_back,
    steady,
    way_back,
)


def compile_rolling(parties: Parties, strategy: Rolling) -> Plan:
    """Worlds of candidate min(R, k*b) beside the rest of stable, b = surge + unavailable.
    Raises `Refused` (``bounds_deadlock``)."""
    limits = limits_of(parties, strategy)
    rest = steady(parties, limits)
    if parties.stable is None:
        return plan(parties, first_deploy(parties, limits), way_back(parties, limits, warm=False), rest)
    back = way_back(parties, limits_back(parties, strategy, limits), warm=False)
    batch = max(1, limits.max_total - limits.min_available)
    # Replicas that the release adds come on the candidate's side, beside the first batch.
    first = batch + max(0, parties.replicas - parties.stable_replicas)
    counts = [*range(first, parties.replicas, batch), parties.replicas]
    steps = [_batch(parties, limits, count, number, len(counts)) for number, count in enumerate(counts)]
    gates: tuple[Gate, ...] = (SettledGate(),)
    steps.append(Step(name="stop the old version", phase=Phase.PROMOTING, world=rest, gates=gates))
    if strategy.bake_seconds:
        hold = (HoldGate(strategy.bake_seconds),)
        steps.append(Step(name="bake", phase=Phase.BAKING, world=rest, gates=hold, skippable=True))
    return plan(parties, tuple(steps), back, rest)


def limits_of(parties: Parties, strategy: Rolling) -> Bounds:
    """The bounds of either form. Raises `Refused` (``bounds_deadlock``)."""
    if strategy.max_surge is not None and strategy.max_unavailable is not None:
        return rolling_bounds(parties, strategy.max_surge, strategy.max_unavailable)
    return percent_bounds(parties, *_percents(strategy))


def limits_back(parties: Parties, strategy: Rolling, limits: Bounds) -> Bounds:
    """The bounds of the way back, where stable may have another number of instances."""
    if strategy.max_surge is not None and strategy.max_unavailable is not None:
        return rolling_bounds_back(parties, limits, strategy.max_surge, strategy.max_unavailable)
    return percent_bounds_back(parties, limits, *_percents(strategy))


def _percents(strategy: Rolling) -> tuple[float, float]:
    low = 100.0 if strategy.minimum_healthy_percent is None else strategy.minimum_healthy_percent
    high = 200.0 if strategy.maximum_percent is None else strategy.maximum_percent
    return low, high


def batch_world(parties: Parties, limits: Bounds, count: int, stable_count: int) -> World:
    """`count` candidates beside `stable_count` stable instances, users following what is ready."""
    assert parties.stable is not None
    share = FULL_PERCENT * count / max(1, count + stable_count)
    return World(
        instances={parties.candidate: count, parties.stable: stable_count},
        weights={parties.candidate: share, parties.stable: FULL_PERCENT - share},
        bounds=limits,
        follow_ready=True,
        limited=parties.candidate,
        matches=parties.testers,
        preview=parties.candidate if parties.release.routing.preview_port else None,
        listener=parties.sticky_listener,
    )


def _batch(parties: Parties, limits: Bounds, count: int, number: int, total: int) -> Step:
    # Replicas that the release adds or takes away are the candidate's affair: stable only ever shrinks.
    stable_count = max(0, min(parties.stable_replicas, parties.replicas - count))
    world = batch_world(parties, limits, count, stable_count)
    return Step(
        name=f"{count}/{parties.replicas} replaced",
        phase=Phase.STARTING if number == 0 else Phase.PROMOTING if number == total - 1 else Phase.PROGRESSING,
        world=world,
        stage=number if 0 < world.weights[parties.candidate] < FULL_PERCENT else None,
    )
