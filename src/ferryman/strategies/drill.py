"""Drill: the version to go back to runs beside the running one for a while, so that the way back is known to work."""

from __future__ import annotations

import math

from msgspec.structs import replace

from ferryman.model.plan import CheckGate, Gate, HoldGate, Phase, Plan, SettledGate, Step
from ferryman.model.release import Drill
from ferryman.model.world import World
from ferryman.strategies.common import FULL_PERCENT, Parties, plan


def compile_drill(parties: Parties, drill: Drill, steady: World) -> Plan:
    """Start it beside what stands (`steady`), check it, give it its share, and go back to exactly what stands."""
    if parties.candidate == parties.stable:
        return _second_copy(parties, drill, steady)
    assert parties.stable is not None
    size = max(parties.stable_replicas, steady.bounds.min_available)
    wanted = math.ceil(size * drill.traffic_percent / FULL_PERCENT - 1e-9)
    count = max(1, wanted, steady.instances.get(parties.candidate, 0))
    beside = _with(steady, parties.candidate, count)
    beside = replace(beside, limited=parties.candidate)
    steps = _looked_at(parties, drill, beside)
    if drill.traffic_percent and parties.routed:
        share = drill.traffic_percent
        weights = {parties.candidate: share, parties.stable: FULL_PERCENT - share}
        world = replace(beside, weights=weights, listener=parties.sticky_listener)
        hold = (HoldGate(drill.hold_seconds),)
        steps.append(Step(name=f"{share:g}%", phase=Phase.PROGRESSING, world=world, gates=hold, stage=0))
    back = replace(steady, bounds=beside.bounds, limited=parties.candidate)
    return plan(parties, tuple(steps), _way_back(parties, back, beside), steady)


def _second_copy(parties: Parties, drill: Drill, steady: World) -> Plan:
    """There is nothing earlier to go back to: another instance of the same version shows that it can be started."""
    beside = _with(steady, parties.candidate, steady.instances.get(parties.candidate, 0) + 1)
    steps = _looked_at(parties, drill, beside)
    stop = Step(name="stop the copy", phase=Phase.ABORTING, world=_bounded(steady, beside), gates=(SettledGate(),))
    return plan(parties, tuple(steps), (stop,), steady)


def _with(steady: World, revision: str, count: int) -> World:
    """What stands, and so many instances of a revision, with room for them and no more: a rehearsal waits until what
    an earlier release left behind is gone."""
    instances = {**steady.instances, revision: count}
    return replace(steady, instances=instances, bounds=replace(steady.bounds, max_total=sum(instances.values())))


def _bounded(steady: World, beside: World) -> World:
    return replace(steady, bounds=beside.bounds)


def _looked_at(parties: Parties, drill: Drill, beside: World) -> list[Step]:
    steps = [Step(name="start it beside", phase=Phase.STARTING, world=beside)]
    if drill.checks:
        gates: tuple[Gate, ...] = tuple(CheckGate(check, parties.candidate) for check in drill.checks)
        steps.append(Step(name="checks", phase=Phase.PROGRESSING, world=beside, gates=gates))
    return steps


def _way_back(parties: Parties, back: World, beside: World) -> tuple[Step, ...]:
    """Users first, then the instances."""
    stop = Step(name="stop it again", phase=Phase.ABORTING, world=back, gates=(SettledGate(),))
    if not parties.routed:
        return (stop,)
    users = replace(back, instances=beside.instances)
    return (Step(name="back to stable", phase=Phase.ABORTING, world=users), stop)
