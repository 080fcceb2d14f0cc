"""Approvals that a release asks for whatever its strategy: before the first user meets the candidate, before all do."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.plan import ApprovalGate, Phase, Plan, Step
from ferryman.model.release import Approval, Approvals
from ferryman.model.world import World, let_in, share_percent, unexposed
from ferryman.strategies.common import FULL_PERCENT


def with_approvals(plan: Plan, wanted: Approvals, stable_replicas: int) -> Plan:
    """The plan with a gate on the last step before the candidate's share leaves zero, and on the last before it is all.
    Where the first step does that already, a step before it changes nothing and waits."""
    if plan.candidate == plan.stable:
        return plan
    if wanted.start is not None:
        plan = _asked_before(plan, wanted.start, 0.0, stable_replicas)
    if wanted.promotion is not None:
        plan = _asked_before(plan, wanted.promotion, FULL_PERCENT, stable_replicas)
    return plan


def _asked_before(plan: Plan, terms: Approval, percent: float, stable_replicas: int) -> Plan:
    shares = [share_percent(step.world, plan.candidate) for step in plan.steps]
    met = [share > 0 or bool(let_in(step.world)) for share, step in zip(shares, plan.steps, strict=True)]
    number = next((n for n, share in enumerate(shares) if share >= percent and met[n]), None)
    if number is None:
        return plan
    steps = list(plan.steps)
    if number == 0:
        steps.insert(0, Step(name="as it is", phase=Phase.PROGRESSING, world=_before(plan, stable_replicas)))
        number = 1
    step = steps[number - 1]
    steps[number - 1] = replace(step, gates=(*step.gates, ApprovalGate(terms)))
    return replace(plan, steps=tuple(steps))


def _before(plan: Plan, stable_replicas: int) -> World:
    """Stable alone, as it stands, within the bounds that the first step has; a larger stable keeps its size meanwhile."""
    world = plan.steps[0].world
    room = max(world.bounds.max_total, stable_replicas)
    stable = plan.stable
    return replace(
        world,
        instances={stable: stable_replicas, plan.candidate: 0} if stable else {},
        weights={stable: FULL_PERCENT} if stable and world.weights else {},
        bounds=replace(world.bounds, max_total=room),
        follow_ready=False,
        limited=plan.candidate,
        matches=(),
        preview=None,
        flags=unexposed(world.flags),
    )
