"""Values that are so here and now: `with override({"new-checkout": True})` in this thread or task, nowhere else.

While anything is overridden or watched anywhere in the process, all evaluators take a longer way, on which they ask here.
At all other times this costs nothing.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Protocol

_NONE: Mapping[str, Any] = MappingProxyType({})
_overrides: ContextVar[Mapping[str, Any]] = ContextVar("ferryman_flags_overrides", default=_NONE)


class Member(Protocol):
    """An evaluator of this process."""

    def detour(self, *, is_on: bool) -> None:
        """Take the longer way from now on, or the short one."""
        ...

    def after_fork(self) -> None:
        """Called in a child process."""
        ...


Watcher = Callable[[Any, Any], None]
"""Told the evaluator and the key of each evaluation."""


class _Process:
    """What is so for all evaluators of the process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.evaluators: weakref.WeakSet[Member] = weakref.WeakSet()
        self.reasons = 0
        self.watcher: Watcher | None = None

    def count(self, more: int) -> None:
        """One more, or one less, reason for the longer way."""
        with self.lock:
            before, self.reasons = bool(self.reasons), self.reasons + more
            if bool(self.reasons) != before:
                for evaluator in list(self.evaluators):
                    evaluator.detour(is_on=not before)


_process = _Process()


def join(evaluator: Member) -> None:
    """Tell this evaluator, now and later, which way to take."""
    with _process.lock:
        _process.evaluators.add(evaluator)
        evaluator.detour(is_on=bool(_process.reasons))


def _after_fork() -> None:
    _process.lock = threading.RLock()  # one that nobody holds
    for evaluator in list(_process.evaluators):
        evaluator.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def overrides() -> Mapping[str, Any]:
    """What is overridden here: flag to value."""
    return _overrides.get()


def watch(evaluator: Any, key: Any) -> None:
    """Tell the watcher, if there is one, of an evaluation."""
    if _process.watcher is not None:
        _process.watcher(evaluator, key)


@contextmanager
def override(values: Mapping[str, Any] = _NONE, /, **named: Any) -> Generator[None]:
    """Inside, in this thread or task, these flags have these values for every evaluator, whether they exist or not.

    It nests, crosses `await`, and touches no other flag. A value of a type that is not asked for has no effect.
    """
    token = _overrides.set({**_overrides.get(), **values, **named})
    _process.count(1)
    try:
        yield
    finally:
        _process.count(-1)
        _overrides.reset(token)


@contextmanager
def watched(watcher: Watcher) -> Generator[None]:
    """Inside, in the whole process, `watcher` is told of each evaluation; of several, the last one."""
    before, _process.watcher = _process.watcher, watcher
    _process.count(1)
    try:
        yield
    finally:
        _process.count(-1)
        _process.watcher = before
