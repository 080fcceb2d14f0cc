"""The verbs `freeze` and `unfreeze`, legal in every phase, and the word that an emergency needs."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.core.answers import Answer, aborted
from ferryman.core.phases import Act, Verb, act
from ferryman.core.standing import legal_now, subject
from ferryman.core.walls import UTC_ZONE
from ferryman.core.windows import on_the_wall
from ferryman.model.errors import Refused
from ferryman.model.event import BackOrdered, Draft, Frozen, PromotedInFull, Retried, RolloutCreated, Unfrozen
from ferryman.model.rollout import Service, Track


def freeze(
    service: Service, *, actor: str, now: float, reason: str, until: float | None = None, rollback: bool = False
) -> Answer:
    """No new users meet any candidate until `until` (epoch seconds; None: until somebody lifts it). `rollback` takes back
    what runs, too. A freeze replaces the one before. Raises `Refused`: ``reason_needed``, ``bad_until``."""
    need_reason(service, reason, "a freeze")
    if until is not None and until <= now:
        raise Refused("bad_until", f"{on_the_wall(UTC_ZONE, until)} is over", legal_now(service), "name a time to come")
    drafts = (Draft("", Frozen(reason=reason, until=until), actor),)
    text = f"frozen to {on_the_wall(UTC_ZONE, until)}" if until is not None else "frozen until it is lifted"
    current = subject(service)
    doing = act(current.phase, Verb.ABORT) if current is not None and not service.down else Act.NOTHING
    if rollback and current is not None and doing is Act.ABORT:
        back = aborted(service, current, f"frozen: {reason}", actor, now)
        drafts, text = (*drafts, *back.drafts), f"{text}; {back.text}"
    return Answer(drafts, text, current.id if current is not None else None)


def unfreeze(service: Service, *, actor: str, reason: str = "") -> Answer:
    """Lift a freeze; nothing happens where there is none."""
    if service.freeze is None:
        return Answer((), f"{service.name} is not frozen", None)
    return Answer((Draft("", Unfrozen(reason), actor),), "unfrozen", None)


def need_reason(service: Service, reason: str, what: str) -> None:
    """Raises `Refused` (``reason_needed``) when there is none."""
    if not reason.strip():
        raise Refused("reason_needed", f"{what} needs a reason", legal_now(service), "say why: --reason TEXT")


def in_emergency(service: Service, answer: Answer, actor: str, reason: str) -> Answer:
    """The same as an emergency: what begins goes in full, and neither windows nor a freeze hold it; where nothing begins,
    what runs already is promoted so."""
    drafts = tuple(_urgent(draft) for draft in answer.drafts)
    current = service.current
    begins = any(isinstance(d.body, RolloutCreated | PromotedInFull | Retried | BackOrdered) for d in drafts)
    runs = current is not None and current.running and current.track is Track.FORWARD
    if current is not None and runs and not begins and answer.rollout == current.id:
        drafts = (*drafts, Draft(current.id, PromotedInFull(reason, emergency=True), actor))
    return Answer(drafts, f"{answer.text}, as an emergency", answer.rollout)


def _urgent(draft: Draft) -> Draft:
    match draft.body:
        case RolloutCreated() as body:
            return replace(draft, body=replace(body, full=True, emergency=True))
        case Retried() as body:
            return replace(draft, body=replace(body, full=True, emergency=True))
        case PromotedInFull() as body:
            return replace(draft, body=replace(body, emergency=True))
        case _:
            return draft
