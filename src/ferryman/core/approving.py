"""The verbs `approve` and `deny`: one person's word on what waits for people to agree."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.core.answers import Answer, back_ordered
from ferryman.core.approvals import by_link, has_agreed, pending, progress, same_person, wish
from ferryman.core.standing import legal_now, subject
from ferryman.model.errors import Refused
from ferryman.model.event import Approved, Denied, Draft, RolloutCreated
from ferryman.model.release import Approval
from ferryman.model.role import ranks_as
from ferryman.model.rollout import Asked, Rollout, Service


def approve(
    service: Service, *, actor: str, role: str, now: float, reason: str = "", gate: str | None = None, link: str = ""
) -> Answer:
    """`actor`, who is `role` (viewer, operator or admin), agrees. `gate` is the key of what they were asked, None for
    whatever waits; `link` the digest of the link that it came by. Who agreed before changes nothing. Raises `Refused`:
    ``no_gate``, ``wrong_role``, ``own_release``, ``link_used``."""
    rollout, key, terms, asked = _waiting(service, role, now, gate)
    _unused(asked, link)
    if same_person(actor, rollout.author) and not terms.author_counts:
        message = f"{actor} asked for {rollout.id}, so somebody else must agree: {progress(terms, asked)}"
        raise Refused(
            "own_release",
            message,
            legal_now(service),
            hint="somebody with a token of their own can; `ferry token create` makes one, `ferry deny` is yours too",
        )
    if has_agreed(asked, actor):
        return Answer((), f"{progress(terms, asked)}, by {actor} already", rollout.id)
    given = len(asked.given) + 1
    body = Approved(key=key, role=role, given=given, count=terms.count, reason=reason, link=link)
    return Answer((Draft(rollout.id, body, actor),), f"approved {given}/{terms.count}", rollout.id)


def deny(
    service: Service, *, actor: str, role: str, now: float, reason: str = "", gate: str | None = None, link: str = ""
) -> Answer:
    """`actor` refuses: one is enough, and the release goes back. Raises as `approve`."""
    rollout, key, _, asked = _waiting(service, role, now, gate)
    _unused(asked, link)
    said = Draft(rollout.id, Denied(key=key, role=role, reason=reason, link=link), actor)
    why = f"denied by {actor}" + (f": {reason}" if reason else "")
    who = f"{service.label(rollout.stable)} takes 100%" if rollout.stable else "nothing ran before"
    return Answer((said, back_ordered(rollout, "denied", why, actor, now)), f"denied, {who}", rollout.id)


def with_account(answer: Answer, account: str) -> Answer:
    """The answer to who is known as `account`, whatever name they gave as the actor: written down with what they ask for,
    since approvals may hang on it."""
    return replace(answer, drafts=tuple(_with_account(draft, account) for draft in answer.drafts))


def _with_account(draft: Draft, account: str) -> Draft:
    if not isinstance(draft.body, RolloutCreated) or account in ("", draft.actor):
        return draft
    return replace(draft, body=replace(draft.body, account=account))


def _waiting(service: Service, role: str, now: float, gate: str | None) -> tuple[Rollout, str, Approval, Asked]:
    rollout = service.current
    found = pending(rollout) if rollout is not None else None
    if rollout is None or found is None or (gate is not None and gate != found[0]) or service.down:
        about = subject(service)
        where = f"{about.id} is {about.phase.value}" if about is not None else f"{service.name} has no rollout"
        what = "nothing waits for an approval" if gate is None else f"{gate} does not wait for an approval"
        raise Refused("no_gate", f"{what}: {where}", legal_now(service), hint="`ferry status` tells what it waits for")
    key, terms, asked = found
    if asked.until is not None and now >= asked.until:
        raise Refused("no_gate", "the time to answer is over: the release goes back", legal_now(service))
    if not ranks_as(role, terms.role):
        message = f"{wish(terms)} asked for: {role or 'no role'} does not rank as {terms.role}"
        raise Refused("wrong_role", message, legal_now(service), hint="ask somebody of that role")
    return rollout, key, terms, asked


def _unused(asked: Asked, link: str) -> None:
    used = by_link(asked, link)
    if used is not None:
        raise Refused("link_used", f"{used.by} has used this link already", hint="a link is good once")
