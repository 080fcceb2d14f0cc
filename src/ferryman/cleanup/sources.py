"""The files of a project as text, and which of them an import means."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePosixPath

FILE_BYTES_MAX = 2_000_000


class Unreadable(ValueError):
    """A file that is no Python, or too large: `line` is one-based, 0 if it is about the whole file."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.line = line
        self.why = why


class Sources:
    """Python files by path (relative, with ``/``), as bytes. Parsed when first asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(sorted(files.items()))
        self._trees: dict[str, ast.Module] = {}

    def tree(self, path: str) -> ast.Module:
        """The syntax tree of a file. Raises `Unreadable`."""
        if path not in self._trees:
            self._trees[path] = _parse(path, self.files[path])
        return self._trees[path]

    def holding(self, *texts: str) -> list[str]:
        """Paths of files in which at least one of the texts stands, be it as a word of a comment."""
        needles = [text.encode() for text in texts]
        return [path for path, content in self.files.items() if any(needle in content for needle in needles)]

    @cached_property
    def _by_suffix(self) -> dict[tuple[str, ...], list[str]]:
        found: dict[tuple[str, ...], list[str]] = {}
        for path in self.files:
            parts = module_parts(path)
            for start in range(len(parts)):
                found.setdefault(parts[start:], []).append(path)
        return found

    def module(self, name: str) -> str | None:
        """The path of the file that `import name` means, if just one can be meant: folders above the root are unknown."""
        found = self._by_suffix.get(tuple(name.split(".")), [])
        return found[0] if len(found) == 1 else None

    def imported_from(self, path: str, node: ast.ImportFrom, *more: str) -> str | None:
        """The path of the file that ``from x import`` in `path` means, `more` being parts below it."""
        below = (*((node.module or "").split(".") if node.module else ()), *more)
        if not node.level:
            return self.module(".".join(below)) if below else None
        package = PurePosixPath(path).parent
        for _ in range(node.level - 1):
            package = package.parent
        target = package.joinpath(*below)
        for each in (f"{target}.py", f"{target}/__init__.py"):
            if each in self.files:
                return each
        return None


def module_parts(path: str) -> tuple[str, ...]:
    """The dotted name of a file as far as its path tells."""
    parts = PurePosixPath(path).with_suffix("").parts
    return parts[:-1] if parts and parts[-1] == "__init__" else parts


def _parse(path: str, content: bytes) -> ast.Module:
    if len(content) > FILE_BYTES_MAX:
        raise Unreadable(path, 0, f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        return ast.parse(content)
    except SyntaxError as error:
        raise Unreadable(path, error.lineno or 0, f"is not Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(path, 0, f"cannot be parsed: {error}") from error
