"""A plan as text: every step as the difference to the one before, what it waits for, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from ferryman.cli.views.text import duration, plural, weight
from ferryman.model.plan import ApprovalGate, CheckGate, Gate, HoldGate, PauseGate, Plan, SettledGate, Step, VerdictGate
from ferryman.model.world import EMPTY_WORLD, FlagShare, Match, World

Label = Callable[[str | None], str]
TITLE_CELLS = 26


def plan_text(service: str, plan: Plan, before: World, label: Label) -> str:
    """The whole plan. `before` is what is wanted now, `label` gives a revision the name that people use.

    A line begins with ``+`` or ``-`` where something is added or taken away, with ``~`` where shares change.
    """
    lines = [f"{service}: {label(plan.candidate)} <- {label(plan.stable)}, {plan.strategy}, {_timing(plan)}"]
    lines += [f"  note: {note}" for note in plan.notes]
    lines += ["", f"  now  {_standing(before, label)}"]
    world = before
    for number, step in enumerate(plan.steps, 1):
        lines += ["", *_step(number, step, world, label)]
        world = step.world
    if plan.stable is not None and plan.stable != plan.candidate:
        lines += ["", f"way back, from any step ({label(plan.candidate)} is taken back):"]
        for number, step in enumerate(plan.back, 1):
            lines += _step(number, step, None, label)
    else:
        lines += ["", "way back: " + ", ".join(step.name for step in plan.back)]
    return "\n".join(lines)


def least_seconds(plan: Plan) -> float:
    """How long the steps take if every gate opens as soon as it can; people's pauses count as nothing."""
    gates = [gate for step in plan.steps for gate in step.gates]
    return sum(gate.seconds or 0.0 for gate in gates if isinstance(gate, HoldGate | PauseGate))


def _timing(plan: Plan) -> str:
    gates = [gate for step in plan.steps for gate in step.gates]
    people = sum(isinstance(g, PauseGate) and g.seconds is None for g in gates)
    people += sum(g.approval.count for g in gates if isinstance(g, ApprovalGate))
    said = f"{plural(len(plan.steps), 'step')}, at least {duration(least_seconds(plan))}"
    return said + (f" and {plural(people, 'approval')}" if people else "")


def _step(number: int, step: Step, before: World | None, label: Label) -> list[str]:
    gates = "; ".join(_gate(gate) for gate in step.gates)
    lines = [f"{number:>3}  {step.name}".ljust(TITLE_CELLS) + (f"  until {gates}" if gates else "")]
    if before is not None:
        changes = _changes(before, step.world, label)
    else:
        changes = [f"= {_standing(step.world, label)}"]
        changes += [f"  {label(revision)} stays as it is" for revision in step.world.keep]
    return [line.rstrip() for line in lines] + [f"     {change}" for change in changes]


def _changes(before: World, after: World, label: Label) -> list[str]:
    """What is different in `after`."""
    if after.keep:
        kept = ", ".join(label(revision) for revision in after.keep)
        return [*_shares(before, after, label), f"  {kept} stays as it is"]
    lines: list[str] = []
    for revision in dict.fromkeys([*after.instances, *before.instances]):
        was, now = before.instances.get(revision, 0), after.instances.get(revision, 0)
        if now != was:
            sign = "+" if now > was else "-"
            lines.append(f"{sign} {label(revision)}: {plural(was, 'instance')} -> {now}")
    lines += _flags(before, after)
    lines += _shares(before, after, label)
    lines += [f"+ {_match(match, label)}" for match in after.matches if match not in before.matches]
    lines += [f"- {_match(match, label)}" for match in before.matches if match not in after.matches]
    if after.preview != before.preview:
        port = after.listener.preview_port if after.listener else None
        lines.append(f"+ preview on port {port}: {label(after.preview)}" if after.preview else "- no preview")
    return lines or ["  no change"]


def _shares(before: World, after: World, label: Label) -> list[str]:
    if after.listener is None and after.flags:
        return []
    if after.follow_ready:
        return ["~ traffic follows what is ready"] if not before.follow_ready else []
    moved = [
        f"{label(revision)} {weight(before.weights.get(revision, 0.0))} -> {weight(after.weights.get(revision, 0.0))}"
        for revision in dict.fromkeys([*before.weights, *after.weights])
        if before.weights.get(revision, 0.0) != after.weights.get(revision, 0.0)
    ]
    return [f"~ traffic: {', '.join(moved)}"] if moved else []


def _flags(before: World, after: World) -> list[str]:
    """Whom flags are exposed to, where that changes."""
    known = {(flag.environment, flag.key): flag for flag in before.flags}
    lines: list[str] = []
    for flag in after.flags:
        was = known.get((flag.environment, flag.key))
        if was != flag:
            begins = f"{_exposed(was)} -> " if was is not None else ""
            lines.append(f"~ flag {flag.key} in {flag.environment}: {begins}{_exposed(flag)}")
    return lines


def _exposed(flag: FlagShare) -> str:
    people = [*flag.segments, *([plural(len(flag.allow), "listed key")] if flag.allow else [])]
    if people and not flag.exposure_percent:
        return " and ".join(people)
    return " and ".join([f"{flag.exposure_percent:g}% of the users", *people])


def _standing(world: World, label: Label) -> str:
    if world.flags:
        return ", ".join(f"flag {flag.key} in {flag.environment}: {_exposed(flag)}" for flag in world.flags)
    if world == EMPTY_WORLD or not (world.instances or world.weights):
        return "nothing runs"
    parts = [
        f"{label(revision)} {plural(count, 'instance')}"
        + (f" at {weight(world.weights[revision])}" if revision in world.weights else "")
        for revision, count in world.instances.items()
        if count
    ]
    return ", ".join(parts) or "no instances"


def _match(match: Match, label: Label) -> str:
    value = f"={match.value}" if match.value is not None else ""
    return f"{match.kind} {match.name}{value}: {label(match.revision)}"


def _gate(gate: Gate) -> str:
    match gate:
        case HoldGate(seconds=seconds, warm=warm):
            return f"{duration(seconds)} {'warm' if warm else 'held'}"
        case VerdictGate(max_wait_seconds=seconds):
            return f"the judge passes it (asked for {duration(seconds)} at most)"
        case PauseGate(seconds=seconds, reason=reason):
            return f"a pause of {duration(seconds)}" if seconds is not None else f"a person promotes ({reason})"
        case CheckGate(check=check):
            return f"check {check.name!r} passes"
        case ApprovalGate(approval=terms):
            people = f"{plural(terms.count, 'approval')} (role {terms.role})"
            return people + (f" within {duration(terms.timeout_seconds)}" if terms.timeout_seconds else "")
        case SettledGate():
            return "old instances are gone"
