"""Values that are so here and now: `with flags.override({"new-checkout": True})` in this thread or task, nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, Any] = MappingProxyType({})
_overrides: ContextVar[Mapping[str, Any]] = ContextVar("ferryman_flags_overrides", default=_NONE)


def overrides() -> Mapping[str, Any]:
    """What is overridden here: flag to value."""
    return _overrides.get()


class Overriding:
    """Keeps what was before, so that overrides nest."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._before: list[Mapping[str, Any]] = []

    def begin(self) -> None:
        """Put the values over those that are overridden already."""
        self._before.append(_overrides.get())
        _overrides.set({**_overrides.get(), **self._values})

    def end(self) -> None:
        """Go back to what was before the last `begin`."""
        _overrides.set(self._before.pop())
