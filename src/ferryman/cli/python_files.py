"""The Python files that commands on code read and write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ferryman.model.errors import UsageError

FILES_MAX = 50_000
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})


def read_files(root: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Files and those of folders, by path relative to `root` where they lie below it.

    Hidden folders, virtual environments and what builds make are left out. Raises `UsageError` for a path that is not
    there, and for more than `FILES_MAX` files.
    """
    found: dict[str, bytes] = {}
    for text in paths:
        start = Path(text)
        if not start.exists():
            raise UsageError("no_such_file", f"there is no {text!r}", "name files or folders of Python code")
        for path in [start] if start.is_file() else _below(start):
            found[_named(root, path)] = path.read_bytes()
            if len(found) > FILES_MAX:
                raise UsageError("too_many_files", f"more than {FILES_MAX} Python files", "name folders: PATH ...")
    return found


def replace_file(path: Path, before: bytes, after: bytes) -> None:
    """Write a file in one step, with the mode it has. Raises `UsageError` if it is not as it was read."""
    target = path.resolve()
    if target.read_bytes() != before:
        raise UsageError("file_changed", f"{path} changed while it was read", "run the command again")
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
        Path(name).chmod(target.stat().st_mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if _looked_into(Path(place, each)))
        yield from (Path(place, each) for each in sorted(files) if each.endswith(".py"))


def _looked_into(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.name not in _SKIPPED and not (folder / "pyvenv.cfg").exists()


def _named(root: Path, path: Path) -> str:
    absolute = path.absolute()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else path.as_posix()
