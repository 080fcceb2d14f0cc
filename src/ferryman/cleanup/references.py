"""Where a flag stands in Python code: asked for, named by a constant, or used as a text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from ferryman.cleanup.constants import Constants, dotted_name
from ferryman.cleanup.evaluations import Signature, signature
from ferryman.cleanup.sources import Sources, Unreadable

SNIPPET_CHARACTERS_MAX = 120


class Kind(StrEnum):
    """What a place does with the key."""

    EVALUATION = "evaluation"
    """asks for the flag's value"""
    CONSTANT = "constant"
    """gives the key a name, at the top of a module or of a class there"""
    USE = "use"
    """anything else: the key as a text, or a name for it, handed somewhere"""


class Reference(NamedTuple):
    """One place. `line` and `column` are one-based, the column in characters; `key` is the flag."""

    path: str
    line: int
    column: int
    kind: Kind
    key: str
    snippet: str
    answers: type | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.kind}: {self.snippet}"


class Found(NamedTuple):
    """References in order of place, and files that could not be read, with why."""

    references: tuple[Reference, ...]
    unreadable: tuple[Unreadable, ...]


def find(sources: Sources, key: str, *, own: tuple[str, ...] = ()) -> Found:
    """All references to the flag `key`; `own` are names of the project's own functions that take a key first."""
    constants = Constants(sources)
    names = [key]
    while True:
        unreadable: list[Unreadable] = []
        searches: list[_Search] = []
        for path in sources.holding(*names):
            try:
                searches.append(_Search(sources, path, key, constants, own))
            except Unreadable as error:
                unreadable.append(error)
        # Where a name for the key is used the key itself need not stand, and that name may have further names.
        more = {name for search in searches for name in search.names} - set(names)
        if not more:
            found = sorted(reference for search in searches for reference in search.references)
            return Found(tuple(found), tuple(unreadable))
        names += sorted(more)


class _Search(ast.NodeVisitor):
    """One file."""

    def __init__(self, sources: Sources, path: str, key: str, constants: Constants, own: tuple[str, ...]) -> None:
        self.path, self.key = path, key
        self.references: list[Reference] = []
        self.names: list[str] = []
        """Constants' names that stand for the key."""
        self._constants, self._own = constants, own
        self._lines = sources.files[path].splitlines()
        self._locals: list[set[str]] = []
        tree = sources.tree(path)
        self._documented = set(_docstrings(tree))
        self.visit(tree)

    def visit_Call(self, node: ast.Call) -> None:
        how = self._evaluates(node)
        if how is None:
            self.generic_visit(node)
            return
        asked, argument = how
        self._add(node, Kind.EVALUATION, asked.answers)
        self.visit(node.func)
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            if each is not argument:
                self.visit(each)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._binding(node, node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._binding(node, [node.target], node.value)

    def _binding(self, node: ast.stmt, targets: list[ast.expr], value: ast.expr | None) -> None:
        match targets:
            case [ast.Name(id=name)] if not self._locals and value is not None and self._stands_for_key(value):
                self.names.append(name)
                self._add(node, Kind.CONSTANT)
            case _:
                self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._locals.append(_local_names(node))
        self.generic_visit(node)
        self._locals.pop()

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value == self.key and isinstance(node.value, str) and id(node) not in self._documented:
            self._add(node, Kind.USE)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and self._stands_for_key(node):
            self._add(node, Kind.USE)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load) and self._stands_for_key(node):
            self._add(node, Kind.USE)
        else:
            self.generic_visit(node)

    def _evaluates(self, node: ast.Call) -> tuple[Signature, ast.expr] | None:
        receiver, name = _called(node.func)
        asked = signature(receiver, name, self._own)
        if asked is None or any(isinstance(each, ast.Starred) for each in node.args[: asked.position + 1]):
            return None
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        argument = node.args[asked.position] if len(node.args) > asked.position else None
        if argument is None:
            argument = next((named[each] for each in asked.keywords if each in named), None)
        return None if argument is None or not self._stands_for_key(argument) else (asked, argument)

    def _stands_for_key(self, node: ast.expr) -> bool:
        dotted = dotted_name(node)
        if dotted is not None and any(dotted[0] in names for names in self._locals):
            return False
        return self._constants.value(self.path, node) == self.key

    def _add(self, node: ast.expr | ast.stmt, kind: Kind, answers: type | None = None) -> None:
        line = self._lines[node.lineno - 1] if node.lineno <= len(self._lines) else b""
        column = len(line[: node.col_offset].decode("utf-8", "replace")) + 1
        snippet = line.decode("utf-8", "replace").strip()[:SNIPPET_CHARACTERS_MAX]
        self.references.append(Reference(self.path, node.lineno, column, kind, self.key, snippet, answers))


def _called(function: ast.expr) -> tuple[str | None, str]:
    """The last name of what is called on, and of what is called."""
    if isinstance(function, ast.Name):
        return None, function.id
    if not isinstance(function, ast.Attribute):
        return None, ""
    on = function.value
    while isinstance(on, ast.Call | ast.Subscript | ast.Await):
        on = on.func if isinstance(on, ast.Call) else on.value
    return (on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else ""), function.attr


def _local_names(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Names that a function binds for itself: they hide those of the module."""
    arguments = function.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    names = {each.arg for each in every if each is not None}
    if isinstance(function, ast.Lambda):
        return names
    outside: set[str] = set()
    for node in _own_nodes(function.body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outside |= set(node.names)
    return names - outside


def _own_nodes(body: list[Any]) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions and classes inside."""
    rest: list[ast.AST] = list(body)
    while rest:
        node = rest.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(node))


def _docstrings(tree: ast.Module) -> Iterator[int]:
    """Texts that stand alone as statements do nothing with the key."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
