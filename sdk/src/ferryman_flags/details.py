"""The result of an evaluation with how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryman_flags.errors import ErrorCode, Reason


@dataclass(frozen=True, slots=True)
class Details:
    """What a flag gave, and why."""

    value: Any
    variant: str | None
    """None when the value is the code default."""
    reason: Reason
    error: ErrorCode | None = None
    message: str = ""
    """For people, when there is an error."""
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, Any], hash=False)
