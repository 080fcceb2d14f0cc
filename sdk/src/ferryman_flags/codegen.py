"""One Python function for each flag: targeting as source text, compiled when the flag is first asked for.

Nothing of a definition is ever part of the text. Constants, operators and results are bound as names (`k0`, `k1`, ...),
so the text consists of what stands in this package; flags of the same form share their compiled code.

The function is optimistic. It decides what is usual (texts, numbers, a key to bucket by) on the spot, asks the
operators for the rest, and where it cannot go on it raises: then the caller evaluates again, exactly, by closures.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from ferryman_flags.closures import Closure, Closures, full_data
from ferryman_flags.definition import Flag
from ferryman_flags.details import Details
from ferryman_flags.errors import FlagFailure, Reason
from ferryman_flags.expressions import Expressions, Names
from ferryman_flags.fractions import Division, division_of
from ferryman_flags.hashing import hash_v3
from ferryman_flags.kinds import Kind, copied
from ferryman_flags.logic import Call, Choice, Constant, Node
from ferryman_flags.outcomes import of_default, of_disabled, of_variant, variant_name

Evaluate = Callable[[Any, Any], Any]
"""From the context and the code default to the value, or to `Details`."""
Cell = Callable[[], int]
"""Counts one evaluation."""
Cells = Callable[[str, "str | None", Reason], Cell]
"""The cell that counts for a flag, a variant and a reason."""

INDENT_MAX = 40
_BUILTINS = {"type": type, "str": str, "int": int, "float": float, "len": len, "next": next}
SLOTS_MAX = 16


class NotHereError(Exception):
    """Raised by generated code: the exact way must decide."""


def function_of(flag: Flag, kind: Kind, cells: Cells, *, details: bool) -> Evaluate:
    """The function that evaluates a flag for one type; with `details`, it gives `Details` instead of the value.

    Raises `FlagFailure` (PARSE_ERROR) for targeting that cannot be read.
    """
    return _Writer(flag, kind, cells, details=details).function()


@lru_cache(maxsize=4096)
def _compiled(source: str) -> CodeType:
    return compile(source, "<flag>", "exec", optimize=2)


class _Writer:
    def __init__(self, flag: Flag, kind: Kind, cells: Cells, *, details: bool) -> None:
        self._flag, self._cells, self._details = flag, cells, details
        self._kind: Kind = kind
        self._names = Names()
        self._lines: list[str] = []
        self._known: dict[tuple[int, str], list[str]] = {}
        self._exact = partial(_exact, flag.key, flag.hash)
        self._expressions = Expressions(self._names, self._exact, flag.hash, flag.key)

    def function(self) -> Evaluate:
        self._body()
        source = "def evaluate(context, default):\n" + "\n".join(self._lines)
        scope: dict[str, Any] = {"__builtins__": _BUILTINS, **self._names.bound}
        exec(_compiled(source), scope)  # noqa: S102
        function: Evaluate = scope["evaluate"]
        return function

    def _body(self) -> None:
        flag = self._flag
        if not flag.enabled:
            self._result(1, lambda: of_disabled(flag))
        elif not flag.targeting:
            self._result(1, lambda: of_default(flag, self._kind, Reason.STATIC))
        else:
            self._decide(flag.logic(), 1)

    def _line(self, indent: int, text: str) -> None:
        self._lines.append("  " * indent + text)

    def _decide(self, node: Node, indent: int) -> None:
        """Statements that end the function with the result of a node."""
        match node:
            case Constant(value):
                self._variant(value, indent)
            case Choice(branches, otherwise) if indent < INDENT_MAX:
                for condition, value in branches:
                    self._line(indent, f"if {self._expressions.condition(condition)}:")
                    self._decide(value, indent + 1)
                self._decide(otherwise, indent)
            case Call("fractional", _) if (division := division_of(node)) and len(division.slots) <= SLOTS_MAX:
                self._divide(division, indent)
            case _:
                self._choose(self._expressions.value(node), indent)

    def _divide(self, division: Division, indent: int) -> None:
        """A key, its hash, and the slots as comparisons with the hash."""
        key, further, hashed = self._expressions.hashed(division, "key")
        self._line(indent, f"key = {key}")
        self._line(indent, f"if type(key) is str{further}:")
        self._line(indent + 1, f"hashed = {hashed}")
        self._line(indent, f"elif key is None{' or key == str()' if further else ''}:")  # nobody in particular
        self._variant(None, indent + 1)
        if self._flag.hash == "v3" and division.by is not None:
            self._line(indent, "elif type(key) is int or type(key) is float:")
            self._line(indent + 1, f"hashed = {self._names.bind(hash_v3)}(key)")
        self._line(indent, f"else: raise {self._names.bind(NotHereError)}")
        *first, (_, last) = division.slots
        for limit, variant in first:
            self._line(indent, f"if hashed < {self._names.bind(limit)}:")
            self._variant(variant, indent + 1)
        self._variant(last, indent)

    def _variant(self, value: Any, indent: int) -> None:
        """The end for a result of targeting that is known now."""
        flag, kind = self._flag, self._kind
        if value is None:
            self._result(indent, lambda: of_default(flag, kind, Reason.DEFAULT))
            return
        name = variant_name(value)
        known = (indent, name)
        if known not in self._known:
            start = len(self._lines)
            self._result(indent, lambda: of_variant(flag, kind, name))
            self._known[known] = self._lines[start:]
        else:
            self._lines += self._known[known]

    def _choose(self, expression: str, indent: int) -> None:
        """The end for a result of targeting that is known only then."""
        flag, kind = self._flag, self._kind
        results: dict[str, tuple[Cell, Any]] = {}
        for variant in flag.variants:
            try:
                found = of_variant(flag, kind, variant)
            except FlagFailure:
                continue  # not in the table, so the exact way says what is wrong
            results[variant] = self._cells(flag.key, variant, found.reason), found if self._details else found.value
        self._line(indent, f"chosen = {expression}")
        self._line(indent, "if chosen is None:")
        self._variant(None, indent + 1)
        table, name = self._names.bind(results), self._names.bind(variant_name)
        self._line(indent, f"count, result = {table}[chosen if type(chosen) is str else {name}(chosen)]")
        self._line(indent, "count()")
        self._line(indent, f"return {self._handed('result')}")

    def _result(self, indent: int, find: Callable[[], Details]) -> None:
        """Count and return; raise where the result is an error, so that the exact way says which."""
        try:
            found = find()
        except FlagFailure:
            self._line(indent, f"raise {self._names.bind(NotHereError)}")
            return
        self._line(indent, self._counted(self._cells(self._flag.key, found.variant, found.reason)))
        if found.variant is not None:
            self._line(indent, f"return {self._handed(self._names.bind(found if self._details else found.value))}")
        elif self._details:
            make = self._names.bind(_code_default(found))
            self._line(indent, f"return {make}(default)")
        else:
            self._line(indent, "return default")

    def _counted(self, cell: Cell) -> str:
        """Counts once: by `next` where the cell is a bare counter, which is faster than the cell itself."""
        counter = getattr(cell, "__self__", None)
        if isinstance(counter, itertools.count):
            return f"next({self._names.bind(counter)})"
        return f"{self._names.bind(cell)}()"

    def _handed(self, result: str) -> str:
        """Objects are handed out as copies."""
        if self._kind != "object":
            return result
        return f"{self._names.bind(_copied_details if self._details else copied)}({result})"


def _exact(flag_key: str, generation: str, node: Node) -> Callable[[Any], Any]:
    """The value of a node, given the context, in the exact way; its closure is made when it is first needed."""
    made: list[Closure] = []

    def evaluate(context: Any) -> Any:
        if not made:
            made.append(Closures(generation).of(node))
        return made[0](full_data(context, flag_key, int(time.time())))

    return evaluate


def _code_default(found: Details) -> Callable[[Any], Details]:
    return lambda default: Details(default, None, found.reason, metadata=found.metadata)


def _copied_details(found: Details) -> Details:
    return Details(copied(found.value), found.variant, found.reason, metadata=found.metadata)
