"""What a flag gives once targeting has spoken: a variant of the right type, the code default, or an error.

Shared by both ways of evaluating, so that generated code and closures cannot differ here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman_flags.definition import Flag
from ferryman_flags.details import Details
from ferryman_flags.errors import ErrorCode, FlagFailure, Reason
from ferryman_flags.kinds import SERVES, Kind, as_kind


def of_variant(flag: Flag, kind: Kind | None, variant: str) -> Details:
    """What targeting chose. Raises `FlagFailure`: GENERAL for a variant that is not there, TYPE_MISMATCH."""
    if flag.variants.get(variant) is None:
        raise FlagFailure(ErrorCode.GENERAL, f"targeting of flag {flag.key!r} gave {variant!r}, which is no variant")
    return _checked(flag, kind, variant, Reason.TARGETING_MATCH)


def of_default(flag: Flag, kind: Kind | None, reason: Reason) -> Details:
    """The default variant, or (with variant None) the code default. Raises as `of_variant` does."""
    variant = flag.default_variant
    if variant is None:
        return Details(None, None, Reason.DEFAULT, metadata=flag.metadata)
    if variant not in flag.variants:
        raise FlagFailure(ErrorCode.GENERAL, f"the default of flag {flag.key!r} is {variant!r}, which is no variant")
    return _checked(flag, kind, variant, reason)


def of_disabled(flag: Flag) -> Details:
    """The code default."""
    return Details(None, None, Reason.DISABLED, metadata=flag.metadata)


def variant_name(value: Any) -> str:
    """The name of the variant that a result of targeting, not null, stands for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def failed(failure: FlagFailure, default: Any, metadata: Mapping[str, Any]) -> Details:
    """The code default, with what went wrong."""
    return Details(default, None, Reason.ERROR, failure.code, str(failure), metadata)


def _checked(flag: Flag, kind: Kind | None, variant: str, reason: Reason) -> Details:
    value = flag.variants[variant]
    if kind is not None and not SERVES[kind](value):
        raise FlagFailure(
            ErrorCode.TYPE_MISMATCH,
            f"variant {variant!r} of flag {flag.key!r} is {type(value).__name__}; asked for was {kind}",
        )
    return Details(as_kind(kind, value), variant, reason, metadata=flag.metadata)
