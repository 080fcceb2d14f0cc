"""A release arrives: what it means depends on what runs, what stands and what was promoted before."""

from __future__ import annotations

from typing import cast

import msgspec

from ferryman.core.answers import Answer, aborted, created, cut_short, fallen, next_id, set_aside
from ferryman.core.freezing import in_emergency, need_reason
from ferryman.core.inplace import change_in_place
from ferryman.core.phases import Act, Verb, act
from ferryman.core.standing import after, legal_now, standing, standing_replicas, subject, waits
from ferryman.core.undoing import undo_to
from ferryman.model.errors import Refused
from ferryman.model.event import BackOrdered, Draft, RolloutCreated
from ferryman.model.plan import Phase, Plan
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import DRILL, Cause, Rollout, Service
from ferryman.strategies.compile import compile_plan
from ferryman.strategies.flag import rolls_out


def deploy(
    service: Service,
    release: Release,
    revision: Revision,
    *,
    actor: str,
    now: float,
    base: str | None = None,
    reason: str = "",
    emergency: bool = False,
) -> Answer:
    """Carry the service to `revision` by `release`. `base` is the id of the running rollout that the caller saw ("" for
    none); None does not care. In an `emergency` it goes in full, and neither windows nor a freeze hold it. Raises `Refused`:
    ``stale_base``, ``other_kind``, ``rejected``, ``step_passed``, ``bounds_deadlock``, ``reason_needed``."""
    if emergency:
        need_reason(service, reason, "an emergency")
    _check_kind(service, release)
    answer = _deploy(service, release, revision, actor, now, base, reason)
    return in_emergency(service, answer, actor, reason) if emergency else answer


def _check_kind(service: Service, release: Release) -> None:
    """A flag is rolled out under a name of its own: on its worlds no instance is left."""
    current = (service.current, *service.queue)
    known = [*service.releases.values(), *(rollout.release for rollout in current if rollout is not None)]
    flag = release.of_flag
    if all(other.of_flag == flag for other in known):
        return
    what = "runs instances" if flag else "is the rollout of a flag"
    hint = "name it after the flag" if flag else "the code is released under another name"
    raise Refused(
        "other_kind", f"{service.name} {what}: {'a flag' if flag else 'code'} cannot be released by that name", (), hint
    )


def _deploy(
    service: Service, release: Release, revision: Revision, actor: str, now: float, base: str | None, reason: str
) -> Answer:
    current = subject(service)
    busy = current is not None and not current.phase.terminal
    holder = current.id if current is not None and busy else ""
    if base is not None and base != holder:
        who = f"{holder}, begun by {current.created_by}" if current and holder else "nothing"
        raise Refused(
            "stale_base",
            f"another release came first: {who} is running now",
            legal_now(service),
            hint="look at `ferry status`, then deploy again",
        )
    if current is None or not busy:
        return _deploy_idle(service, release, revision, actor, reason)
    if current.kind == DRILL:
        return _deploy_over_drill(service, current, release, revision, actor, now, reason)
    if waits(service, current) or current.phase is Phase.FINISHING:
        return _deploy_instead(service, current, release, revision, actor, now, reason)
    return _deploy_over(service, current, release, revision, actor, now, reason)


def preview(service: Service, release: Release, revision: Revision) -> Plan:
    """The plan that a deploy of this release would follow now, without doing it. Raises `Refused` (``bounds_deadlock``)."""
    return compile_plan(release, revision.id, standing(service), stable_replicas=standing_replicas(service))


def _deploy_instead(
    service: Service, current: Rollout, release: Release, revision: Revision, actor: str, now: float, reason: str
) -> Answer:
    """The rollout at hand has not begun, or has only its old side to end: it gives way at once."""
    if revision.id == current.candidate and release == current.release:
        return Answer((), f"unchanged, {current.id} is {current.phase.value}", current.id)
    waiting = waits(service, current)
    if waiting:
        ending = fallen(service, f"superseded by {next_id(service)}", actor)
    else:
        ending = (*fallen(service, f"superseded by {next_id(service)}", actor), cut_short(current, actor, now))
    warm = not waiting and revision.id == current.stable
    answer = _deploy_idle(after(service, ending, now), release, revision, actor, reason, warm=warm)
    return msgspec.structs.replace(answer, drafts=(*ending, *answer.drafts))


def _deploy_over_drill(
    service: Service, drill: Rollout, release: Release, revision: Revision, actor: str, now: float, reason: str
) -> Answer:
    """A rehearsal gives way to the real thing, unless that changes nothing."""
    last = service.queue[-1] if service.queue else drill
    if (last.candidate, last.release) == (revision.id, release):
        return Answer((), f"unchanged, {last.id} waits for {drill.id} to end", last.id)
    answer = _deploy_idle(service, release, revision, actor, reason)
    if not answer.drafts:
        others = tuple(d for d in fallen(service, "what serves was deployed again", actor) if d.rollout != drill.id)
        return msgspec.structs.replace(answer, drafts=others)
    aside = set_aside(service, drill, next_id(service), actor, now)
    return msgspec.structs.replace(answer, drafts=(*answer.drafts, *aside))


def _deploy_over(
    service: Service, current: Rollout, release: Release, revision: Revision, actor: str, now: float, reason: str
) -> Answer:
    """A release arrives while another one runs."""
    again = revision.id == current.candidate
    if again and current.cause is None:
        return change_in_place(service, current, release, actor, now)
    if again and current.blamed and current.cause is not None:
        raise _rejected(service, current.candidate, current.cause.reason)
    supersedes = act(current.phase, Verb.DEPLOY) is Act.SUPERSEDE
    dropped = fallen(service, f"superseded by {next_id(service)}", actor)
    if revision.id == current.stable and supersedes:
        why = f"the release before, {service.label(current.stable)}, was deployed"
        answer = aborted(service, current, why, actor, now)
        return msgspec.structs.replace(answer, drafts=(*fallen(service, why, actor), *answer.drafts))
    if revision.id == current.stable and service.releases.get(revision.id) == release:
        return Answer(dropped, f"unchanged, {current.id} is on its way back to it already", current.id)
    if service.queue and (service.queue[-1].candidate, service.queue[-1].release) == (revision.id, release):
        return Answer((), f"unchanged, {service.queue[-1].id} waits for {current.id} to end", service.queue[-1].id)
    draft = _created_over(service, release, revision, actor, reason)
    if supersedes:
        body = msgspec.structs.replace(cast("RolloutCreated", draft.body), supersedes=current.id)
        draft = msgspec.structs.replace(draft, body=body)
        cause = Cause("supersede", f"superseded by {draft.rollout}", now, actor)
        over = Draft(current.id, BackOrdered(cause, draft.rollout), actor)
        return Answer((*dropped, draft, over), f"supersedes {service.label(current.candidate)}", draft.rollout)
    return Answer((*dropped, draft), f"starts when {current.id} has ended", draft.rollout)


def _created_over(service: Service, release: Release, revision: Revision, actor: str, reason: str) -> Draft:
    """An older promoted revision is gone back to, quickly; anything else is new."""
    if _goes_back(service, release, revision) and revision.id != standing(service):
        return undo_to(service, revision.id, release, actor, reason).drafts[0]
    return created(service, release, revision, actor, reason, kind="deploy")


def _deploy_idle(
    service: Service, release: Release, revision: Revision, actor: str, reason: str, *, warm: bool = False
) -> Answer:
    """Nothing runs that could be in the way. `warm`: instances of the revision are still ready."""
    current = service.current
    serving = standing(service)
    if revision.id == serving:
        if service.releases.get(revision.id) == release:
            return Answer((), f"unchanged, {service.label(revision.id)} is serving", current.id if current else None)
        return _begins(created(service, release, revision, actor, reason, kind="settings"))
    if current is not None and not service.down and _taken_back(current, revision.id):
        raise _rejected(service, revision.id, current.reason)
    if serving is not None and _goes_back(service, release, revision):
        return undo_to(
            service, revision.id, release, actor, reason, warm=warm or revision.id in service.steady.instances
        )
    return _begins(created(service, release, revision, actor, reason, kind="deploy"))


def _goes_back(service: Service, release: Release, revision: Revision) -> bool:
    """Whether it was promoted before and is gone back to. A flag always grows anew: what it shows may have changed."""
    return revision.id in service.promoted and not rolls_out(release, revision.id)


def _begins(draft: Draft) -> Answer:
    return Answer((draft,), f"starts as {draft.rollout}", draft.rollout)


def _taken_back(current: Rollout, revision: str) -> bool:
    return current.phase is Phase.ROLLED_BACK and current.candidate == revision and current.blamed


def _rejected(service: Service, revision: str, why: str) -> Refused:
    return Refused(
        "rejected",
        f"{service.label(revision)} was taken back: {why}",
        legal_now(service),
        hint="`ferry retry` tries the very same content again; or change it",
    )
