"""What people of a simulation say to what waits: approvals and freezes, in a few words."""

from __future__ import annotations

from ferryman.core.answers import Answer
from ferryman.core.approving import approve, deny
from ferryman.core.freezing import freeze, unfreeze
from ferryman.model.role import Role
from ferryman.model.rollout import Service


def gate_verb(service: Service, words: str, now: float) -> Answer | None:
    """`approve ana`, `approve ana as admin`, `deny ben`, `freeze`, `freeze 5 with rollback`, `unfreeze`; None for anything else. Raises `Refused`."""
    match words.split():
        case ["approve", who]:
            return approve(service, actor=who, role=Role.OPERATOR, now=now)
        case ["approve", who, "as", role]:
            return approve(service, actor=who, role=role, now=now)
        case ["deny", who]:
            return deny(service, actor=who, role=Role.OPERATOR, now=now)
        case ["unfreeze"]:
            return unfreeze(service, actor="ana")
        case ["freeze", *more]:
            until = now + float(more[0]) if more else None
            return freeze(service, actor="ana", now=now, reason="sale", until=until, rollback="rollback" in more)
        case _:
            return None
