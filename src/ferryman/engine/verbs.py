"""What people ask of a service that is there: every verb is put to its loop in the same way.

What a verb does is decided in `ferryman.core`; each method here only names the question.
"""

from __future__ import annotations

from collections.abc import Callable

from ferryman.core.answers import Answer
from ferryman.core.approving import approve, deny, with_account
from ferryman.core.freezing import freeze, unfreeze
from ferryman.core.held import with_what_holds
from ferryman.core.moved import need_standing
from ferryman.core.phases import Verb
from ferryman.core.postmortem import written_about
from ferryman.core.verbs import command, drill, take_down, undo
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.ports import Ports
from ferryman.engine.texts import event_view
from ferryman.engine.who_was_first import who_was_first
from ferryman.model.errors import Refused
from ferryman.model.rollout import Service
from ferryman.model.view import AnswerView

EVENTS_LOOKED_AT = 30
Question = Callable[[Service, float], Answer]


class Verbs:
    """Every method raises `FerrymanError` (``unknown_service``), what the verb raises in `ferryman.core`, and `Refused`
    (``moved_on``, naming who was first) when the service no longer stands where the caller saw it: `standing` is that of
    a `ServiceView`, "" does not care."""

    def __init__(self, known: Callable[[str], ServiceLoop], ports: Callable[[], Ports]) -> None:
        self._known, self._ports = known, ports

    async def ask(self, service: str, question: Question, standing: str = "") -> AnswerView:
        """Put a question to the loop of a service."""
        loop = self._known(service)

        def checked(state: Service, now: float) -> Answer:
            need_standing(state, standing)
            return with_what_holds(state, question(state, now), now)

        try:
            return said(service, await loop.ask(checked))
        except Refused as refused:
            if refused.code != "moved_on":
                raise
            ports = self._ports()
            newest = await ports.store.newest(service, limit=EVENTS_LOOKED_AT)
            raise who_was_first(refused, [event_view(s) for s in newest], ports.now()) from None

    async def verb(
        self,
        service: str,
        verb: Verb,
        *,
        actor: str,
        reason: str = "",
        full: bool = False,
        standing: str = "",
        emergency: bool = False,
    ) -> AnswerView:
        """Promote, pause, resume, abort, retry or restart."""
        return await self.ask(
            service,
            lambda s, now: command(s, verb, actor=actor, now=now, reason=reason, full=full, emergency=emergency),
            standing,
        )

    async def undo(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        to: str | None = None,
        with_steps: bool = False,
        force: bool = False,
        standing: str = "",
        emergency: bool = False,
        account: str = "",
    ) -> AnswerView:
        """Back to an earlier promoted revision."""

        def question(s: Service, now: float) -> Answer:
            back = undo(
                s,
                actor=actor,
                now=now,
                to=to,
                reason=reason,
                with_steps=with_steps,
                force=force,
                emergency=emergency,
            )
            return with_account(back, account)

        return await self.ask(service, question, standing)

    async def drill(
        self,
        service: str,
        *,
        actor: str,
        reason: str = "",
        traffic_percent: float = 0.0,
        hold_seconds: float = 10.0,
        standing: str = "",
    ) -> AnswerView:
        """Rehearse the way back."""
        return await self.ask(
            service,
            lambda s, _: drill(
                s, actor=actor, traffic_percent=traffic_percent, hold_seconds=hold_seconds, reason=reason
            ),
            standing,
        )

    async def freeze(
        self,
        service: str,
        *,
        actor: str,
        reason: str,
        until: float | None = None,
        rollback: bool = False,
        standing: str = "",
    ) -> AnswerView:
        """No more users meet any candidate, until `until` (epoch seconds; None: until lifted)."""
        return await self.ask(
            service,
            lambda s, now: freeze(s, actor=actor, now=now, reason=reason, until=until, rollback=rollback),
            standing,
        )

    async def unfreeze(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView:
        """Lift the freeze."""
        return await self.ask(service, lambda s, _: unfreeze(s, actor=actor, reason=reason), standing)

    async def approve(
        self,
        service: str,
        *,
        actor: str,
        role: str,
        reason: str = "",
        gate: str | None = None,
        standing: str = "",
        link: str = "",
    ) -> AnswerView:
        """`actor` agrees in `role` to what waits for it (or to `gate` only)."""
        return await self.ask(
            service,
            lambda s, now: approve(s, actor=actor, role=role, now=now, reason=reason, gate=gate, link=link),
            standing,
        )

    async def deny(
        self,
        service: str,
        *,
        actor: str,
        role: str,
        reason: str = "",
        gate: str | None = None,
        standing: str = "",
        link: str = "",
    ) -> AnswerView:
        """`actor` refuses in `role`: the release goes back."""
        return await self.ask(
            service,
            lambda s, now: deny(s, actor=actor, role=role, now=now, reason=reason, gate=gate, link=link),
            standing,
        )

    async def postmortem(
        self, service: str, rollout: str, url: str, *, actor: str, reason: str = "", standing: str = ""
    ) -> AnswerView:
        """Somebody wrote about an incident."""
        return await self.ask(
            service, lambda s, _: written_about(s, rollout, url, actor=actor, reason=reason), standing
        )

    async def take_down(self, service: str, *, actor: str, reason: str = "", standing: str = "") -> AnswerView:
        """Want nothing of the service any more; answers at once."""
        return await self.ask(service, lambda s, _: take_down(s, actor=actor, reason=reason), standing)


def said(service: str, answer: Answer) -> AnswerView:
    """An answer as people are shown it."""
    return AnswerView(
        service=service,
        text=answer.text,
        rollout=answer.rollout,
        changed=bool(answer.drafts),
        held=answer.held,
        held_until=answer.until,
    )
