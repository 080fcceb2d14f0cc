"""What a function binds, reads and yields: what must not change by accident when branches go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import libcst as cst

T = TypeVar("T")

_REACHES_LOCALS = {"locals", "vars", "eval", "exec"}


class Scope(NamedTuple):
    """Of one function: `yields` and `declared` of its own body, `bound` and `read` with those of functions inside."""

    yields: int
    declared: frozenset[str]
    bound: Counter[str]
    read: frozenset[str]


class _Reader(cst.CSTVisitor):
    def __init__(self) -> None:
        self.yields = 0
        self.declared: set[str] = set()
        self.bound: Counter[str] = Counter()
        self.read: set[str] = set()
        self.depth = 0
        self._elsewhere: set[cst.CSTNode] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if self.depth:
            self.bind(node.name)
        self._elsewhere.add(node.name)
        self.depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.depth -= 1

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self.depth += 1

    def leave_Lambda(self, original_node: cst.Lambda) -> None:
        self.depth -= 1

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.bind(node.name)

    def visit_Yield(self, node: cst.Yield) -> None:
        self.yields += self.depth == 1

    def visit_Global(self, node: cst.Global) -> None:
        self._declare(node.names)

    def visit_Nonlocal(self, node: cst.Nonlocal) -> None:
        self._declare(node.names)

    def _declare(self, names: Sequence[cst.NameItem]) -> None:
        for item in names:
            self.bind(item.name)
            if self.depth == 1:
                self.declared.add(item.name.value)

    def visit_Param(self, node: cst.Param) -> None:
        self.bind(node.name)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._target(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._target(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._target(node.target)
        self._target(node.target)  # reads and binds: never the only binding

    def visit_For(self, node: cst.For) -> None:
        self._target(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._target(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._target(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._target(node.name)

    def visit_Del(self, node: cst.Del) -> None:
        self._target(node.target)
        self._target(node.target)

    def visit_ImportAlias(self, node: cst.ImportAlias) -> bool:
        if node.asname is not None:
            self._target(node.asname.name)
        else:
            name: cst.BaseExpression = node.name
            while isinstance(name, cst.Attribute):
                name = name.value
            self._target(name)
        return False

    def visit_MatchAs(self, node: cst.MatchAs) -> None:
        self._target(node.name)

    def visit_MatchStar(self, node: cst.MatchStar) -> None:
        self._target(node.name)

    def visit_MatchMapping(self, node: cst.MatchMapping) -> None:
        self._target(node.rest)

    def visit_MatchKeywordElement(self, node: cst.MatchKeywordElement) -> None:
        self._elsewhere.add(node.key)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._elsewhere.add(node.attr)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._elsewhere.add(node.keyword)

    def visit_Name(self, node: cst.Name) -> None:
        if node not in self._elsewhere:
            self.read.add(node.value)

    def _target(self, target: cst.CSTNode | None) -> None:
        if isinstance(target, cst.Name):
            self.bind(target)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._target(element.value)
        elif isinstance(target, cst.StarredElement):
            self._target(target.value)

    def bind(self, name: cst.Name) -> None:
        self.bound[name.value] += 1
        self._elsewhere.add(name)


def scope(function: cst.FunctionDef) -> Scope:
    """What a function does with names."""
    reader = _Reader()
    function.visit(reader)
    return Scope(reader.yields, frozenset(reader.declared), reader.bound, frozenset(reader.read))


def fixed_names(function: cst.FunctionDef, settled: Callable[[cst.CSTNode], T | None]) -> dict[str, T]:
    """Names that a function binds once, to something settled, and to nothing else: each use of them is that value.

    `settled` gives the value of an expression, or None for an open one.
    """
    found = scope(function)
    if found.read & _REACHES_LOCALS:
        return {}
    assigned = _Assigned(settled)
    function.visit(assigned)
    return {name: value for name, value in assigned.values.items() if found.bound[name] == 1}


class _Assigned(cst.CSTVisitor, Generic[T]):
    def __init__(self, settled: Callable[[cst.CSTNode], T | None]) -> None:
        self.values: dict[str, T] = {}
        self._settled = settled
        self._depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self._depth += 1
        return self._depth == 1  # a name of a function inside is settled there

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._depth -= 1

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Assign(self, node: cst.Assign) -> None:
        self._take(assigned_name(node), node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._take(assigned_name(node), node.value)

    def _take(self, name: str | None, expression: cst.BaseExpression | None) -> None:
        value = None if name is None or expression is None else self._settled(expression)
        if name is not None and value is not None:
            self.values[name] = value


def assigned_name(node: cst.Assign | cst.AnnAssign) -> str | None:
    """The one plain name that an assignment binds."""
    if isinstance(node, cst.AnnAssign):
        return node.target.value if isinstance(node.target, cst.Name) else None
    if len(node.targets) != 1 or not isinstance(node.targets[0].target, cst.Name):
        return None
    return node.targets[0].target.value
