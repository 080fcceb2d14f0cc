"""Blue-green: the new version comes up whole beside the old one, is looked at, and then everybody switches at once."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.plan import CheckGate, Gate, HoldGate, PauseGate, Phase, Plan, Step
from ferryman.model.release import BlueGreen
from ferryman.model.world import World
from ferryman.strategies.common import (
    FULL_PERCENT,
    Parties,
    finishing,
    first_deploy,
    plan,
    side_by_side,
    steady,
    way_back,
)


def compile_blue_green(parties: Parties, strategy: BlueGreen) -> Plan:
    """Preview at weight 0, checks, all of green ready, one switch, bake, then the old side goes."""
    limits = side_by_side(parties, strategy.keep_old)
    back = way_back(parties, limits, warm=True, previewed=parties.candidate)
    if parties.stable is None:
        return plan(parties, first_deploy(parties, limits), back, steady(parties, limits))
    preview_count = max(1, strategy.preview_replicas.of(parties.replicas, round_up=True))
    blue = World(
        instances={parties.candidate: preview_count, parties.stable: parties.stable_replicas},
        weights={parties.stable: FULL_PERCENT} if parties.routed else {},
        bounds=limits,
        limited=parties.candidate,
        matches=parties.testers,
        preview=parties.candidate if parties.release.routing.preview_port else None,
        listener=parties.listener,
    )
    whole = replace(blue, instances={**blue.instances, parties.candidate: parties.replicas})
    green = replace(whole, weights={parties.candidate: FULL_PERCENT} if parties.routed else {}, atomic=True, matches=())
    before: list[Gate] = [CheckGate(check, parties.candidate) for check in strategy.checks_before]
    if strategy.auto_promote_after_seconds:
        before.append(HoldGate(strategy.auto_promote_after_seconds))
    if not strategy.auto_promote:
        before.append(PauseGate(reason="preview is up; promote when you like what you see"))
    steps = [
        Step(name="start green", phase=Phase.STARTING, world=blue, skippable=True),
        Step(name="preview", phase=Phase.PROGRESSING, world=blue, gates=tuple(before), skippable=True),
        Step(name="all of green ready", phase=Phase.PROMOTING, world=whole),
        Step(name="switch", phase=Phase.PROMOTING, world=green),
    ]
    after: tuple[Gate, ...] = tuple(CheckGate(check, parties.candidate) for check in strategy.checks_after)
    if strategy.bake_seconds or after:
        gates = (*after, HoldGate(strategy.bake_seconds))
        steps.append(Step(name="bake", phase=Phase.BAKING, world=green, gates=gates, skippable=True))
    tail, rest = finishing(parties, green, strategy.scale_down_delay_seconds, strategy.keep_old)
    return plan(parties, (*steps, *tail), back, rest)
