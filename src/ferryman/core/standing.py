"""What a service stands on, and which of its rollouts people speak of."""

from __future__ import annotations

from ferryman.core.approvals import awaited, pending
from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb, legal
from ferryman.core.walls import WALLS
from ferryman.model.event import Draft, Event
from ferryman.model.plan import Phase
from ferryman.model.rollout import DRILL, Rollout, Service


def standing(service: Service) -> str | None:
    """Id of the revision that serves while no rollout runs; None before the first promotion and once the service was
    taken down: what was promoted before that can be deployed again, but it does not run."""
    stable = service.stable
    return stable if not service.down and stable in service.steady.instances else None


def standing_replicas(service: Service) -> int:
    """How many instances of it are wanted; 0 when nothing stands."""
    return service.steady.instances.get(standing(service) or "", 0)


def subject(service: Service) -> Rollout | None:
    """The rollout that verbs are about: the running one, else the next in the queue, else the last that ended."""
    current = service.current
    if current is not None and not current.phase.terminal:
        return current
    return service.queue[0] if service.queue else current


def waits(service: Service, rollout: Rollout) -> bool:
    """True for a rollout that has not begun."""
    return any(q.id == rollout.id for q in service.queue)


def legal_now(service: Service) -> tuple[str, ...]:
    """The verbs that would not be refused for the phase the service is in."""
    about = subject(service)
    if service.down and not service.queue:
        return ("deploy",)
    if about is None:
        return legal(None)
    found = legal(verb_phase(about))
    if about.release.of_flag:
        found = tuple(v for v in found if v not in NOT_OF_A_FLAG)
    if about.kind == DRILL:
        return tuple(v for v in found if v not in NOT_OF_A_DRILL)
    if not ours_to_resume(about):
        found = tuple(verb for verb in found if verb not in ("promote", "resume"))
    return found if pending(about) is None else (*found, "approve", "deny")


def ours_to_resume(rollout: Rollout) -> bool:
    """Whether one person's `promote` or `resume` would end its pause: not where people must agree, or a wall stands."""
    return not awaited(rollout) and not (rollout.pause is not None and rollout.pause.kind in WALLS)


NOT_OF_A_DRILL = frozenset({Verb.PROMOTE.value, Verb.FULL.value})
"""A drill promotes nothing."""


NOT_OF_A_FLAG = frozenset({Verb.RESTART.value, "drill"})
"""The rollout of a flag runs nothing that could be restarted or rehearsed."""


def verb_phase(rollout: Rollout) -> Phase:
    """The phase by which verbs go: a drill that ended has left everything as it was, with a promoted version serving."""
    over = rollout.kind == DRILL and rollout.phase in (Phase.ROLLED_BACK, Phase.SUPERSEDED)
    return Phase.PROMOTED if over else rollout.phase


def after(service: Service, drafts: tuple[Draft, ...], now: float) -> Service:
    """The service once these were appended."""
    for draft in drafts:
        service = evolve(service, Event(service.name, service.seq + 1, draft.rollout, now, draft.actor, draft.body))
    return service
