"""Answering by a link: what is put into messages, and what becomes of a link that somebody opens.

A link is used up by the event that it leads to, which holds its digest: there is no moment in which the one is written
and the other not. So whether it was used is read from the log, like everything else.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from ferryman.core.approvals import pending, same_person
from ferryman.core.standing import subject
from ferryman.engine.link_key import LinkKey
from ferryman.engine.verbs import Verbs
from ferryman.model.errors import ControllerError, FerrymanError, Refused
from ferryman.model.event import Approved, Denied
from ferryman.model.link import LinkView
from ferryman.model.notice import Notice
from ferryman.model.notify import Approver
from ferryman.model.role import ranks_as
from ferryman.model.rollout import Service
from ferryman.model.settings import Settings
from ferryman.model.view import AnswerView, ServiceView
from ferryman.notify.base import Action
from ferryman.notify.links import LOOK_ELSEWHERE, Claims, digest_of, make_token, read_token
from ferryman.notify.words import clean, moment_text
from ferryman.store.base import Store

STREAM = "approval-links"
PATH = "/approval"
LABEL = "Approve or deny"
PAGE = 500

log = logging.getLogger("ferryman.notify")


class ApprovalLinks:
    """Of one controller. `state` gives the newest state of a service and `view` what is shown of it, both raise
    `FerrymanError` (``unknown_service``); `now` is in epoch seconds."""

    def __init__(
        self,
        key: LinkKey,
        settings: Settings,
        state: Callable[[str], Service],
        view: Callable[[str], Awaitable[ServiceView]],
        verbs: Verbs,
        store: Callable[[], Store],
        now: Callable[[], float],
    ) -> None:
        self._key, self._settings = key, settings
        self._state, self._view, self._verbs = state, view, verbs
        self._store, self._now = store, now
        self.trouble = ""

    # ------------------------------------------------------------------ into messages
    def actions(self, notice: Notice, channel: str) -> tuple[Action, ...]:
        """The link for who is reached by the channel, where the notice asks for their approval. Without a key there is
        none; `trouble` says why. Raises nothing."""
        approver, base = self._settings.notify.approver(channel), self._settings.public_url
        if not notice.gate or not base or approver is None or not ranks_as(approver.role, notice.role):
            return ()
        expires_at = notice.at + self._settings.notify.link_seconds
        claims = Claims(
            service=notice.service,
            rollout=notice.rollout,
            gate=notice.gate,
            channel=channel,
            person=approver.person,
            expires_at=expires_at if notice.until is None else min(expires_at, notice.until),
        )
        try:
            token = make_token(self._key.get(), claims)
        except ControllerError as problem:
            self.trouble = f"messages carry no approval links: {problem.message}"
            log.warning("%s", self.trouble)
            return ()
        self.trouble = ""
        return (Action(LABEL, f"{base}{PATH}?t={quote(token)}"),)

    async def rotate(self, actor: str) -> None:
        """End every link that was sent. Raises `ControllerError`, `StoreError`."""
        self._key.rotate()
        self.trouble = ""
        await self._store().write(STREAM, at=self._now(), actor=actor, kind="link_key_changed", body={})

    # ------------------------------------------------------------------ out of messages
    async def look(self, token: str) -> LinkView:
        """What a link is for, if it is good now. Nothing is changed. Raises `Refused`: ``link_forged``,
        ``link_key_changed``, ``link_withdrawn``, ``link_used``, ``link_expired``, ``link_over``, ``link_moved_on``,
        ``wrong_role``; `ControllerError`, `StoreError`."""
        claims, approver = await self._checked(token)
        service = await self._view(claims.service)
        asked = [] if service.rollout is None else [a for a in service.rollout.approvals if a.key == claims.gate]
        if not asked:  # it ended between two looks
            raise _over(claims, "it has ended meanwhile")
        agreed = next((g for g in asked[0].given if same_person(g.by, claims.person)), None)
        return LinkView(claims.person, approver.role, asked[0], service, claims.expires_at, agreed)

    async def answer(self, token: str, *, agree: bool, reason: str) -> AnswerView:
        """Say it, and use the link up. A denial needs a reason. Raises as `look`, and `Refused` (``reason_needed``)."""
        claims, approver = await self._checked(token)
        if not agree and not reason:
            raise Refused(
                "reason_needed", "a denial needs a reason: nothing was changed", hint="say why, in a few words"
            )
        try:
            return await (self._verbs.approve if agree else self._verbs.deny)(
                claims.service,
                actor=claims.person,
                role=approver.role,
                reason=reason,
                gate=claims.gate,
                link=digest_of(token),
            )
        except Refused:
            await self._checked(token)  # somebody was first: then this says more
            raise

    async def _checked(self, token: str) -> tuple[Claims, Approver]:
        claims = read_token(self._key.get(), token)
        approver = self._settings.notify.approver(claims.channel)
        if approver is None or approver.person != claims.person:
            message = f"this link is for {claims.person}, who is not asked by links any more"
            raise Refused("link_withdrawn", message, hint=LOOK_ELSEWHERE)
        used = await self._use(claims, digest_of(token))
        if used is not None:
            who, what, at = used
            message = f"it was used by {who}, who {what}, at {moment_text(at)}"
            raise Refused("link_used", message, hint="a link is good once, and nothing more was done now")
        if self._now() >= claims.expires_at:
            message = f"this link was good until {moment_text(claims.expires_at)}"
            raise Refused("link_expired", message, hint=LOOK_ELSEWHERE)
        self._need_open(claims, approver)
        return claims, approver

    async def _use(self, claims: Claims, link: str) -> tuple[str, str, float] | None:
        """Who used it, what they said and when (epoch seconds)."""
        after = 0
        while page := await self._store().events(claims.service, after=after, limit=PAGE, rollout=claims.rollout):
            for stored in page:
                body = stored.event.body
                if isinstance(body, Approved | Denied) and body.link == link:
                    return stored.event.actor, "agreed" if isinstance(body, Approved) else "refused", stored.event.at
            after = page[-1].position
        return None

    def _need_open(self, claims: Claims, approver: Approver) -> None:
        try:
            service = self._state(claims.service)
        except FerrymanError:
            raise _over(claims, "there is no such service any more") from None
        about = subject(service)
        rollout = service.current
        if rollout is None or rollout.id != claims.rollout or rollout.phase.terminal or service.down:
            raise _over(claims, f"{about.id} is {about.phase.value}" if about is not None else "nothing is released")
        found = pending(rollout)
        if found is None or found[0] != claims.gate:
            asked = rollout.approvals.get(claims.gate)
            said = asked.given if asked is not None else ()
            names = ", ".join(dict.fromkeys(given.by for given in said))
            why = clean(rollout.cause.reason) if rollout.cause is not None else f"agreed: {names}" if names else ""
            message = f"release {claims.rollout} does not wait for this answer any more" + (f" ({why})" if why else "")
            raise Refused("link_moved_on", message, hint=LOOK_ELSEWHERE)
        if not ranks_as(approver.role, found[1].role):
            message = f"this asks for role {found[1].role}, and {claims.person} answers as {approver.role}"
            raise Refused("wrong_role", message, hint="ask somebody of that role")


def _over(claims: Claims, where: str) -> Refused:
    return Refused("link_over", f"release {claims.rollout} is over: {where}", hint="there is nothing left to answer")
