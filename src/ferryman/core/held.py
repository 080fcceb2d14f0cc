"""What will keep a rollout from meeting more users although somebody just let it go on: said with the answer, at once."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.core.answers import Answer
from ferryman.core.approvals import gate_key, wish
from ferryman.core.standing import after
from ferryman.core.walls import FREEZE, UTC_ZONE, Wall, grows, wall
from ferryman.core.windows import on_the_wall
from ferryman.model.event import Approved, PromotedInFull, Resumed, Retried, RolloutCreated, Skipped
from ferryman.model.plan import ApprovalGate
from ferryman.model.release import Approval
from ferryman.model.rollout import Rollout, Service, Track

LETS_GO = (Approved, PromotedInFull, Resumed, Retried, RolloutCreated, Skipped)
"""What leads a rollout on."""


def with_what_holds(service: Service, answer: Answer, now: float) -> Answer:
    """The answer to a verb on `service`, with what holds its rollout all the same before more users meet the candidate."""
    if not any(isinstance(draft.body, LETS_GO) for draft in answer.drafts):
        return answer
    service = after(service, answer.drafts, now)
    known = (service.current, *service.queue)
    rollout = next((each for each in known if each is not None and each.id == answer.rollout), None)
    if rollout is None or rollout.phase.terminal or rollout.track is Track.BACK:
        return answer
    held, until = what_holds(service, rollout, now)
    return replace(answer, held=held, until=until) if held else answer


def what_holds(service: Service, rollout: Rollout, now: float) -> tuple[str, float | None]:
    """What holds it before its next growth, in words, and when time alone ends it (epoch seconds; None: it takes a person). ("", None) when nothing does."""
    steps = rollout.plan.steps
    first = rollout.step if rollout.entered_at is not None else 0
    ahead = range(first + 1 if rollout.entered_at is not None else 0, len(steps))
    growth = next((number for number in ahead if grows(rollout, rollout.plan, number)), None)
    if growth is None:
        return "", None
    asked = [] if rollout.full else [terms for number in range(first, growth) for terms in _open(rollout, number)]
    shut = wall(service, rollout, now)
    reasons = [f"waits for {wish(terms)}{_at_most(terms, now)}" for terms in asked]
    if shut is not None:
        reasons.append(_words(shut))
    if not reasons:
        return "", None
    return (
        f"before {steps[growth].name!r}: {'; '.join(reasons)}",
        shut.until if shut is not None and not asked else None,
    )


def _open(rollout: Rollout, number: int) -> list[Approval]:
    """What people must still agree to at that step."""
    found: list[Approval] = []
    for index, gate in enumerate(rollout.plan.steps[number].gates):
        asked = rollout.approvals.get(gate_key(replace(rollout, step=number), index))
        if isinstance(gate, ApprovalGate) and (asked is None or len(asked.given) < gate.approval.count):
            found.append(gate.approval)
    return found


def _at_most(terms: Approval, now: float) -> str:
    if terms.timeout_seconds is None:
        return ""
    return f", to {on_the_wall(UTC_ZONE, now + terms.timeout_seconds)} at most"


def _words(shut: Wall) -> str:
    lifted = ", until somebody lifts it" if shut.kind == FREEZE and shut.until is None else ""
    return f"{shut.reason}{lifted}"
