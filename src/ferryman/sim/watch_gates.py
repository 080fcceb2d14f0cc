"""Freezes, windows and approvals as the log itself tells them. Nothing here asks the code that it checks."""

from __future__ import annotations

import math

from ferryman.model.calendar import Window
from ferryman.model.event import Approved, Event, Frozen, StepEntered, Unfrozen
from ferryman.model.plan import ApprovalGate
from ferryman.model.release import Recreate, Release
from ferryman.model.rollout import DRILL, Rollout
from ferryman.model.world import World

DAY_MINUTES = 1440
SLACK = 1e-6


class GatesTold:
    """What people said so far."""

    def __init__(self) -> None:
        self.frozen_until = -math.inf
        self.agreed: dict[str, set[str]] = {}

    def told(self, event: Event) -> None:
        """One more event."""
        match event.body:
            case Frozen(until=until):
                self.frozen_until = math.inf if until is None else until
            case Unfrozen():
                self.frozen_until = -math.inf
            case Approved(key=key):
                self.agreed.setdefault(key, set()).add(event.actor)
            case _:
                pass

    def let_in(self, rollout: Rollout, event: Event, body: StepEntered) -> str:
        """What was wrong with letting more users in by this event; "" when nothing was."""
        exempt = rollout.emergency or rollout.kind in ("undo", DRILL) or rollout.candidate == rollout.stable
        before, after = _before(rollout), _share(rollout.plan.steps[body.step].world, rollout.candidate)
        if exempt or not self.grows(rollout, body):
            return ""
        if event.at < self.frozen_until:
            return f"{rollout.id} let more in by {body.name!r} ({before:g}% to {after:g}%) in a freeze"
        spans, minute = _spans(rollout.release), event.at / 60 % DAY_MINUTES
        if spans and not any(_holds(w.from_minute, w.to_minute, minute) for w in spans):
            return f"{rollout.id} let more in by {body.name!r} ({before:g}% to {after:g}%) outside its windows"
        return ""

    @staticmethod
    def grows(rollout: Rollout, body: StepEntered) -> bool:
        """Whether more users meet the candidate at that step: by its share, or as people whom a flag lets in."""
        world = rollout.plan.steps[body.step].world
        more = _share(world, rollout.candidate) > _before(rollout) + SLACK
        known = _people(rollout.current.world) if rollout.entered_at is not None else set[str]()
        return more or bool(_people(world) - known)

    def lacking(self, rollout: Rollout) -> str:
        """What the present step lacks of the approvals that it asks for."""
        for number, gate in enumerate(rollout.current.gates):
            if isinstance(gate, ApprovalGate):
                key = f"{rollout.id}/{rollout.attempt}/{rollout.step}/{number}"
                people = self.agreed.get(key, set())
                if len(people) < gate.approval.count:
                    return f"{len(people)} of {gate.approval.count} people had agreed"
        return ""


def _spans(release: Release) -> tuple[Window, ...]:
    if release.windows is None:
        return ()
    at_risk = release.risk == "high" or isinstance(release.strategy, Recreate)
    return release.windows.off_hours if at_risk and release.windows.off_hours else release.windows.open


def _share(world: World, candidate: str) -> float:
    if world.listener is None and not world.weights:
        total = sum(world.instances.values())
        return 100.0 * world.instances.get(candidate, 0) / total if total else 0.0
    return world.weights.get(candidate, 0.0)


def _before(rollout: Rollout) -> float:
    return 0.0 if rollout.entered_at is None else _share(rollout.current.world, rollout.candidate)


def _people(world: World) -> set[str]:
    """Segments and keys, told apart by what stands in front."""
    found = {f"segment {name}" for flag in world.flags for name in flag.segments}
    return found | {f"key {name}" for flag in world.flags for name in flag.allow}


def _holds(start: int, end: int, minute: float) -> bool:
    """Windows of a simulation are of every day."""
    return start <= minute < end if start < end else minute >= start or minute < end
