"""What nothing needs any more once branches are gone: imports, names of the key, functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ferryman.cleanup import blocks
from ferryman.cleanup.places import place
from ferryman.cleanup.sources import Sources, Unreadable

_WORD = re.compile(rb"[^\W\d]\w*")


def without_imports(content: bytes, names: frozenset[str]) -> bytes:
    """The file without the imports of `names` at its top level."""
    return cst.parse_module(content).visit(_Imports(names)).bytes if names else content


def without_constants(content: bytes, lines: frozenset[int]) -> bytes:
    """The file without the assignments that begin on `lines` (one-based)."""
    return MetadataWrapper(cst.parse_module(content)).visit(_Lines(lines)).bytes if lines else content


def idle_imports(path: str, before: bytes, after: bytes, sources: Sources) -> frozenset[str]:
    """Names imported at the top that were read before, are not read now, and are nobody else's to import from here."""
    if PurePosixPath(path).name == "__init__.py":
        return frozenset()
    old, new = ast.parse(before), ast.parse(after)
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for statement in new.body
        if isinstance(statement, ast.Import | ast.ImportFrom) and getattr(statement, "module", "") != "__future__"
        for alias in statement.names
        if alias.asname is None or alias.asname != alias.name  # `import x as x` says: for others
    }
    idle = (imported & _read(old)) - _read(new)
    return frozenset(idle - _taken_by_others(path, idle, sources)) if idle else frozenset()


def named_anywhere(name: str, files: Mapping[str, bytes], but_not: frozenset[tuple[str, int]]) -> bool:
    """Whether a word stands in one of the files, other than on the lines given by path and one-based number."""
    word = re.compile(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)")
    for path, content in files.items():
        if name.encode() not in content:
            continue
        for number, line in enumerate(content.splitlines(), 1):
            if (path, number) not in but_not and word.search(line):
                return True
    return False


def idle_functions(
    before: Mapping[str, bytes], after: Mapping[str, bytes], changed: Iterable[str]
) -> list[tuple[str, int, str]]:
    """Functions and classes that a changed file named and nothing names now: path, line and name of the definition."""
    candidates: set[bytes] = set()
    for path in changed:
        candidates |= set(_WORD.findall(before[path])) - set(_WORD.findall(after[path]))
        candidates |= {
            word for word in set(_WORD.findall(after[path])) if before[path].count(word) > after[path].count(word)
        }
    found: list[tuple[str, int, str]] = []
    for path, content in after.items():
        if not any(word in content for word in candidates):
            continue
        for node in ast.parse(content).body if _parses(content) else ():
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.encode() in candidates and not named_anywhere(
                node.name, after, frozenset({(path, node.lineno)})
            ):
                found.append((path, node.lineno, node.name))
    return found


def _parses(content: bytes) -> bool:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    return True


def _read(tree: ast.Module) -> set[str]:
    """Names that are read, also in texts: annotations, ``__all__``."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= set(re.findall(r"[^\W\d]\w*", node.value))
    return names


def _taken_by_others(path: str, names: Iterable[str], sources: Sources) -> set[str]:
    taken: set[str] = set()
    for other in sources.holding(PurePosixPath(path).stem):
        if other == path:
            continue
        try:
            tree = sources.tree(other)
        except Unreadable:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and sources.imported_from(other, node) == path:
                taken |= set(names) if any(alias.name == "*" for alias in node.names) else {a.name for a in node.names}
            elif isinstance(node, ast.Attribute) and node.attr in names:
                taken.add(node.attr)
    return taken


class _Imports(cst.CSTTransformer):
    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        made = blocks.Rebuilt()
        for statement in updated_node.body:
            kept = self._without(statement) if isinstance(statement, cst.SimpleStatementLine) else statement
            if kept is None:
                made.lines(getattr(statement, "leading_lines", ()))
            else:
                made.keep(kept)
        return updated_node.with_changes(body=made.body, footer=made.footer(updated_node.footer))

    def _without(self, line: cst.SimpleStatementLine) -> cst.BaseStatement | None:
        body = [made for each in line.body if (made := self._small(each)) is not None]
        if not body:
            return None
        if len(body) < len(line.body):
            body[-1] = body[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
        return line.with_changes(body=body)

    def _small(self, statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement | None:
        if not isinstance(statement, cst.Import | cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
            return statement
        kept = [alias for alias in statement.names if _bound_by(alias) not in self._names]
        if len(kept) == len(statement.names):
            return statement
        if not kept:
            return None
        kept[-1] = kept[-1].with_changes(comma=statement.names[-1].comma)
        return statement.with_changes(names=kept)


def _bound_by(alias: cst.ImportAlias) -> str:
    if alias.asname is not None:
        return alias.asname.name.value if isinstance(alias.asname.name, cst.Name) else ""
    name: cst.BaseExpression = alias.name
    while isinstance(name, cst.Attribute):
        name = name.value
    return name.value if isinstance(name, cst.Name) else ""


class _Lines(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, lines: frozenset[int]) -> None:
        super().__init__()
        self._lines = lines
        self._gone: set[cst.CSTNode] = set()

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        if place(self, original_node)[0] in self._lines and len(updated_node.body) == 1:
            self._gone.add(updated_node)
        return updated_node

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        made = self._rebuilt(updated_node.body)
        if len(made.body) == len(updated_node.body):
            return updated_node
        if not made.body:
            made.keep(cst.SimpleStatementLine([cst.Pass()]))
        return updated_node.with_changes(body=made.body, footer=made.footer(updated_node.footer))

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        made = self._rebuilt(updated_node.body)
        empty = not made.body and not updated_node.header
        return updated_node.with_changes(
            body=made.body,
            footer=made.footer(updated_node.footer),
            has_trailing_newline=updated_node.has_trailing_newline and not empty,
        )

    def _rebuilt(self, body: Sequence[cst.BaseStatement]) -> blocks.Rebuilt:
        made = blocks.Rebuilt()
        for statement in body:
            if statement in self._gone:
                made.lines(getattr(statement, "leading_lines", ()))
            else:
                made.keep(statement)
        return made
