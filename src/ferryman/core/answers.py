"""Answers to verbs, and the events that several verbs lead to."""

from __future__ import annotations

import msgspec

from ferryman.core.phases import REFUSAL, Act, Verb, act
from ferryman.core.standing import legal_now, standing, standing_replicas, waits
from ferryman.model.errors import Refused
from ferryman.model.event import BackOrdered, Draft, RolloutCreated, RolloutEnded
from ferryman.model.plan import Phase
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import Cause, Rollout, Service
from ferryman.strategies.compile import compile_plan
from ferryman.strategies.flag import rolls_out, unexposed_revision


class Answer(msgspec.Struct, frozen=True):
    """What a verb leads to: events (none when nothing changes) and a line for the person. `rollout` is the one to watch.
    `held` is what keeps it waiting all the same, and `until` when that ends by itself (epoch seconds)."""

    drafts: tuple[Draft, ...]
    text: str
    rollout: str | None
    held: str = ""
    until: float | None = None


def refused(service: Service, current: Rollout, verb: Verb) -> Refused:
    """The verb's own refusal."""
    return Refused(
        REFUSAL[verb], f"cannot {verb.value}: {current.id} is {current.phase.value}", _but(legal_now(service), verb)
    )


def _but(verbs: tuple[str, ...], verb: Verb) -> tuple[str, ...]:
    return tuple(v for v in verbs if v != verb.value)


def superseded(service: Service, current: Rollout) -> Refused:
    """The refusal of every verb but deploy on a rollout that another one replaced."""
    return Refused(
        "superseded_by", f"{current.id} was superseded by {current.superseded_by or 'a stop'}", legal_now(service)
    )


def next_id(service: Service) -> str:
    """Id of the rollout that would be created now."""
    return f"{service.name}-{service.rollouts + 1}"


def created(
    service: Service, release: Release, revision: Revision, actor: str, reason: str, *, kind: str, full: bool = False
) -> Draft:
    """A new rollout, planned against what stands now."""
    rollout = next_id(service)
    plan = compile_plan(
        release,
        revision.id,
        standing(service),
        stable_replicas=standing_replicas(service),
        sticky_id=rollout,
        standing=service.steady,
    )
    body = RolloutCreated(
        number=service.rollouts + 1,
        kind=kind,
        release=release,
        revision=revision,
        plan=plan,
        full=full,
        reason=reason,
        baseline=_baseline(service, release, revision),
    )
    return Draft(rollout, body, actor)


def _baseline(service: Service, release: Release, revision: Revision) -> Revision | None:
    first = not service.promoted and rolls_out(release, revision.id)
    return unexposed_revision(revision) if first else None


def back_ordered(rollout: Rollout, kind: str, reason: str, actor: str, now: float) -> Draft:
    """The way back begins."""
    return Draft(rollout.id, BackOrdered(Cause(kind, reason, now, actor)), actor)


def aborted(service: Service, rollout: Rollout, reason: str, actor: str, now: float) -> Answer:
    """Abort: the way back, or the end at once for a rollout that has not begun."""
    if waits(service, rollout):
        ended = Draft(rollout.id, RolloutEnded(Phase.ROLLED_BACK, reason, 0.0), actor)
        return Answer((ended,), f"{rollout.id} is taken back before it began", rollout.id)
    who = f"{service.label(rollout.stable)} takes 100%" if rollout.stable else "nothing ran before"
    return Answer((back_ordered(rollout, "abort", reason, actor, now),), f"aborting, {who}", rollout.id)


def cut_short(rollout: Rollout, actor: str, now: float) -> Draft:
    """A finishing rollout is promoted already; only its old side waits. What comes next takes it over as it is."""
    seconds = max(0.0, now - (rollout.started_at or now))
    return Draft(rollout.id, RolloutEnded(Phase.PROMOTED, "all steps passed", seconds), actor)


def set_aside(service: Service, drill: Rollout, by: str, actor: str, now: float) -> tuple[Draft, ...]:
    """A drill (and whatever waits behind it) gives way to the rollout `by`."""
    dropped = fallen(service, f"superseded by {by}", actor)
    if waits(service, drill) or act(drill.phase, Verb.DEPLOY) is not Act.SUPERSEDE:
        return dropped
    cause = Cause("supersede", f"superseded by {by}", now, actor)
    return (*dropped, Draft(drill.id, BackOrdered(cause, by), actor))


def fallen(service: Service, reason: str, actor: str) -> tuple[Draft, ...]:
    """The end of everything that waits."""
    return tuple(Draft(q.id, RolloutEnded(Phase.SUPERSEDED, reason, 0.0), actor) for q in service.queue)
