"""What people ask for: each verb turns into events, or into a refusal that names what is legal and changes nothing."""

from __future__ import annotations

from ferryman.core.answers import Answer, aborted, refused, superseded
from ferryman.core.approvals import awaited, pending, progress, wish
from ferryman.core.decide import wanted
from ferryman.core.deploying import deploy, preview
from ferryman.core.drilling import drill
from ferryman.core.freezing import in_emergency, need_reason
from ferryman.core.phases import REFUSAL, Act, Verb, act
from ferryman.core.standing import legal_now, standing, subject, verb_phase
from ferryman.core.undoing import undo
from ferryman.core.walls import REFUSALS, WALLS
from ferryman.model.errors import Refused
from ferryman.model.event import (
    BackOrdered,
    Body,
    Draft,
    Paused,
    PromotedInFull,
    RestartOrdered,
    Resumed,
    Retried,
    ServiceDown,
    Skipped,
)
from ferryman.model.rollout import DRILL, Cause, Rollout, Service

__all__ = ["Answer", "command", "deploy", "drill", "legal_now", "preview", "standing", "subject", "take_down", "undo"]


def command(
    service: Service,
    verb: Verb,
    *,
    actor: str,
    now: float,
    reason: str = "",
    full: bool = False,
    emergency: bool = False,
) -> Answer:
    """Every verb on the current rollout but deploy and undo. In an `emergency` a promotion is one in full, which neither
    windows nor a freeze hold. Raises `Refused` with the verb's code, or ``reason_needed``."""
    if not emergency:
        return _command(service, verb, actor=actor, now=now, reason=reason, full=full)
    need_reason(service, reason, "an emergency")
    verb = Verb.FULL if verb is Verb.PROMOTE else verb
    answer = _command(service, verb, actor=actor, now=now, reason=reason, full=True)
    return in_emergency(service, answer, actor, reason)


def _restarted(service: Service, current: Rollout, reason: str, actor: str) -> Answer:
    if current.release.of_flag:
        raise Refused(
            "no_instances", f"{service.name} is the rollout of a flag: nothing of it runs", legal_now(service)
        )
    text = f"restarting {sum(wanted(service).instances.values())}"
    return Answer((Draft("", RestartOrdered(reason), actor),), text, current.id)


def _command(service: Service, verb: Verb, *, actor: str, now: float, reason: str, full: bool) -> Answer:
    current = subject(service)
    if service.down and not service.queue:
        raise Refused("down", f"{service.name} was taken down", ("deploy",))
    if current is None:
        raise Refused(REFUSAL[verb], f"{service.name} has no rollout", ("deploy",))
    doing = act(verb_phase(current), verb)
    if current.kind == DRILL and doing in (Act.NEXT, Act.FULL, Act.END_BAKE):
        message = f"{current.id} is a drill: it promotes nothing and ends by itself"
        raise Refused(REFUSAL[verb], message, legal_now(service))
    match doing:
        case Act.ABORT:
            return aborted(service, current, reason or f"aborted by {actor}", actor, now)
        case Act.NOTHING:
            return Answer((), "is on its way back already", current.id)
        case Act.ROLL:
            return _restarted(service, current, reason, actor)
        case Act.ROLLING_BACK:
            raise Refused("rolling_back", f"{current.id} is on its way back", legal_now(service))
        case Act.SUPERSEDED:
            raise superseded(service, current)
        case Act.AGAIN | Act.BACK_ON:
            # What went back without steps because it was known to be good is tried again without steps.
            quick = full or verb is Verb.FULL or (current.kind == "undo" and current.full)
            found = _once_more(current, doing, actor, now, reason, full=quick)
        case Act.NEXT if current.pause is not None and current.pause.kind == "fail":
            message = f"{current.id} waits because the judge said fail: {current.pause.reason}"
            hint = "`ferry abort` takes it back; `ferry promote --full` overrules the judge for good"
            raise Refused("verdict_fail", message, ("abort", "promote --full", "resume"), hint)
        case Act.NEXT | Act.RESUME if (asked := pending(current)) is not None and awaited(current):
            message = f"{current.id} waits for {wish(asked[1])}: {progress(asked[1], asked[2])}"
            hint = "`ferry approve` is one of them; `ferry promote --full` goes on without, and everybody is told"
            raise Refused("approval_needed", message, ("approve", "deny", "promote --full", "abort"), hint)
        case Act.NEXT | Act.RESUME if current.pause is not None and current.pause.kind in WALLS:
            message = f"{current.id} waits: {current.pause.reason}"
            hint = "it goes on by itself then; `ferry promote --emergency --reason TEXT` does not wait"
            raise Refused(REFUSALS[current.pause.kind], message, legal_now(service), hint)
        case Act.NEXT | Act.END_BAKE | Act.FULL | Act.HOLD | Act.RESUME:
            found = _on_the_way(current, doing, actor, reason)
        case _:
            raise refused(service, current, verb)
    if found is None:
        return Answer((), f"paused already, at {current.exposure_percent:g}%", current.id)
    return Answer((Draft(current.id, found[0], actor),), found[1], current.id)


def _on_the_way(current: Rollout, doing: Act, actor: str, reason: str) -> tuple[Body, str] | None:
    """What changes the pace; None when it is as asked."""
    match doing:
        case Act.FULL:
            return PromotedInFull(reason), "promoting in full"
        case Act.RESUME:
            return Resumed(reason), "resumed"
        case Act.HOLD if current.pause is not None and current.pause.kind == "operator":
            return None
        case Act.HOLD:
            return Paused("operator", reason or f"paused by {actor}"), f"paused at {current.exposure_percent:g}%"
        case _:
            place = f"step {current.step + 1}/{len(current.steps)}"
            return Skipped(current.step, reason), f"{place} skipped by {actor}, next {_following(current)}"


def _once_more(current: Rollout, doing: Act, actor: str, now: float, reason: str, *, full: bool) -> tuple[Body, str]:
    """What an ended rollout may be asked."""
    if doing is Act.BACK_ON:
        return BackOrdered(current.cause or Cause("abort", reason, now, actor)), "on the way back again"
    attempt = current.attempt + 1
    return Retried(attempt, full, reason), f"attempt {attempt}" + (", in full" if full else "")


def _following(rollout: Rollout) -> str:
    number = rollout.step + 1
    return rollout.steps[number].name if number < len(rollout.steps) else "promoted"


def take_down(service: Service, *, actor: str, reason: str = "") -> Answer:
    """Want nothing of this service any more until the next deploy. Deploys that wait are dropped. Raises `Refused`
    (``no_instances``) for the rollout of a flag: its exposure would stay as it happens to be, and nobody would see to it."""
    rollout = subject(service)
    if rollout is not None and rollout.release.of_flag:
        message = f"{service.name} is the rollout of a flag: nothing runs that could be stopped"
        hint = "`ferry abort` takes a running rollout back, `ferry undo` a promoted one"
        raise Refused("no_instances", message, legal_now(service), hint)
    if (service.down and not service.queue) or not service.seq:
        return Answer((), f"{service.name} is down already", None)
    return Answer((Draft("", ServiceDown(reason), actor),), f"stopping {service.name}", None)
