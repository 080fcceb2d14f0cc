"""What can go wrong with a flag, as OpenFeature names it, and the one exception of this package."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why an evaluation gave the code default (OpenFeature specification, types)."""

    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    GENERAL = "GENERAL"


class Reason(StrEnum):
    """How an evaluation came to its value."""

    STATIC = "STATIC"
    """The flag has no targeting: its default variant."""
    TARGETING_MATCH = "TARGETING_MATCH"
    DEFAULT = "DEFAULT"
    """Targeting said null: the default variant, or the code default if there is none."""
    DISABLED = "DISABLED"
    """The code default."""
    ERROR = "ERROR"
    """The code default; the error code says why."""
    OVERRIDE = "OVERRIDE"
    """`override` says so, in this thread or task only."""


class DefinitionError(ValueError):
    """Flag definitions that cannot be used at all. What was loaded before stays in force."""


class FlagFailure(Exception):
    """An evaluation that ends in an error code."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
