"""Which environment somebody asks about, and whether they may."""

from __future__ import annotations

from ferryman.api.access.principal import Forbidden, Principal
from ferryman.flags.definition import DEFAULT_ENVIRONMENT

CLIENT = "client"
"""Kind of the tokens that anybody can read: they are in pages and apps."""


def environment_of(principal: Principal, asked: str | None) -> str:
    """The one that a token belongs to; for others the one they name. Raises `Forbidden` (``wrong_environment``)."""
    own = principal.environment
    if own and asked is not None and asked != own:
        raise Forbidden(
            "wrong_environment", f"this token is for {own}, and {asked} was asked for", f"use a token made for {asked}"
        )
    return own or asked or DEFAULT_ENVIRONMENT


def need_definitions(principal: Principal) -> None:
    """Raises `Forbidden` (``client_token``) for who may know values only, not rules."""
    if principal.program == CLIENT:
        raise Forbidden(
            "client_token",
            "a client token gets values of flags for one user, not their definitions",
            "evaluate by OFREP, or use a server token where nobody can read it",
        )
