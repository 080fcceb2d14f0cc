"""What every command is given: its arguments, where to write, which project, who asks, and what an interrupt means."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

RELEASE_FILE = "ferryman.yaml"
STATE_FOLDER = ".ferryman"

OK, NOT_DONE, REFUSED, TIMED_OUT, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done and healthy; degraded, or an awaited rollout was not promoted; refused or called wrongly; not within
`--timeout`; Ctrl-C."""


@dataclass
class Output:
    """Where words and JSON go. With `as_json`, standard output carries JSON only; `quiet` leaves out all that is not
    asked for."""

    as_json: bool = False
    quiet: bool = False
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)

    @property
    def live(self) -> bool:
        """Whether a moving picture makes sense: a terminal that can move its cursor, and words are wanted."""
        return not self.as_json and not self.quiet and self.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "") -> None:
        """A line of the answer."""
        if not self.as_json:
            print(text, file=self.stdout, flush=True)

    def remark(self, text: str) -> None:
        """A line beside the answer, on standard error."""
        if not self.quiet:
            print(text, file=self.stderr, flush=True)

    def emit(self, value: object) -> None:
        """One JSON value on a line (indented on a terminal), when JSON is wanted."""
        if not self.as_json:
            return
        import msgspec

        data = msgspec.json.encode(value)
        if self.stdout.isatty():
            data = msgspec.json.format(data, indent=2)
        print(data.decode(), file=self.stdout, flush=True)


@dataclass
class Context:
    """`interrupted` is what to tell after Ctrl-C; `undo` is run then, last first, while something is half done."""

    args: argparse.Namespace
    out: Output
    project: Path
    actor: str
    interrupted: str = "nothing was changed"
    undo: list[Callable[[], str]] = field(default_factory=list[Callable[[], str]])

    @property
    def release_file(self) -> Path:
        """The release file that was named, or the project's."""
        given = self.args.file
        return Path(given) if given else self.project / RELEASE_FILE

    def read_release_file(self) -> tuple[str, str]:
        """(its text, what to call it). `-f -` reads standard input. Raises `UsageError` (``no_file``)."""
        if self.args.file == "-":
            return sys.stdin.read(), "<stdin>"
        path = self.release_file
        try:
            return path.read_text(encoding="utf-8"), shown(path)
        except (OSError, UnicodeDecodeError) as problem:
            from ferryman.model.errors import UsageError

            why = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
            hint = "`ferry init -- YOUR COMMAND` writes one, `-f` names another" if not path.exists() else ""
            raise UsageError("no_file", f"cannot read {shown(path)}: {why}", hint) from None


def shown(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)


def find_project(given: str | None) -> Path:
    """The project folder: the one that was named, else the nearest folder above with a release file or a state folder,
    else this one. Raises `UsageError` (``no_project``)."""
    from ferryman.model.errors import UsageError

    if given is not None:
        folder = Path(given).absolute()
        if not folder.is_dir():
            raise UsageError("no_project", f"{given} is no folder", "--project takes the folder of the release file")
        return folder
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise UsageError("no_project", "the present folder does not exist any more", "change into another") from None
    for folder in (here, *here.parents):
        if (folder / RELEASE_FILE).is_file() or (folder / STATE_FOLDER).is_dir():
            return folder
    return here


def user_name() -> str:
    """Who runs this, for the log."""
    from ferryman.api.access.accounts import account_name

    return account_name(os.getuid())
