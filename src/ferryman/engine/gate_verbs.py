"""What people say to what a rollout waits for: approvals and freezes. The controller's verbs for them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ferryman.core.answers import Answer
from ferryman.core.approving import approve, deny
from ferryman.core.freezing import freeze, unfreeze
from ferryman.engine.loop import ServiceLoop
from ferryman.model.view import AnswerView


def said(service: str, answer: Answer) -> AnswerView:
    """An answer as people are shown it."""
    return AnswerView(service=service, text=answer.text, rollout=answer.rollout, changed=bool(answer.drafts))


class GateVerbs(ABC):
    """Verbs that act on whatever waits, or in any phase."""

    @abstractmethod
    def known(self, service: str) -> ServiceLoop:
        """Raises `FerrymanError` (``unknown_service``)."""

    async def freeze(
        self, service: str, *, actor: str, reason: str, until: float | None = None, rollback: bool = False
    ) -> AnswerView:
        """No more users meet any candidate, until `until` (epoch seconds; None: until lifted)."""
        answer = await self.known(service).ask(
            lambda s, now: freeze(s, actor=actor, now=now, reason=reason, until=until, rollback=rollback)
        )
        return said(service, answer)

    async def unfreeze(self, service: str, *, actor: str, reason: str = "") -> AnswerView:
        """Lift the freeze."""
        return said(service, await self.known(service).ask(lambda s, _: unfreeze(s, actor=actor, reason=reason)))

    async def approve(
        self, service: str, *, actor: str, role: str = "admin", reason: str = "", gate: str | None = None
    ) -> AnswerView:
        """`actor` agrees in `role` to what waits for it (or to `gate` only)."""
        answer = await self.known(service).ask(
            lambda s, now: approve(s, actor=actor, role=role, now=now, reason=reason, gate=gate)
        )
        return said(service, answer)

    async def deny(
        self, service: str, *, actor: str, role: str = "admin", reason: str = "", gate: str | None = None
    ) -> AnswerView:
        """`actor` refuses in `role`: the release goes back."""
        answer = await self.known(service).ask(
            lambda s, now: deny(s, actor=actor, role=role, now=now, reason=reason, gate=gate)
        )
        return said(service, answer)
