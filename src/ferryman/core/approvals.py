"""What people have to agree to: who may, who did, and what is still asked for."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.event import ApprovalOpened, Approved, Denied, Event
from ferryman.model.plan import ApprovalGate, Phase
from ferryman.model.release import Approval
from ferryman.model.rollout import Asked, Given, PauseState, Rollout


def gate_key(rollout: Rollout, number: int) -> str:
    """What a gate leads to happens at most once per (rollout, attempt, step, gate)."""
    return f"{rollout.id}/{rollout.attempt}/{rollout.step}/{number}"


def pending(rollout: Rollout) -> tuple[str, Approval, Asked] | None:
    """The approval that the present step waits for: its key, its terms as the plan has them now, and its answers."""
    if rollout.full or rollout.cause is not None or rollout.phase.terminal:
        return None
    for number, gate in enumerate(rollout.current.gates):
        key = gate_key(rollout, number)
        asked = rollout.approvals.get(key)
        if isinstance(gate, ApprovalGate) and asked is not None and len(asked.given) < gate.approval.count:
            return key, gate.approval, asked
    return None


def awaited(rollout: Rollout) -> bool:
    """Whether an approval is what nothing moves for."""
    return rollout.pause is not None and rollout.pause.kind == "approval"


def expired(rollout: Rollout, now: float) -> str | None:
    """Why the time for an answer is over; None while it is not."""
    found = pending(rollout)
    if found is None:
        return None
    _, terms, asked = found
    if asked.until is None or now < asked.until:
        return None
    return f"{progress(terms, asked)} when the time for it was over"


def has_agreed(asked: Asked, actor: str) -> bool:
    """Whether this person agreed already: nobody counts twice."""
    return any(same_person(given.by, actor) for given in asked.given)


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: addresses are written in capitals here and not there."""
    return one.casefold() == other.casefold()


def by_link(asked: Asked, link: str) -> Given | None:
    """The word that came by this link (its digest), which is used up with it; None while it was not used."""
    said = (*asked.given, asked.denied) if asked.denied is not None else asked.given
    return next((given for given in said if link and given.link == link), None)


def progress(terms: Approval, asked: Asked) -> str:
    """``approved 1/2``."""
    return f"approved {len(asked.given)}/{terms.count}"


def wish(terms: Approval) -> str:
    """What is asked for, in words: ``2 approvals (role operator, the author does not count)``."""
    others = "" if terms.author_counts else ", the author does not count"
    return f"{terms.count} approval{'s' if terms.count > 1 else ''} (role {terms.role}{others})"


def agreed(rollout: Rollout) -> str:
    """Who agreed to the present step: ``approved by ana, ben``."""
    names = [given.by for asked in rollout.approvals.values() if asked.step == rollout.step for given in asked.given]
    return f"approved by {', '.join(dict.fromkeys(names))}" if names else "no approval is asked for any more"


def fold_approval(rollout: Rollout, event: Event, body: ApprovalOpened | Approved | Denied) -> Rollout:
    """The rollout after people were asked, or one of them answered."""
    if isinstance(body, ApprovalOpened):
        return _asked(rollout, event, body)
    asked, given = rollout.approvals[body.key], Given(event.at, event.actor, body.role, body.reason, body.link)
    change = {"denied": given} if isinstance(body, Denied) else {"given": (*asked.given, given)}
    asked = replace(asked, **change)
    return replace(rollout, approvals={**rollout.approvals, body.key: asked})


def _asked(rollout: Rollout, event: Event, body: ApprovalOpened) -> Rollout:
    """Asked again under the same key, what was answered before still counts."""
    before = rollout.approvals.get(body.key)
    asked = Asked(
        step=body.step,
        count=body.count,
        role=body.role,
        since=event.at if before is None else before.since,
        until=body.until,
        given=() if before is None else before.given,
    )
    pause = PauseState(kind="approval", reason=body.reason, since=event.at, by=event.actor, until=body.until)
    return replace(rollout, phase=Phase.PAUSED, pause=pause, approvals={**rollout.approvals, body.key: asked})
