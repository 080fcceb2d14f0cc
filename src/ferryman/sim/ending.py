"""How a story ends: a patient person looks after what waits, and what is left is compared with what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ferryman.core.phases import Verb
from ferryman.core.standing import subject
from ferryman.model.event import Noted
from ferryman.model.plan import ApprovalGate, HoldGate, PauseGate, Phase, VerdictGate
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import InstanceState
from ferryman.sim.flagboard import NOBODY
from ferryman.sim.fleet import Nature
from ferryman.sim.kernel import EPOCH
from ferryman.sim.world import World

LOOK_SECONDS = 3.0
STUCK_SECONDS = 90.0
# A window of a simulation is shut, and a freeze lasts, no longer than this.
WALL_SECONDS = 60.0
HELP = (Verb.RESUME, Verb.PROMOTE, Verb.FULL, Verb.ABORT)


@dataclass
class PatientPerson:
    """Resumes what waits for a person, then promotes it, then promotes it in full, then gives it up. What the release
    says to leave to a person for good is given up when nothing happened for a while."""

    world: World
    ask: Callable[[str], None]
    _tries: int = 0
    _events: int = 0
    _moved_at: float = EPOCH

    def look(self) -> None:
        """Every few seconds."""
        log, now = self.world.log, self.world.kernel.now
        events = sum(not isinstance(event.body, Noted) for event in log.events)
        if events != self._events:
            self._events, self._moved_at = events, now
        rollout = subject(log.snapshot)
        if log.snapshot.freeze is not None and log.snapshot.freeze.until is None:
            self.ask("unfreeze")
        if rollout is not None and rollout.pause is not None and rollout.pause.until is None:
            self.ask(HELP[min(self._tries, len(HELP) - 1)].value)
            self._tries += 1
        elif rollout is not None and waits_for_good(rollout) and now - self._moved_at > STUCK_SECONDS:
            self.ask("abort")
        self.world.kernel.after(LOOK_SECONDS, self.look)


def ended(service: Service) -> bool:
    """Nothing runs or waits."""
    return not service.queue and (service.current is None or service.current.phase.terminal)


def waits_for_good(rollout: Rollout) -> bool:
    """The release says that nothing but a person ends this wait."""
    return rollout.release.deadlines.on_deadline == "report" or rollout.release.analysis.on_insufficient == "hold"


def longest_left(service: Service) -> float:
    """The longest (seconds) that everything that runs or waits can take when nothing goes wrong outside."""
    waiting = [*service.queue, *([service.current] if service.current else [])]
    return sum(_longest(rollout) for rollout in waiting if not rollout.phase.terminal)


def _longest(rollout: Rollout) -> float:
    deadline = rollout.release.deadlines.progress_seconds
    total = 0.0
    for step in (*rollout.plan.steps, *rollout.plan.back):
        total += WALL_SECONDS + deadline + STUCK_SECONDS * waits_for_good(rollout)
        for gate in step.gates:
            match gate:
                case HoldGate():
                    total += gate.seconds
                case VerdictGate():
                    total += gate.max_wait_seconds
                case PauseGate():
                    total += gate.seconds or 0.0
                case ApprovalGate(approval=terms):
                    total += terms.timeout_seconds or 0.0
                case _:
                    pass
    return (total + LOOK_SECONDS) * len(HELP)


def left_over(world: World) -> str:
    """What differs from what is wanted once nothing moves any more; "" when nothing does."""
    service, fleet = world.log.snapshot, world.fleet
    rollout = service.current
    taken_back = rollout is not None and rollout.phase in (Phase.ROLLED_BACK, Phase.FAILED) and rollout.entered_at
    if world.flags.begun and rollout is not None and taken_back and world.flags.share != NOBODY:
        return f"{world.flags.share} is served, and {rollout.id} is {rollout.phase.value}"
    wanted = {} if service.down else service.steady.instances
    natures = [fleet.natures.get(revision, Nature()) for revision in wanted]
    stuck = any(body.state is InstanceState.STARTING for body in fleet.bodies.values())
    if stuck or any(nature.never_ready or nature.crashes for nature in natures):
        return ""  # what never comes up is waited for
    for revision in sorted({*wanted, *(body.revision for body in fleet.bodies.values())}):
        live = sum(body.live for body in fleet.bodies.values() if body.revision == revision)
        if live > wanted.get(revision, 0):
            return f"{live} instances of {revision} live, {wanted.get(revision, 0)} are wanted"
    weights = {} if service.down else service.steady.weights
    served = world.plane.seen.weights
    if service.steady.listener is not None and fleet.bodies and served != weights:
        ready = all(fleet.of(revision, InstanceState.READY) for revision in weights)
        return f"{served} is served, {weights} is wanted" if ready else ""
    return ""
