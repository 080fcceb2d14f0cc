"""All flags as they are at one moment, with the functions that evaluate them, made when each is first asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ferryman_flags.closures import Closure, Closures, full_data
from ferryman_flags.codegen import Cells, Evaluate, NotHereError, function_of
from ferryman_flags.definition import BrokenFlag, Flag, FlagSet, parse_flag
from ferryman_flags.details import Details
from ferryman_flags.errors import ErrorCode, FlagFailure, Reason
from ferryman_flags.kinds import KINDS, Kind, copied
from ferryman_flags.outcomes import failed, of_default, of_disabled, of_variant, variant_name

Table = dict[str, Evaluate]


class Tables:
    """For each type the functions made so far, by flag. A flag of another type is simply not in the table."""

    __slots__ = ("boolean", "float", "integer", "object", "string")

    def __init__(self) -> None:
        self.boolean: Table = {}
        self.string: Table = {}
        self.integer: Table = {}
        self.float: Table = {}
        self.object: Table = {}

    def of(self, kind: Kind) -> Table:
        """The table of a type."""
        table: Table = getattr(self, kind)
        return table

    def without(self, keys: set[str]) -> Tables:
        """A copy with all functions but those of some flags."""
        other = Tables()
        for kind in KINDS:
            table = self.of(kind).copy()
            for key in keys & table.keys():
                del table[key]
            setattr(other, kind, table)
        return other


def _refuse(*_: Any) -> Any:
    """In place of a function of targeting that cannot be read; the exact way knows why, and does not read it again."""
    raise NotHereError


class Snapshot:
    """Immutable in what it says; what it makes of it is kept."""

    def __init__(self, flag_set: FlagSet, version: int | None, cells: Cells) -> None:
        self.flags = flag_set
        self.version = version
        """What the server calls this state; None if it came from no server."""
        self.values, self.details = Tables(), Tables()
        self._cells = cells
        self._exact: dict[str, Closure | FlagFailure] = {}

    def problems(self) -> dict[str, str]:
        """What is wrong, by flag, with those that cannot be evaluated at all."""
        return {key: flag.problem for key, flag in self.flags.flags.items() if isinstance(flag, BrokenFlag)}

    def replaced_by(self, flag_set: FlagSet, version: int | None) -> tuple[Snapshot, frozenset[str]]:
        """The snapshot of other flags, and the keys of those that are not as they were; of the rest the functions stay."""
        old, new = self.flags.flags, flag_set.flags
        changed = {key for key, flag in new.items() if old.get(key) != flag} | (old.keys() - new.keys())
        kept = {key: flag if key in changed else old[key] for key, flag in new.items()}
        return self._successor(replace(flag_set, flags=kept), version, changed), frozenset(changed)

    def _successor(self, flag_set: FlagSet, version: int | None, changed: set[str]) -> Snapshot:
        after = Snapshot(flag_set, version, self._cells)
        after.values, after.details = self.values.without(changed), self.details.without(changed)
        after._exact = {key: closure for key, closure in self._exact.items() if key not in changed}
        return after

    def patched(
        self, flags: Mapping[str, Any], evaluators: Mapping[str, Any], version: int | None
    ) -> tuple[Snapshot, frozenset[str]]:
        """With some flags set, or with None taken away, and shared rules likewise; and the keys of what changed."""
        before = self.flags
        rules = {**before.evaluators, **evaluators}
        rules = {name: rule for name, rule in rules.items() if rule is not None} if evaluators else before.evaluators
        after = dict(before.flags)
        if evaluators:
            for key, flag in before.flags.items():
                if isinstance(flag, Flag) and self._depends(flag, evaluators):
                    after[key] = replace(flag, evaluators=rules)
        within = replace(before, evaluators=rules)
        for key, written in flags.items():
            if written is None:
                after.pop(key, None)
            else:
                after[key] = parse_flag(key, written, within)
        touched = set(after) | set(before.flags) if evaluators else set(flags)
        changed = {key for key in touched if before.flags.get(key) != after.get(key)}
        return self._successor(replace(within, flags=after), version, changed), frozenset(changed)

    @staticmethod
    def _depends(flag: Flag, evaluators: Mapping[str, Any]) -> bool:
        """Whether the targeting of a flag uses one of these rules, or was not read yet."""
        return bool(flag.targeting) and (flag.references is None or not flag.references.isdisjoint(evaluators))

    def make(self, kind: Kind, key: str, *, details: bool) -> Evaluate | None:
        """The function of a flag, made if it is new; None if there is no such flag or it has none."""
        tables = self.details if details else self.values
        table = tables.of(kind)
        function = table.get(key)
        flag = self.flags.flags.get(key)
        if function is None and isinstance(flag, Flag):
            try:
                function = function_of(flag, kind, self._cells, details=details)
            except FlagFailure as failure:
                self._exact[key] = failure
                function = _refuse
            except (RecursionError, SyntaxError, MemoryError, ValueError):  # too much for Python's compiler
                function = self._by_closures(kind, key, details=details)
            table[key] = function
        return function

    def _by_closures(self, kind: Kind, key: str, *, details: bool) -> Evaluate:
        def evaluate(context: Any, default: Any) -> Any:
            found = self.evaluate(kind, key, default, context)
            return found if details else found.value

        return evaluate

    def evaluate(self, kind: Kind | None, key: Any, default: Any, context: Any) -> Details:
        """Evaluate exactly, by closures, and count. Never raises; `kind` None takes a value of any type."""
        if not isinstance(key, str):
            key = f"<{type(key).__name__}>"
        flag = self.flags.flags.get(key)
        metadata: Mapping[str, Any] = flag.metadata if isinstance(flag, Flag) else {}
        try:
            found = self._evaluate(kind, flag, key, context)
            if found.variant is None:
                found = replace(found, value=default)
            else:
                found = replace(found, value=copied(found.value))
        except FlagFailure as failure:
            found = failed(failure, default, metadata)
        except Exception as error:  # noqa: BLE001 - whatever a context does, an evaluation gives a value
            message = f"flag {key!r}: {type(error).__name__} in its targeting"
            found = failed(FlagFailure(ErrorCode.GENERAL, message), default, metadata)
        self._cells(key, found.variant, found.reason)()
        return found

    def _evaluate(self, kind: Kind | None, flag: Flag | BrokenFlag | None, key: str, context: Any) -> Details:
        if flag is None:
            raise FlagFailure(ErrorCode.FLAG_NOT_FOUND, f"there is no flag {key!r}")
        if isinstance(flag, BrokenFlag):
            raise FlagFailure(ErrorCode.PARSE_ERROR, flag.problem)
        if not flag.enabled:
            return of_disabled(flag)
        if not flag.targeting:
            return of_default(flag, kind, Reason.STATIC)
        closure = self._closure(flag)
        value = closure(full_data({} if context is None else context, key, int(time.time())))
        return of_default(flag, kind, Reason.DEFAULT) if value is None else of_variant(flag, kind, variant_name(value))

    def _closure(self, flag: Flag) -> Closure:
        found = self._exact.get(flag.key)
        if found is None:
            try:
                found = Closures(flag.hash).of(flag.logic())
            except FlagFailure as failure:
                found = failure
            self._exact[flag.key] = found
        if isinstance(found, FlagFailure):
            raise FlagFailure(found.code, str(found))
        return found
