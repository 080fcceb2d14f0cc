"""Flags files as commands read them."""

from __future__ import annotations

import sys
from pathlib import Path

from ferryman.cli.context import Context, shown
from ferryman.model.errors import UsageError


def read_flags_file(context: Context) -> tuple[str, str]:
    """(the text of the file that was named, what to call it). `-` is standard input. Raises `UsageError` (``no_file``)."""
    given = context.args.flags_file
    if given == "-":
        return sys.stdin.read(), "<stdin>"
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8"), shown(path)
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        hint = "`ferry spec --flags` prints an example"
        raise UsageError("no_file", f"cannot read {shown(path)}: {why}", hint) from None
