"""Who asks, and what they may. Pure: no request, no clock.

A role is held for one service or for `EVERY_SERVICE`, and each role may all that the one below it may.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from ferryman.model.errors import FerrymanError
from ferryman.model.role import Role

EVERY_SERVICE = "*"


class Permission(StrEnum):
    """What an endpoint needs: to look, to steer releases, to settle who may what and to end the controller; to be told what
    flags are for a user, which tokens of programs may too."""

    READ = "read"
    EVALUATE = "evaluate"
    OPERATE = "operate"
    ADMINISTER = "administer"


NEEDED: Mapping[Permission, Role] = {
    Permission.READ: Role.VIEWER,
    Permission.EVALUATE: Role.VIEWER,
    Permission.OPERATE: Role.OPERATOR,
    Permission.ADMINISTER: Role.ADMIN,
}


class Unauthenticated(FerrymanError):
    """Nobody knows who asks: no credential, or one that is wrong, expired or revoked. Answered with 401."""

    exit_code = 2


class Forbidden(FerrymanError):
    """It is known who asks, and they may not do this (code ``forbidden``). Answered with 403."""

    exit_code = 2


class TooManyAttempts(FerrymanError):
    """Too many wrong credentials from one address or for one token. Answered with 429 after which `seconds` are to pass."""

    exit_code = 2
    seconds = 1


def too_many(seconds: float, address: str) -> TooManyAttempts:
    """The refusal of a further wrong one."""
    whole = max(1, math.ceil(seconds - 0.001))
    error = TooManyAttempts(
        "too_many_attempts", f"too many wrong tokens from {address}", f"try again in {whole} s, with the right one"
    )
    error.seconds = whole
    return error


class Principal(msgspec.Struct, frozen=True):
    """Somebody who asks. `name` becomes the actor of what they do; `roles` are by service, or for `EVERY_SERVICE`. `via`
    says how they are known: ``socket``, ``token``, ``session``, or ``loopback`` for who is not known at all. `credential`
    is the id of the token or session, "" without one. With the token of a program `program` is its kind, ``server`` or
    ``client``, and `environment` the one whose flags it gets; it has no roles."""

    name: str
    roles: dict[str, Role]
    via: str = "token"
    credential: str = ""
    program: str = ""
    environment: str = ""

    def role(self, service: str | None) -> Role | None:
        """The highest role for a service; with None the one held for every service."""
        held = {self.roles.get(EVERY_SERVICE), self.roles.get(service) if service is not None else None}
        return max((role for role in held if role is not None), key=lambda role: role.rank, default=None)

    def may(self, permission: Permission, service: str | None) -> bool:
        """Whether this is allowed for `service`. None means what concerns no single service: reading that is allowed to
        who holds any role at all, and the answer shows only what `may` allows service by service; everything else needs
        the role for every service."""
        if permission is Permission.EVALUATE and self.program:
            return True
        if service is None and permission is Permission.READ:
            return bool(self.roles)
        role = self.role(service)
        return role is not None and role.rank >= NEEDED[permission].rank

    def need(self, permission: Permission, service: str | None) -> None:
        """Raises `Forbidden` when `may` says no."""
        if self.may(permission, service):
            return
        role = self.role(service)
        place = f"service {service!r}" if service is not None else "the whole controller"
        raise Forbidden(
            "forbidden",
            f"{self.name} is {role.value if role else 'nothing'} for {place}; this needs {NEEDED[permission].value}",
            "ask an admin for a token with that role: `ferry token create`",
        )


def owner(name: str) -> Principal:
    """Who reaches the unix socket: its file permissions let the owner of the controller in and nobody else."""
    return Principal(name, {EVERY_SERVICE: Role.ADMIN}, via="socket")
