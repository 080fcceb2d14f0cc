"""What belongs to the request at hand, in this thread or task only: its context, and which variants it was given.

Both cross `await` and are inherited by tasks, not by threads.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

NOBODY: Mapping[str, Any] = MappingProxyType({})
_bound: ContextVar[Mapping[str, Any]] = ContextVar("ferryman_flags_context", default=NOBODY)

Trail = set[tuple[str, str]]
"""(flag, variant) of what was evaluated."""
_trail: ContextVar[Trail | None] = ContextVar("ferryman_flags_trail", default=None)


class Current(Mapping[str, Any]):
    """The context that is bound at the moment of asking; the context of whoever gives none."""

    def __getitem__(self, key: str) -> Any:
        return _bound.get()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_bound.get())

    def __len__(self) -> int:
        return len(_bound.get())

    def get(self, key: str, default: Any = None) -> Any:
        return _bound.get().get(key, default)


CURRENT = Current()


@contextmanager
def bound(context: Mapping[str, Any]) -> Generator[None]:
    """Inside, evaluations that are given no context use this one, over what an outer `bound` says."""
    token = _bound.set({**_bound.get(), **context})
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def trail() -> Generator[Trail]:
    """Collects which variants are given inside. The client must be told to (`Evaluator.follow`)."""
    seen: Trail = set()
    token = _trail.set(seen)
    try:
        yield seen
    finally:
        _trail.reset(token)


def begin(context: Mapping[str, Any]) -> Trail:
    """`bound` and `trail` without an end: for a `contextvars.Context` of one's own, which is thrown away."""
    seen: Trail = set()
    _bound.set({**_bound.get(), **context})
    _trail.set(seen)
    return seen


def leave_trail(step: tuple[str, str]) -> None:
    """Add to the trail of this request, if it has one."""
    seen = _trail.get()
    if seen is not None:
        seen.add(step)
