"""`ferry flags refs` and `remove`: flags in Python code."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.cleanup.references import find
from ferryman.cleanup.sources import Sources
from ferryman.cli.client import find as find_controller
from ferryman.cli.context import NOT_DONE, OK, Context
from ferryman.cli.flag_calls import FlagCalls
from ferryman.cli.flag_files import read_flags_file
from ferryman.cli.python_files import read_files, replace_file
from ferryman.cli.views.problems import problem_lines
from ferryman.flags.stale import stale as what_is_stale
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.spec.flags import parse_flags

if TYPE_CHECKING:
    from ferryman.cleanup.removal import Change, Removal
    from ferryman.cleanup.truth import Value


def refs(context: Context) -> int:
    """Where a flag stands."""
    found = find(_sources(context), context.args.key, own=tuple(context.args.call))
    for each in found.references:
        context.out.say(str(each))
    for each in found.unreadable:
        context.out.remark(f"warning: {each}")
    if not found.references:
        context.out.say(f"{context.args.key!r} stands nowhere in this code")
    context.out.emit(
        [
            {"path": each.path, "line": each.line, "column": each.column, "kind": each.kind, "snippet": each.snippet}
            for each in found.references
        ]
    )
    return NOT_DONE if found.references else OK


def remove(context: Context) -> int:
    """Take a flag out: the difference, or the files changed."""
    sources = _sources(context)
    removal = _removal(context, sources)
    difference = "".join(_difference(each) for each in removal.changes)
    done = not removal.obstacles
    if done and difference:
        context.out.say(difference.rstrip("\n"))
    for note in removal.notes if done else ():
        context.out.remark(f"note: {note}")
    for obstacle in removal.obstacles:
        context.out.remark(f"in the way: {obstacle}")
    written = bool(done and context.args.write and removal.changes)
    if written:
        for change in removal.changes:
            replace_file(_place(context, change.path), change.before, change.after)
    context.out.remark(_outcome(context, removal, written=written))
    context.out.emit(
        {
            "written": written,
            "changes": [{"path": each.path, "difference": _difference(each)} for each in removal.changes],
            "obstacles": [str(each) for each in removal.obstacles],
            "notes": [str(each) for each in removal.notes],
        }
    )
    return OK if done else NOT_DONE


def stale(context: Context) -> int:
    """Flags of a flags file that have done their work."""
    text, file = read_flags_file(context)
    document = parse_flags(text, file)
    sources = _sources(context)
    unused = [key for key in document.defined.flags if not find(sources, key, own=tuple(context.args.call)).references]
    today = dt.datetime.now(dt.UTC).date()
    unasked = _unasked(context)
    problems = document.problems(what_is_stale(document.defined, today, context.args.env, unused, unasked), "warning")
    context.out.emit(problems)
    for problem in problems:
        context.out.say("\n".join(problem_lines(problem)))
    if not problems:
        context.out.say("no flag has outlived its work")
    return NOT_DONE if problems else OK


def _unasked(context: Context) -> tuple[str, ...]:
    """Flags that no program evaluates, where a controller counts that."""
    try:
        client = find_controller(context.project)
        if client is None:
            context.out.remark("no controller runs here: whether programs still evaluate a flag is not looked at")
            return ()
        return FlagCalls(client, context.actor).flags(context.args.env).unasked
    except FerrymanError as problem:
        context.out.remark(f"whether programs still evaluate a flag is not known: {problem.message}")
        return ()


def _removal(context: Context, sources: Sources) -> Removal:
    try:
        from ferryman.cleanup.removal import remove as take_out
    except ImportError as error:
        raise UsageError(
            "missing_extra", f"taking flags out of code needs libcst ({error})", "pip install 'ferryman[cleanup]'"
        ) from error
    return take_out(sources, context.args.key, _value(context.args.value), own=tuple(context.args.call))


def _outcome(context: Context, removal: Removal, *, written: bool) -> str:
    key, count = context.args.key, len(removal.changes)
    files = f"{count} file" if count == 1 else f"{count} files"
    if removal.obstacles:
        return "nothing was changed: see to these places first, then run it again"
    if not removal.changes:
        return f"{key!r} stands nowhere in this code"
    return f"{files} changed" if written else f"{files} would change; --write does it"


def _sources(context: Context) -> Sources:
    return Sources(read_files(context.project, context.args.path or [str(context.project)]))


def _place(context: Context, path: str) -> Path:
    return context.project / path


def _value(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if value is None:
        raise UsageError("bad_value", "a flag's value cannot be null", "true, false, a number, a text, or JSON")
    return value


def _difference(change: Change) -> str:
    before, after = (text.decode("utf-8", "surrogateescape").splitlines(keepends=True) for text in change[1:])
    lines = difflib.unified_diff(before, after, f"a/{change.path}", f"b/{change.path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
