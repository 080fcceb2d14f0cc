"""Going back to a revision that was promoted before."""

from __future__ import annotations

import msgspec

from ferryman.core.answers import Answer, aborted, created, cut_short, next_id, refused, set_aside, superseded
from ferryman.core.freezing import in_emergency, need_reason
from ferryman.core.phases import Act, Verb, act
from ferryman.core.standing import after, legal_now, standing, subject, verb_phase
from ferryman.model.errors import Refused
from ferryman.model.plan import Phase
from ferryman.model.release import Release
from ferryman.model.rollout import DRILL, Rollout, Service
from ferryman.strategies.flag import rolls_out


def undo(
    service: Service,
    *,
    actor: str,
    now: float,
    to: str | None = None,
    reason: str = "",
    with_steps: bool = False,
    force: bool = False,
    emergency: bool = False,
) -> Answer:
    """Back to the last promoted revision, or to the one labelled `to`. During a rollout that is an abort. In an
    `emergency` it never goes by steps. Raises `Refused`: ``no_target``, ``not_promoted``, ``pruned``, ``busy``,
    ``reason_needed``."""
    if not emergency:
        return _back_to(service, actor, now, to, reason, with_steps=with_steps, force=force)
    need_reason(service, reason, "an emergency")
    answer = _back_to(service, actor, now, to, reason, with_steps=False, force=force)
    return in_emergency(service, answer, actor, reason)


def _back_to(
    service: Service, actor: str, now: float, to: str | None, reason: str, *, with_steps: bool, force: bool
) -> Answer:
    current = subject(service)
    if current is None or (service.down and not service.queue):
        raise Refused("no_target", f"{service.name} has nothing to go back to", ("deploy",))
    if current.kind == DRILL and not current.phase.terminal:
        return _undo_over(service, current, to, actor, now, reason, with_steps=with_steps, force=force)
    match act(verb_phase(current), Verb.UNDO):
        case Act.ABORT if to is None:
            return aborted(service, current, reason or f"undone by {actor}", actor, now)
        case Act.ABORT:
            raise Refused(
                "busy",
                f"{current.id} is {current.phase.value}: abort it before going back to {to}",
                legal_now(service),
            )
        case Act.NOTHING:
            return Answer((), "is on its way back already", current.id)
        case Act.UNDO_TO if to is None:
            raise Refused(
                "no_target",
                f"{current.id} was rolled back: {service.label(standing(service))} serves already",
                legal_now(service),
                hint="`ferry undo --to LABEL` goes back further",
            )
        case Act.UNDO | Act.UNDO_TO:
            return _undo(service, current, to, actor, now, reason, with_steps=with_steps, force=force)
        case Act.SUPERSEDED:
            raise superseded(service, current)
        case _:
            raise refused(service, current, Verb.UNDO)


def _undo_over(
    service: Service,
    drill: Rollout,
    to: str | None,
    actor: str,
    now: float,
    reason: str,
    *,
    with_steps: bool,
    force: bool,
) -> Answer:
    """Somebody goes back in earnest while that is rehearsed: the drill gives way."""
    answer = _undo(service, drill, to, actor, now, reason, with_steps=with_steps, force=force)
    aside = set_aside(service, drill, next_id(service), actor, now)
    return msgspec.structs.replace(answer, drafts=(*answer.drafts, *aside))


def _undo(
    service: Service,
    current: Rollout,
    to: str | None,
    actor: str,
    now: float,
    reason: str,
    *,
    with_steps: bool,
    force: bool,
) -> Answer:
    warm = frozenset(service.steady.instances)
    ending = (cut_short(current, actor, now),) if current.phase is Phase.FINISHING else ()
    service = after(service, ending, now)
    target = undo_target(service, to, force=force)
    answer = undo_to(
        service, target, _release_of(service, target), actor, reason, with_steps=with_steps, warm=target in warm
    )
    return msgspec.structs.replace(answer, drafts=(*ending, *answer.drafts))


def undo_to(
    service: Service,
    revision: str,
    release: Release | None,
    actor: str,
    reason: str,
    *,
    with_steps: bool = False,
    warm: bool = False,
) -> Answer:
    """A rollout back to `revision`: without steps when it is `warm` or among the newest of the undo window.
    Raises `Refused` (``pruned``) when its release is no longer known."""
    if release is None or revision not in service.revisions:
        raise Refused("pruned", f"the release of {service.label(revision)} is no longer kept", legal_now(service))
    recent = revision in service.promoted[-(release.undo_window + 1) :]
    fast = (warm or recent) and not with_steps and not rolls_out(release, revision)
    draft = created(service, release, service.revisions[revision], actor, reason, kind="undo", full=fast)
    return Answer((draft,), f"back to {service.label(revision)}, {'fast' if fast else 'step by step'}", draft.rollout)


def undo_target(service: Service, to: str | None = None, *, force: bool = False) -> str:
    """Id of the revision that an undo goes back to. Raises `Refused`: ``no_target``, ``not_promoted``, ``pruned``."""
    serving = standing(service)
    older = tuple(r for r in service.promoted if r != serving)
    legal = legal_now(service)
    labels = ", ".join(service.label(r) for r in reversed(older)) or "none"
    if to is None:
        if not older:
            raise Refused(
                "no_target",
                f"{service.name} has no earlier promoted revision",
                legal,
                hint="deploy the version you want",
            )
        return older[-1]
    for revision in reversed(service.promoted):
        if to in (revision, service.label(revision)):
            if revision == serving:
                raise Refused("no_target", f"{to} is serving now", legal, hint=f"earlier ones: {labels}")
            return revision
    if to in service.pruned:
        raise Refused(
            "pruned", f"{to} was promoted too long ago, its content is no longer kept", legal, hint=f"kept: {labels}"
        )
    known = next((r for r in service.revisions if to in (r, service.label(r))), None)
    if known is not None and force and _release_of(service, known) is not None:
        return known
    raise Refused("not_promoted", f"{to} was never promoted", legal, hint=f"promoted before: {labels}")


def _release_of(service: Service, revision: str) -> Release | None:
    """The release a revision was promoted by, or the one that last tried to."""
    current = service.current
    tried = current.release if current is not None and current.candidate == revision else None
    return service.releases.get(revision, tried)
