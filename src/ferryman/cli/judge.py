"""`ferry judge`: replay recorded evidence, or weigh it as it comes, one JSON object a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ferryman.analysis.session import StateError
from ferryman.analysis.stream import JudgeStream, encode
from ferryman.model.errors import FerrymanError

# A line is a few kilobytes; what is longer is no line.
LINE_BYTES_MAX = 16 * 1024 * 1024
FAILED, UNUSABLE, DONE = 1, 2, 0


def run_judge(state_path: Path | None, stdin: IO[str], stdout: IO[str], stderr: IO[str]) -> int:
    """Answer every line of `stdin` on `stdout`, each flushed, until it ends.

    With `state_path`, the state is replaced atomically before each answer and continued at the start, so that a killed
    judge goes on where it was. The file is renamed into place but not synced: it survives the death of the process,
    not necessarily that of the machine.
    Returns the exit code: 0 at the end of input, 2 for a bad header or a damaged state, 1 when the state cannot be
    written.
    """
    try:
        stream = JudgeStream(_read(state_path))
        for line in _lines(stdin):
            answer = stream.feed(line)
            for warning in stream.take_warnings():
                print(f"ferry judge: {warning}", file=stderr, flush=True)
            if answer is None:
                continue
            if state_path and (state := stream.dump()):
                _replace(state_path, state)
            stdout.write(encode(answer) + "\n")
            stdout.flush()
    except BrokenPipeError:
        return DONE  # the reader has had enough
    except FerrymanError as problem:
        print(f"ferry judge: {problem}", file=stderr, flush=True)
        return UNUSABLE
    except OSError as problem:
        print(f"ferry judge: {problem.filename or state_path}: {problem.strerror or problem}", file=stderr, flush=True)
        return FAILED
    return DONE


def _read(path: Path | None) -> str | None:
    """The stored state; None when there is none yet."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise StateError(f"the state in {path} is damaged: it is not text") from None


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 -- the same call, but this name says that it is atomic


def _lines(stdin: IO[str]) -> Iterator[bytes | str]:
    """Lines as bytes where possible: what is no text is then refused line by line."""
    source: IO[bytes] | IO[str] = getattr(stdin, "buffer", stdin)
    while line := source.readline(LINE_BYTES_MAX):
        if len(line) < LINE_BYTES_MAX:
            yield line
            continue
        while (rest := source.readline(LINE_BYTES_MAX)) and len(rest) == LINE_BYTES_MAX:
            pass
        yield b"a line beyond the limit"


def main(arguments: list[str]) -> int:
    """`python -m ferryman.cli.judge [--state FILE]`."""
    state = Path(arguments[1]) if arguments[:1] == ["--state"] and len(arguments) == 2 else None
    if arguments and state is None:
        print("usage: python -m ferryman.cli.judge [--state FILE]", file=sys.stderr)
        return UNUSABLE
    return run_judge(state, sys.stdin, sys.stdout, sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
