"""The same content deployed again while it is on its way: other replicas or gates ahead take effect where it stands."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.core.answers import Answer
from ferryman.core.standing import legal_now, standing_replicas
from ferryman.core.walls import REFUSALS, grows, wall
from ferryman.model.errors import Refused
from ferryman.model.event import Draft, PlanChanged
from ferryman.model.plan import Plan
from ferryman.model.release import Release
from ferryman.model.rollout import Rollout, Service
from ferryman.strategies.compile import compile_plan


def change_in_place(service: Service, current: Rollout, release: Release, actor: str, now: float) -> Answer:
    """Raises `Refused`: ``step_passed`` when a step behind would change, ``frozen`` or ``window_closed`` when more users
    would meet it while a wall stands, ``bounds_deadlock``."""
    if release == current.release:
        return Answer((), f"unchanged, {current.id} is {current.phase.value}", current.id)
    plan = compile_plan(
        release,
        current.candidate,
        current.stable,
        stable_replicas=standing_replicas(service),
        sticky_id=current.id,
    )
    step = _place(current, plan)
    if step is None:
        raise Refused(
            "step_passed",
            f"the release changes steps that {current.id} has already passed (it is at {current.current.name!r})",
            legal_now(service),
            hint="change later steps only, or abort first",
        )
    shut = wall(service, replace(current, release=release), now)
    if shut is not None and current.entered_at is not None and grows(current, plan, step):
        message = f"more users would meet {service.label(current.candidate)} at once: {shut.reason}"
        raise Refused(
            REFUSALS[shut.kind], message, legal_now(service), hint="change it then, or leave this step as it is"
        )
    return Answer((Draft(current.id, PlanChanged(release, plan, step=step), actor),), "changed in place", current.id)


def _place(current: Rollout, plan: Plan) -> int | None:
    """The step of the new plan at which the rollout stands; None when the way so far is another one."""
    if current.candidate == current.stable:
        return 0
    if plan.strategy != current.plan.strategy:
        return None
    old, new = _names(current.plan), _names(plan)
    passed = current.step + 1
    if old[:passed] == new[:passed]:
        return current.step
    if plan.strategy != "rolling":
        return None
    if current.current.name in new:
        return new.index(current.current.name)
    # Another number of replicas means other batches: stay where no more of stable is left than was asked already.
    left = current.current.world.instances.get(plan.stable or "", 0)
    return next(n for n, s in enumerate(plan.steps) if s.world.instances.get(plan.stable or "", 0) <= left)


def _names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]
