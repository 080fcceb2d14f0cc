"""What somebody is to a service."""

from __future__ import annotations

from enum import StrEnum

RESERVED_NAMES = frozenset({"ferryman", "anonymous"})
"""Actors that are nobody's name."""


class Role(StrEnum):
    """Lowest first: each may all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Grows with what it may."""
        return ROLES.index(self)


ROLES = tuple(Role)


def ranks_as(role: str, wanted: str) -> bool:
    """Whether somebody of `role` may what `wanted` may; a role that is none never may, nor does one that is none."""
    return role in ROLES and wanted in ROLES and Role(role).rank >= Role(wanted).rank
