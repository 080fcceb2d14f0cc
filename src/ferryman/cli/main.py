"""The `ferry` program: find the command, run it, and tell whatever went wrong in words and an exit code.

Hardly anything is imported at the top: help and completion are asked for all day and should come at once.
"""

from __future__ import annotations

import sys

from ferryman import __version__
from ferryman.cli.table import COMMANDS, first_screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from ferryman.cli.context import Context, Output
    from ferryman.model.errors import FerrymanError

HELP_WORDS = frozenset({"-h", "--help", "help"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or (words[0] in HELP_WORDS and len(words) == 1):
            print(first_screen(__version__))
            return 0
        if words == ["--version"]:
            print(f"ferry {__version__}")
            return 0
        return _run(words, as_program=argv is None)
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was changed", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return _reader_left()


def _run(words: list[str], *, as_program: bool) -> int:
    import signal

    from ferryman.cli.context import Output
    from ferryman.cli.parser import UsageFaultError

    out = Output(as_json="--json" in words, quiet="-q" in words or "--quiet" in words)
    try:
        return _dispatch(words, out)
    except SystemExit as end:  # argparse, when it has shown the help of a command
        return end.code if isinstance(end.code, int) else 0
    except UsageFaultError as fault:
        from ferryman.cli.faults import usage_error

        return _report(usage_error(str(fault)), out)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 -- the outermost place
        return _told(error, out)
    finally:
        if as_program:  # all is done and said: an interrupt that comes now has nothing to interrupt
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _dispatch(words: list[str], out: Output) -> int:
    if words[0] == "help":
        words = [*words[1:], "--help"]
    args = _parse(words)
    if args.help or args.version or args.command is None:
        print(f"ferry {__version__}" if args.version else first_screen(__version__))
        return 0
    from ferryman.cli.context import Context, find_project, user_name
    from ferryman.cli.remote import choose

    choose(args.url, args.ca_file)
    out.as_json, out.quiet = bool(args.json), bool(args.quiet)
    context = Context(args, out, find_project(args.project), args.actor or user_name())
    try:
        return _load(args.command)(context)
    except KeyboardInterrupt:
        return _interrupted(context)


def _parse(words: list[str]) -> argparse.Namespace:
    """Everything after a lone ``--`` is a command of the user's own and no option of ours."""
    from ferryman.cli.parser import UsageFaultError, build

    rest: list[str] = []
    if "--" in words:
        cut = words.index("--")
        words, rest = words[:cut], words[cut + 1 :]
    args, unknown = build().parse_known_args(words)
    if unknown:
        raise UsageFaultError(f"ferry {args.command or ''}: unrecognized arguments: {' '.join(unknown)}")
    if rest:
        if args.command != "init":
            raise UsageFaultError(f"ferry {args.command or ''}: takes nothing after --")
        # With words before it, the -- is part of the user's command.
        args.command_words = [*args.command_words, "--", *rest] if args.command_words else rest
    return args


def _load(name: str) -> Callable[[Context], int]:
    import importlib

    module, _, function = COMMANDS[name].target.partition(":")
    return getattr(importlib.import_module(f"ferryman.cli.{module}"), function)


def _report(error: FerrymanError, out: Output) -> int:
    """Tell an error that was raised on purpose; its exit code."""
    from ferryman.model.errors import SpecError

    if out.as_json:
        from ferryman.api.problems import to_document

        out.emit(to_document(error))
    elif isinstance(error, SpecError):
        from ferryman.cli.views.problems import problem_text

        print(problem_text(error.problems), file=out.stderr)
    else:
        print(f"error: {error.message}", file=out.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=out.stderr)
    out.stderr.flush()
    return 2 if error.code == "unknown_service" else error.exit_code


def _told(error: Exception, out: Output) -> int:
    from ferryman.model.errors import FerrymanError

    if isinstance(error, FerrymanError):
        return _report(error, out)
    from ferryman.cli.faults import write_traceback

    place = write_traceback(error, f"ferry {__version__}")
    message = f"ferry failed, which is a defect: {type(error).__name__}: {error}"
    return _report(FerrymanError("internal", message, f"the traceback is in {place}" if place else ""), out)


def _interrupted(context: Context) -> int:
    """Take back what is half done, and say what goes on without us."""
    import contextlib

    said = [context.interrupted]
    with contextlib.suppress(KeyboardInterrupt):
        said += [action() for action in reversed(context.undo)]
    print("\ninterrupted: " + "; ".join(text for text in said if text), file=context.out.stderr, flush=True)
    return 130


def _reader_left() -> int:
    """Whoever read our output has had enough. Python would complain once more when it flushes at exit."""
    import contextlib
    import os

    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
