"""Items of the checklist that a release requires while users meet the new version: asked at the end of each such step."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.checklist import QUESTIONS
from ferryman.model.plan import CheckGate, Phase, Plan, Step
from ferryman.model.release import Check


def with_required(plan: Plan, items: tuple[str, ...]) -> Plan:
    """The plan with a gate for every item of those of during."""
    names = [name for name in items if QUESTIONS[name][0] == "during"]
    if not names:
        return plan
    gates = tuple(CheckGate(Check(name=name, checklist=name), plan.candidate) for name in names)
    steps = tuple(replace(s, gates=(*s.gates, *gates)) if _met(s, plan.candidate) else s for s in plan.steps)
    return replace(plan, steps=steps)


def _met(step: Step, candidate: str) -> bool:
    exposed = step.world.listener is None or step.world.weights.get(candidate, 0.0) > 0
    return exposed and step.phase in (Phase.PROGRESSING, Phase.BAKING)
