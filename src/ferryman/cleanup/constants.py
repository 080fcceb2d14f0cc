"""Names that hold a flag's key: constants of modules and classes, members of enumerations, imports and aliases of these."""

from __future__ import annotations

import ast

from ferryman.cleanup.sources import Sources, Unreadable

ALIAS_DEPTH_MAX = 8


class Constants:
    """What the constant names of a project stand for, as far as it is certain: a name bound twice is none."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._modules: dict[str, _Module] = {}

    def value(self, path: str, expression: ast.expr, depth: int = 0) -> str | None:
        """The text that an expression at the level of `path` stands for: a literal, or a name that leads to one."""
        if isinstance(expression, ast.Constant):
            return expression.value if isinstance(expression.value, str) else None
        dotted = dotted_name(expression)
        return None if dotted is None else self.named(path, dotted, depth)

    def named(self, path: str, dotted: tuple[str, ...], depth: int = 0) -> str | None:
        """The text that a dotted name, as it is written in `path`, stands for."""
        if depth > ALIAS_DEPTH_MAX:
            return None
        if len(dotted) > 1 and dotted[-1] == "value":  # of a member of an enumeration
            return self.named(path, dotted[:-1], depth + 1)
        module = self._module(path)
        bound = module.bound.get(".".join(dotted))
        if bound is not None:
            return self.value(path, bound, depth + 1)
        for length in range(len(dotted), 0, -1):
            origin = module.imports.get(".".join(dotted[:length]))
            if origin is not None:
                return self._imported(path, origin, dotted[length:], depth)
        return None

    def _imported(self, path: str, origin: _Origin, rest: tuple[str, ...], depth: int) -> str | None:
        node, name = origin
        if isinstance(node, ast.Import):
            target = self._sources.module(name)
            return self.named(target, rest, depth + 1) if target and rest else None
        inside = self._sources.imported_from(path, node, name)
        if inside is not None and rest:
            return self.named(inside, rest, depth + 1)
        target = self._sources.imported_from(path, node)
        return self.named(target, (name, *rest), depth + 1) if target and target != path else None

    def _module(self, path: str) -> _Module:
        if path not in self._modules:
            try:
                self._modules[path] = _Module(self._sources.tree(path))
            except Unreadable:
                self._modules[path] = _Module(ast.Module([], []))
        return self._modules[path]


def dotted_name(expression: ast.expr) -> tuple[str, ...] | None:
    """The parts of ``a.b.c``, or None for anything else."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return (expression.id, *reversed(parts))


_Origin = tuple[ast.Import | ast.ImportFrom, str]


class _Module:
    """What a module binds at its top, and in classes there: names to expressions, and names to where they come from.

    A name that is bound again, or by something more than an assignment, stands for nothing certain.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.bound: dict[str, ast.expr] = {}
        self.imports: dict[str, _Origin] = {}
        self._twice: set[str] = set()
        self._read(tree.body, "")
        self._read_imports(tree)
        for name in self._twice:
            self.bound.pop(name, None)

    def _read(self, body: list[ast.stmt], prefix: str) -> None:
        for statement in body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._bind(prefix + name, value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._bind(prefix + name, value)
                case ast.ClassDef(name=name, body=inner) if not prefix:
                    self._read(inner, f"{name}.")
                case ast.Import() | ast.ImportFrom():
                    pass
                case _:
                    self._twice |= {prefix + name for name in _bound_below(statement)}

    def _read_imports(self, tree: ast.Module) -> None:
        """Also those inside of functions; a name that is imported from two places stands for neither."""
        twice: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    name, origin = alias.asname or alias.name, (node, alias.name)
                    if name in self.imports and _differ(self.imports[name], origin):
                        twice.add(name)
                    self.imports[name] = origin
        for name in twice:
            del self.imports[name]

    def _bind(self, name: str, value: ast.expr) -> None:
        if name in self.bound:
            self._twice.add(name)
        self.bound[name] = value


def _differ(one: _Origin, other: _Origin) -> bool:
    return one[1] != other[1] or ast.dump(one[0]) != ast.dump(other[0])


def _bound_below(statement: ast.stmt) -> set[str]:
    """Names that a compound statement may bind again; those inside of functions are others."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name} | {
            name for node in ast.walk(statement) if isinstance(node, ast.Global) for name in node.names
        }
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
