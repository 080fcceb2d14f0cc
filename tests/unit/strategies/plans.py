"""A plan in words, for golden texts."""

from __future__ import annotations

from ferryman.model.plan import ApprovalGate, CheckGate, Gate, HoldGate, PauseGate, Plan, SettledGate, Step, VerdictGate
from ferryman.model.world import FlagShare, World


def told(plan: Plan) -> str:
    """Every step of the way forward and back, each world with what it changes for users."""
    lines = [f"{plan.strategy}: {plan.stable or 'nothing'} -> {plan.candidate}, {plan.replicas} replicas"]
    for title, steps in (("forward", plan.steps), ("back", plan.back)):
        lines.append(title)
        lines += [line for number, step in enumerate(steps, 1) for line in _step(number, step)]
    lines += ["steady", f"       {_world(plan.steady)}"]
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(lines) + "\n"


def _step(number: int, step: Step) -> list[str]:
    stage = "" if step.stage is None else f", stage {step.stage}"
    skippable = "" if step.skippable else ", never skipped"
    lines = [f"  {number:2}  {step.name} ({step.phase.value}{stage}{skippable})", f"       {_world(step.world)}"]
    return lines + [f"       until {_gate(g)}" for g in step.gates]


def _world(world: World) -> str:
    counts = " ".join(f"{r}={n}" for r, n in sorted(world.instances.items())) or "nothing"
    shares = " ".join(f"{r}={w:g}%" for r, w in sorted(world.weights.items()))
    bounds = f"{world.bounds.min_available}..{world.bounds.max_total}"
    more = [
        "users follow what is ready" if world.follow_ready else "",
        "all or nothing" if world.atomic else "",
        f"keeps {' '.join(world.keep)}" if world.keep else "",
        f"preview {world.preview}" if world.preview else "",
        *(f"{m.kind} {m.name}={m.value} to {m.revision}" for m in world.matches),
        *(f"flag {f.key} in {f.environment} {f.exposure_percent:g}%{_people(f)}" for f in world.flags),
        f"sticky by {world.listener.sticky_key}" if world.listener and world.listener.sticky_key else "",
    ]
    return "; ".join(t for t in (f"{counts} within {bounds}", shares, *more) if t)


def _people(share: FlagShare) -> str:
    people = [*share.segments, *share.allow]
    return f" and {', '.join(people)}" if people else ""


def _gate(gate: Gate) -> str:
    match gate:
        case HoldGate(seconds=seconds, warm=warm):
            return f"{seconds:g} s have passed" + (" (only if users met the candidate)" if warm else "")
        case VerdictGate():
            return f"the judge passes, at most {gate.max_wait_seconds:g} s"
        case PauseGate(seconds=seconds):
            return "a person goes on" if seconds is None else f"a pause of {seconds:g} s is over"
        case CheckGate():
            return f"check {gate.check.name!r} passes on {gate.revision}"
        case ApprovalGate(approval=terms):
            return f"{terms.count} of role {terms.role} agree"
        case SettledGate():
            return "no other instance is left"
