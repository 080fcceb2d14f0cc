"""The reference of the commands in Markdown, made from the parser: docs/reference/commands.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ferryman.cli.command import Command
from ferryman.cli.parser import Parser, add_options
from ferryman.cli.table import GROUPS

HEAD = """\
# Commands

Made from the parser by `ferryman.cli.reference`; `pytest --rewrite tests/unit/cli/test_reference.py` renews it.

Every command takes, before or after its name:

- `--project DIR`: the project folder; otherwise the nearest above with a `ferryman.yaml` or a `.ferryman`, else the
  present one
- `--url URL` (or FERRY_URL): the controller at https://HOST:PORT instead of the project's, with the token of FERRY_TOKEN
  or of `ferry login`; `--ca-file FILE` (or FERRY_CA_FILE) trusts further certificates. Release files are read here; the
  commands and files they name are those on the controller's machine
- `--json`: the answer in JSON on standard output. An error is then a problem document (RFC 9457). What goes on and on
  (`events -f`, `logs -f`) is one object a line
- `-q`, `--quiet`: leave out remarks and progress
- `--actor NAME`: who asks, for the log; otherwise the name of the user

SERVICE may be left out where the project has one service. Exit codes:

| | |
|---|---|
| 0 | done, and what serves is healthy |
| 1 | degraded; the release file asks for what cannot be had; the awaited rollout was not promoted |
| 2 | refused, or called wrongly; nothing was changed |
| 3 | not within `--timeout`; what was begun goes on |
| 130 | Ctrl-C; what goes on is said |
"""


def commands_markdown() -> str:
    """All commands, in the order of the first screen."""
    parts = [HEAD]
    for title, group in GROUPS:
        parts.append(f"## {title}\n")
        parts += [_command(each) for command in group for each in (command, *command.under)]
    return "\n".join(parts)


def _command(command: Command) -> str:
    parser = Parser(prog=f"ferry {command.name}", add_help=False)
    add_options(parser, command)
    said = f"{command.summary[0].upper()}{command.summary[1:]}. {command.text}".strip()
    lines = [f"### ferry {command.name}\n", f"{said}\n"]
    options = [f"- `{name}`: {text}" for name, text in _options(parser)]
    lines += [*options, ""] if options else []
    lines += ["```sh", *command.examples, "```", ""] if command.examples else []
    return "\n".join(lines)


def _options(parser: Parser) -> Iterator[tuple[str, str]]:
    """(how it is written, what it means) of every option that is shown."""
    for action in parser._actions:  # noqa: SLF001 -- argparse has no public list of them
        if action.help is None or action.help == argparse.SUPPRESS:
            continue
        value = action.metavar if isinstance(action.metavar, str) else ""
        if not value and action.choices is not None:
            value = "|".join(str(choice) for choice in action.choices)
        if not action.option_strings:
            yield value or action.dest, action.help
        else:
            written = ", ".join(action.option_strings)
            yield f"{written} {value}".strip() if action.nargs != 0 else written, action.help.replace("%%", "%")
