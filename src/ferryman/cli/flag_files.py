"""Flags files as commands read them."""

from __future__ import annotations

import sys
from pathlib import Path

from ferryman.cli.context import Context, shown
from ferryman.flags.definition import FILE_CHARACTERS_MAX
from ferryman.model.errors import UsageError


def read_flags_file(context: Context) -> tuple[str, str]:
    """(the text of the file that was named, what to call it). `-` is standard input. Raises `UsageError` (``no_file``)."""
    given = context.args.flags_file
    if given == "-":
        return _bounded(sys.stdin.read(FILE_CHARACTERS_MAX + 1), "standard input"), "<stdin>"
    path = Path(given)
    try:
        with path.open(encoding="utf-8") as file:
            return _bounded(file.read(FILE_CHARACTERS_MAX + 1), shown(path)), shown(path)
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        hint = "`ferry spec --flags` prints an example"
        raise UsageError("no_file", f"cannot read {shown(path)}: {why}", hint) from None


def _bounded(text: str, name: str) -> str:
    """Raises `UsageError` (``too_large``) before anybody is asked to read it."""
    if len(text) > FILE_CHARACTERS_MAX:
        raise UsageError(
            "too_large",
            f"{name} has more than {FILE_CHARACTERS_MAX // 1024 // 1024} MiB",
            "is this the right file? Else divide it; a flag that others need goes first",
        )
    return text
