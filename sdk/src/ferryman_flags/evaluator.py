"""The evaluator: definitions in, values out. Reading takes no lock and never raises."""

from __future__ import annotations

import builtins
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from ferryman_flags.context import CURRENT
from ferryman_flags.counters import Counters
from ferryman_flags.definition import FlagSet, parse
from ferryman_flags.details import Details
from ferryman_flags.errors import Reason
from ferryman_flags.hashing import DEFAULT_HASH
from ferryman_flags.kinds import SERVES, Kind, as_kind, copied, kind_of
from ferryman_flags.overriding import join, override, overrides, watch
from ferryman_flags.snapshot import Snapshot, Tables

T = TypeVar("T")


class Evaluator:
    """Evaluates flags. One may be shared by all threads; `load` and `patch` replace what it knows at one stroke.

    A context is a mapping; `targetingKey` in it is the user that rollouts go by. Without one, the context counts that
    `bound` says.
    """

    override = staticmethod(override)
    """`with flags.override({key: value})`: for this thread or task, see `ferryman_flags.overriding.override`."""

    def __init__(self, counters: Counters | None = None, *, hash: str = DEFAULT_HASH) -> None:
        """`hash` is the generation of buckets, `v3` or `v2`, of flags that do not name theirs."""
        self.counters = counters or Counters()
        self._write = threading.Lock()
        self._snapshot = Snapshot(FlagSet({}, {}, {}, hash), None, self.counters.cell)
        self._is_detoured = False
        self._show()
        join(self)

    @staticmethod
    def from_flagd(
        source: str | bytes | os.PathLike[str] | Mapping[str, Any], *, hash: str = DEFAULT_HASH
    ) -> Evaluator:
        """An evaluator of the flags in a document of flagd: JSON text, a mapping, or the path (`Path`) of a file of it.

        It answers as openfeature-flagd-core 2.0.0 does; with `hash="v2"` users fall into the buckets of 1.0.0.
        Raises `DefinitionError` if the document cannot be used at all, and `OSError` if the file cannot be read.
        """
        document = Path(source).read_bytes() if isinstance(source, os.PathLike) else source
        made = Evaluator(hash=hash)
        made.load(document)
        return made

    @property
    def snapshot(self) -> Snapshot:
        """What it knows now."""
        return self._snapshot

    def load(self, document: str | bytes | Mapping[str, Any], version: builtins.int | None = None) -> frozenset[str]:
        """Take over a whole document of flagd JSON; returns the keys of the flags that are not as they were.

        A flag that is broken gives PARSE_ERROR and is among `snapshot.problems()`; the others work. Raises
        `DefinitionError` if the document cannot be used at all; then everything stays as it was.
        """
        return self.take(parse(document, self._snapshot.flags.hash), version)

    def take(self, flag_set: FlagSet, version: builtins.int | None = None) -> frozenset[str]:
        """`load` for flags that were parsed already."""
        with self._write:
            return self._follow_up(self._snapshot.replaced_by(flag_set, version))

    def patch(
        self,
        flags: Mapping[str, Any],
        version: builtins.int | None = None,
        *,
        evaluators: Mapping[str, Any] = MappingProxyType({}),
    ) -> frozenset[str]:
        """Set single flags or shared rules, or take those away that are None; returns the keys of what changed."""
        with self._write:
            return self._follow_up(self._snapshot.patched(flags, evaluators, version))

    def _follow_up(self, after: tuple[Snapshot, frozenset[str]]) -> frozenset[str]:
        self._snapshot, changed = after
        self._show()
        return changed

    def _show(self) -> None:
        """Let evaluations take the short way, through the tables of functions, or not."""
        tables = (Tables(), Tables()) if self._is_detoured else (self._snapshot.values, self._snapshot.details)
        self._values, self._details = tables

    def detour(self, *, is_on: builtins.bool) -> None:
        """Take the longer way, on which overrides count; called by `ferryman_flags.overriding`."""
        with self._write:
            self._is_detoured = is_on
            self._show()

    def after_fork(self) -> None:
        """In a child process: locks of its own, and counters at zero."""
        self._write = threading.Lock()
        self.counters.restart()

    def follow(self) -> None:
        """From now on also note, for the request at hand, which variants it is given (`ferryman_flags.context.trail`)."""
        with self._write:
            if not self.counters.follows:
                self.counters.follows = True
                self._snapshot = Snapshot(self._snapshot.flags, self._snapshot.version, self.counters.cell)
                self._show()

    def bool(self, key: str, default: builtins.bool, context: Mapping[str, Any] | None = CURRENT) -> builtins.bool:
        """The value of a boolean flag, or `default`."""
        try:
            return self._values.boolean[key](context, default)
        except Exception:  # noqa: BLE001 - the first use, no such flag, or something unusual
            return self._value("boolean", key, default, context)

    def string(self, key: str, default: str, context: Mapping[str, Any] | None = CURRENT) -> str:
        """The value of a flag of texts, or `default`."""
        try:
            return self._values.string[key](context, default)
        except Exception:  # noqa: BLE001
            return self._value("string", key, default, context)

    def int(self, key: str, default: builtins.int, context: Mapping[str, Any] | None = CURRENT) -> builtins.int:
        """The value of a flag of integers, or `default`."""
        try:
            return self._values.integer[key](context, default)
        except Exception:  # noqa: BLE001
            return self._value("integer", key, default, context)

    def float(self, key: str, default: builtins.float, context: Mapping[str, Any] | None = CURRENT) -> builtins.float:
        """The value of a flag of numbers, or `default`."""
        try:
            return self._values.float[key](context, default)
        except Exception:  # noqa: BLE001
            return self._value("float", key, default, context)

    def object(self, key: str, default: T, context: Mapping[str, Any] | None = CURRENT) -> T | Any:
        """A copy of the value of a flag of objects or lists, or `default`."""
        try:
            return self._values.object[key](context, default)
        except Exception:  # noqa: BLE001
            return self._value("object", key, default, context)

    def details(
        self, key: str, default: Any, context: Mapping[str, Any] | None = CURRENT, *, kind: Kind | None = None
    ) -> Details:
        """The value with variant, reason, error and metadata. `kind` is, if not given, the type of `default`.

        With `default` None any type is taken.
        """
        kind = kind or kind_of(default)
        try:
            return self._details.of(kind)[key](context, default)  # pyright: ignore[reportArgumentType]
        except Exception:  # noqa: BLE001
            return self._found(kind, key, default, context, details=True)

    def _value(self, kind: Kind, key: str, default: Any, context: Any) -> Any:
        return self._found(kind, key, default, context, details=False)

    def _found(self, kind: Kind | None, key: str, default: Any, context: Any, *, details: builtins.bool) -> Any:
        """What the short way did not give: by a function that is made now, else exactly."""
        snapshot = self._snapshot
        if self._is_detoured:
            watch(self, key)
            found = _overridden(kind, key)
            if found is not None:
                return found if details else found.value
        if context is None:
            context = CURRENT
        try:
            function = snapshot.make(kind, key, details=details) if kind else None
            if function is not None:
                return function(context, default)
        except Exception:  # noqa: BLE001, S110 - the exact way tells what it is
            pass
        found = snapshot.evaluate(kind, key, default, context)
        return found if details else found.value


def _overridden(kind: Kind | None, key: Any) -> Details | None:
    """What `override` says of a flag in this thread or task, if anything of the right type."""
    values = overrides()
    if not isinstance(key, str) or key not in values or (kind and not SERVES[kind](values[key])):
        return None
    return Details(as_kind(kind, copied(values[key])), None, Reason.OVERRIDE)
