"""What people ask for: each verb turns into events, or into a refusal that names what is legal."""

from __future__ import annotations

import msgspec

from ferryman.core.phases import REFUSAL, Act, Verb, act, legal
from ferryman.model.errors import Refused
from ferryman.model.event import (
    BackOrdered,
    Body,
    Draft,
    Paused,
    PlanChanged,
    PromotedInFull,
    RestartOrdered,
    Resumed,
    Retried,
    RolloutCreated,
    RolloutEnded,
    ServiceDown,
    Skipped,
)
from ferryman.model.plan import Phase, Plan
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import Cause, Rollout, Service
from ferryman.strategies.compile import compile_plan


class Answer(msgspec.Struct, frozen=True):
    """What a verb leads to: events (none when nothing changes) and a line for the person. `rollout` is the one to watch."""

    drafts: tuple[Draft, ...]
    text: str
    rollout: str | None


def deploy(
    service: Service,
    release: Release,
    revision: Revision,
    *,
    actor: str,
    now: float,
    base: str | None = None,
    reason: str = "",
) -> Answer:
    """Carry the service to `revision` by `release`. `base` is the id of the running rollout that the caller saw ("" for
    none); None does not care. Raises `Refused`: ``stale_base``, ``rejected``, ``bounds_deadlock``."""
    current = service.current
    busy = current is not None and not current.phase.terminal and not service.down
    holder = current.id if current is not None and busy else ""
    if base is not None and base != holder:
        who = f"{holder}, begun by {current.created_by}" if current and holder else "nothing"
        raise Refused(
            "stale_base",
            f"another release came first: {who} is running now",
            hint="look at `ferry status`, then deploy again",
        )
    if current is not None and busy:
        return _deploy_over(service, current, release, revision, actor, now, reason)
    return _deploy_idle(service, release, revision, actor, reason)


def _deploy_over(
    service: Service, current: Rollout, release: Release, revision: Revision, actor: str, now: float, reason: str
) -> Answer:
    """A release arrives while another one runs."""
    if revision.id == current.candidate and current.cause is None:
        return _change_in_place(service, current, release, actor)
    doing = act(current.phase, Verb.DEPLOY)
    if revision.id == service.stable and doing is Act.SUPERSEDE:
        drafts = (
            _back(current, "abort", f"the release before, {service.label(service.stable)}, was deployed", actor, now),
        )
        return Answer(drafts, f"aborting, {service.label(service.stable)} takes 100%", current.id)
    if current.phase is Phase.FINISHING and revision.id in service.promoted:
        answer = _undo_to(service, revision.id, release, actor, reason, with_steps=False)
        return msgspec.structs.replace(answer, drafts=(_cut_short(current, actor, now), *answer.drafts))
    created = _create(service, release, revision, actor, reason, kind="deploy")
    fallen = tuple(
        Draft(q.id, RolloutEnded(Phase.SUPERSEDED, f"superseded by {created.rollout}", 0.0), actor)
        for q in service.queue
    )
    if doing is Act.SUPERSEDE:
        over = BackOrdered(Cause("supersede", f"superseded by {created.rollout}", now, actor), created.rollout)
        drafts = (*fallen, created, Draft(current.id, over, actor))
        return Answer(drafts, f"supersedes {service.label(current.candidate)}", created.rollout)
    ending = () if current.phase is not Phase.FINISHING else (_cut_short(current, actor, now),)
    return Answer((*fallen, created, *ending), f"starts when {current.id} has ended", created.rollout)


def _change_in_place(service: Service, current: Rollout, release: Release, actor: str) -> Answer:
    """The same content again: other replicas or gates ahead take effect where the rollout stands."""
    if release == current.release:
        return Answer((), f"unchanged, {current.id} is {current.phase.value}", current.id)
    plan = compile_plan(
        release,
        current.candidate,
        current.stable,
        stable_replicas=_stable_replicas(service),
        sticky_id=current.id,
    )
    if [s.name for s in plan.steps[: current.step + 1]] != [
        s.name for s in current.plan.steps[: current.step + 1]
    ] and (plan.strategy != "rolling" or plan.strategy != current.plan.strategy):
        raise Refused(
            "step_passed",
            f"the release changes steps that {current.id} has already passed (it is at {current.current.name!r})",
            hint="change later steps only, or abort first",
        )
    return Answer((Draft(current.id, PlanChanged(release, plan), actor),), "changed in place", current.id)


def _deploy_idle(service: Service, release: Release, revision: Revision, actor: str, reason: str) -> Answer:
    current = service.current
    if not service.down and revision.id == service.stable:
        known = service.releases.get(revision.id)
        if known == release:
            return Answer((), f"unchanged, {service.label(revision.id)} is serving", current.id if current else None)
        return _create_answer(service, release, revision, actor, reason, "settings")
    went_back = current is not None and current.phase is Phase.ROLLED_BACK and current.candidate == revision.id
    if went_back and current is not None and not service.down:
        raise Refused(
            "rejected",
            f"{service.label(revision.id)} was taken back: {current.reason}",
            legal(current.phase),
            hint="`ferry retry` tries the very same content again; or change the release",
        )
    if revision.id in service.promoted and not service.down:
        return _undo_to(service, revision.id, release, actor, reason, with_steps=False)
    return _create_answer(service, release, revision, actor, reason, "deploy")


def preview(service: Service, release: Release, revision: Revision) -> Plan:
    """The plan that a deploy of this release would follow now, without doing it. Raises `Refused` (``bounds_deadlock``)."""
    stable = None if service.down else service.stable
    return compile_plan(release, revision.id, stable, stable_replicas=_stable_replicas(service))


def _create_answer(
    service: Service, release: Release, revision: Revision, actor: str, reason: str, kind: str
) -> Answer:
    created = _create(service, release, revision, actor, reason, kind=kind)
    return Answer((created,), f"starts as {created.rollout}", created.rollout)


def _create(
    service: Service, release: Release, revision: Revision, actor: str, reason: str, *, kind: str, full: bool = False
) -> Draft:
    number = service.rollouts + 1
    stable = None if service.down else service.stable
    plan = compile_plan(
        release, revision.id, stable, stable_replicas=_stable_replicas(service), sticky_id=f"{service.name}-{number}"
    )
    body = RolloutCreated(
        number=number, kind=kind, release=release, revision=revision, plan=plan, full=full, reason=reason
    )
    return Draft(f"{service.name}-{number}", body, actor)


def _stable_replicas(service: Service) -> int:
    return service.steady.instances.get(service.stable or "", 0)


def _back(rollout: Rollout, kind: str, reason: str, actor: str, now: float) -> Draft:
    return Draft(rollout.id, BackOrdered(Cause(kind, reason, now, actor)), actor)


def _cut_short(rollout: Rollout, actor: str, now: float) -> Draft:
    """A finishing rollout is promoted already; only its old side waits. What comes next takes it over as it is."""
    seconds = now - (rollout.started_at or now)
    return Draft(rollout.id, RolloutEnded(Phase.PROMOTED, "all steps passed", seconds), actor)


def command(service: Service, verb: Verb, *, actor: str, now: float, reason: str = "", full: bool = False) -> Answer:
    """Every verb on the current rollout but deploy and undo. Raises `Refused` with the verb's code."""
    current = service.current
    doing = act(current.phase if current else None, verb)
    if service.down:
        raise Refused("down", f"{service.name} was taken down", ("deploy",))
    if current is None:
        raise Refused(REFUSAL[verb], f"{service.name} has no rollout", ("deploy",))
    body, text = _effect(service, current, verb, doing, actor, now, reason, full)
    drafts = () if body is None else (Draft("" if isinstance(body, RestartOrdered) else current.id, body, actor),)
    return Answer(drafts, text, current.id)


def _effect(
    service: Service, current: Rollout, verb: Verb, doing: Act, actor: str, now: float, reason: str, full: bool
) -> tuple[Body | None, str]:
    match doing:
        case Act.NEXT | Act.END_BAKE:
            following = _following(current)
            return Skipped(current.step, reason), f"step {current.current.name!r} skipped by {actor}, next {following}"
        case Act.FULL:
            return PromotedInFull(reason), "promoting in full"
        case Act.HOLD if current.phase is Phase.PAUSED and current.pause and current.pause.kind == "operator":
            return None, f"paused already, at {current.exposure_percent:g}%"
        case Act.HOLD:
            return Paused("operator", reason or f"paused by {actor}"), f"paused at {current.exposure_percent:g}%"
        case Act.RESUME:
            return Resumed(reason), "resumed"
        case Act.ABORT:
            cause = Cause("abort", reason or f"aborted by {actor}", now, actor)
            return BackOrdered(cause), f"aborting, {service.label(current.stable)} takes 100%"
        case Act.AGAIN:
            again = Retried(current.attempt + 1, full or verb is Verb.FULL, reason)
            return again, f"attempt {current.attempt + 1}" + (", in full" if again.full else "")
        case Act.BACK_ON:
            cause = current.cause or Cause("abort", reason, now, actor)
            return BackOrdered(cause), "on the way back again"
        case Act.ROLL:
            return RestartOrdered(reason), f"restarting {sum(service.steady.instances.values())}"
        case Act.NOTHING:
            return None, "is on its way back already"
        case Act.ROLLING_BACK:
            raise Refused("rolling_back", f"{current.id} is on its way back", legal(current.phase))
        case Act.SUPERSEDED:
            raise Refused(
                "superseded_by", f"{current.id} was superseded by {current.superseded_by}", legal(current.phase)
            )
        case _:
            raise _refused(current, verb)


def _refused(current: Rollout, verb: Verb) -> Refused:
    return Refused(REFUSAL[verb], f"cannot {verb.value}: {current.id} is {current.phase.value}", legal(current.phase))


def _following(rollout: Rollout) -> str:
    number = rollout.step + 1
    return repr(rollout.steps[number].name) if number < len(rollout.steps) else "promoted"


def undo(
    service: Service,
    *,
    actor: str,
    now: float,
    to: str | None = None,
    reason: str = "",
    with_steps: bool = False,
    force: bool = False,
) -> Answer:
    """Back to the last promoted revision, or to the one labelled `to`. During a rollout that is an abort.
    Raises `Refused`: ``no_target``, ``not_promoted``, ``pruned``."""
    current = service.current
    doing = act(current.phase if current else None, Verb.UNDO)
    if current is None or service.down:
        raise Refused("no_target", f"{service.name} has nothing to go back to", ("deploy",))
    match doing:
        case Act.ABORT if to is None:
            return Answer(
                (_back(current, "abort", reason or f"undone by {actor}", actor, now),),
                f"aborting, {service.label(current.stable)} takes 100%",
                current.id,
            )
        case Act.ABORT:
            raise Refused(
                "busy",
                f"{current.id} is {current.phase.value}: abort it before going back to {to}",
                legal(current.phase),
            )
        case Act.NOTHING:
            return Answer((), "is on its way back already", current.id)
        case Act.UNDO | Act.UNDO_TO:
            if doing is Act.UNDO_TO and to is None:
                raise Refused(
                    "no_target",
                    f"{current.id} was rolled back: {service.label(service.stable)} serves already",
                    legal(current.phase),
                    hint="`ferry undo --to LABEL` goes back further",
                )
            target = _target(service, to, force=force)
            answer = _undo_to(service, target, service.releases.get(target), actor, reason, with_steps=with_steps)
            ending = (_cut_short(current, actor, now),) if current.phase is Phase.FINISHING else ()
            return msgspec.structs.replace(answer, drafts=(*ending, *answer.drafts))
        case Act.SUPERSEDED:
            raise Refused(
                "superseded_by", f"{current.id} was superseded by {current.superseded_by}", legal(current.phase)
            )
        case _:
            raise _refused(current, Verb.UNDO)


def _target(service: Service, to: str | None, *, force: bool) -> str:
    finishing = service.current is not None and service.current.phase is Phase.FINISHING
    # While it finishes, the candidate serves but is not on the list yet: the last promoted one is the one before.
    older = service.promoted if finishing else service.promoted[:-1]
    labels = ", ".join(service.label(r) for r in reversed(older)) or "none"
    if to is None:
        if not older:
            raise Refused(
                "no_target", f"{service.name} has no earlier promoted revision", hint="deploy the version you want"
            )
        return older[-1]
    for revision in reversed(service.promoted):
        if to in (revision, service.label(revision)):
            if revision == service.stable and not finishing:
                raise Refused("no_target", f"{to} is serving now", hint=f"earlier ones: {labels}")
            return revision
    if to in service.pruned:
        raise Refused(
            "pruned", f"{to} was promoted too long ago, its content is no longer kept", hint=f"kept: {labels}"
        )
    known = next((r for r in service.revisions if to in (r, service.label(r))), None)
    if known is not None and force and known in service.releases:
        return known
    raise Refused("not_promoted", f"{to} was never promoted", hint=f"promoted before: {labels}")


def _undo_to(
    service: Service, revision: str, release: Release | None, actor: str, reason: str, *, with_steps: bool
) -> Answer:
    if release is None:
        raise Refused("pruned", f"the release of {service.label(revision)} is no longer kept")
    window = release.undo_window
    recent = revision in service.promoted[-(window + 1) :]
    fast = recent and not with_steps
    created = _create(service, release, service.revisions[revision], actor, reason, kind="undo", full=fast)
    return Answer(
        (created,), f"back to {service.label(revision)}, {'fast' if fast else 'step by step'}", created.rollout
    )


def take_down(service: Service, *, actor: str, reason: str = "") -> Answer:
    """Want nothing of this service any more until the next deploy."""
    if service.down or not service.seq:
        return Answer((), f"{service.name} is down already", None)
    return Answer((Draft("", ServiceDown(reason), actor),), f"stopping {service.name}", None)
