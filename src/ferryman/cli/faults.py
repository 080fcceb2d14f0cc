"""What went wrong before a command could run, or in a way that nobody foresaw."""

from __future__ import annotations

import difflib
import os
import re
import sys
import tempfile
import traceback

from ferryman.cli.parser import Parser, add_options
from ferryman.cli.table import COMMANDS
from ferryman.model.errors import UsageError

EVERYWHERE = ("--project", "--json", "--quiet", "--actor", "--help")

# What other tools call it.
OTHER_NAMES = {
    "rollback": "undo", "revert": "undo", "release": "deploy", "apply": "deploy", "up": "deploy", "rollout": "status",
    "stop": "down", "destroy": "down", "ps": "status", "watch": "status -w", "log": "logs", "audit": "events",
    "lint": "check", "validate": "check", "cancel": "abort", "start": "deploy", "ls": "list", "continue": "resume",
    "new": "init", "server": "serve", "schema": "spec --schema", "diff": "plan",
}  # fmt: skip


_NO_CHOICE = re.compile(r"^argument COMMAND: invalid choice: '([^']*)'")


def usage_error(message: str) -> UsageError:
    """What argparse said (`message`: the command, a colon, what is wrong), with a hint at what was likely meant."""
    prog, _, said = message.partition(": ")
    command = prog.removeprefix("ferry").strip()
    wrong = _NO_CHOICE.search(said)
    if wrong is not None:
        return _no_such_command(command, wrong[1])
    if command not in COMMANDS:
        return UsageError("usage", said, "`ferry --help` shows the commands")
    unknown = message.partition("unrecognized arguments: ")[2].split()
    if unknown:
        near = difflib.get_close_matches(unknown[0].partition("=")[0], _options(command), 1)
        message = f"ferry {command}: does not take {' '.join(unknown)}"
        if near:
            return UsageError("usage", message, f"did you mean {near[0]}?")
    return UsageError("usage", message, f"`ferry {command} --help` shows what it takes")


def _no_such_command(above: str, wrong: str) -> UsageError:
    if above:
        below = {each.name.removeprefix(f"{above} "): each.name for each in COMMANDS[above].under}
        near = difflib.get_close_matches(wrong, below, 1)
        hint = f"did you mean `ferry {below[near[0]]}`?" if near else f"`ferry {above}` shows the commands"
        return UsageError("unknown_command", f"there is no command {wrong!r} below `ferry {above}`", hint)
    near = difflib.get_close_matches(wrong, [*COMMANDS, *OTHER_NAMES], 1)
    meant = OTHER_NAMES.get(near[0], near[0]) if near else None
    hint = f"did you mean `ferry {meant}`?" if meant else "`ferry --help` shows the commands"
    return UsageError("unknown_command", f"there is no command {wrong!r}", hint)


def _options(command: str) -> list[str]:
    one = Parser(add_help=False)
    add_options(one, COMMANDS[command])
    named = one.format_help().replace(",", " ").split()
    return [*EVERYWHERE, *(word for word in named if word.startswith("--"))]


def write_traceback(error: Exception, heading: str) -> str | None:
    """Write the traceback to a new temporary file of this user's own; its path, or None when that fails too."""
    try:
        descriptor, name = tempfile.mkstemp(prefix="ferry-traceback-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{heading}, Python {sys.version}\n{sys.argv}\n\n")
            traceback.print_exception(error, file=file)
    except OSError:
        return None
    return name
