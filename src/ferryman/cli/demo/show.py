"""What the demo shows: a live picture on a terminal, a line per change elsewhere, and the summary."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ferryman.cli.demo.script import Act
from ferryman.model.view import ServiceView

if TYPE_CHECKING:
    from types import TracebackType

    from ferryman.cli.context import Output
    from ferryman.cli.demo.play import Result


class Show:
    """Shows acts one after the other; as a context manager it owns the terminal's live picture."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._stack = contextlib.ExitStack()
        self._draw: Callable[[ServiceView], None] | None = None
        self._last = ""
        self._line = change_line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stack.close()
        self._draw = None

    def act(self, act: Act, line: Callable[[ServiceView], str] | None = None) -> None:
        """An act begins. `line` says what is seen in one line, where there is no picture."""
        self._stop()
        self._line = line or change_line
        self._last = ""
        self._out.say()
        self._out.say(f"{act.version}: {act.title}")
        if self._out.live:
            from ferryman.cli.live import picture

            self._draw = self._stack.enter_context(picture(self._out))

    def look(self, view: ServiceView) -> None:
        """What is seen now."""
        if self._draw is not None:
            self._draw(view)
            return
        line = self._line(view)
        if line != self._last:
            self._last = line
            self._out.say(f"  {line}")

    def close(self, lines: Iterable[str]) -> None:
        """An act is over; this is said of it."""
        self._stop()
        for line in lines:
            self._out.say(line)

    def ended(self, result: Result) -> None:
        """A release is over."""
        mark = "as it should" if result.as_expected else f"NOT as it should, which is {result.expected}"
        took = (
            f", nobody sent to it {result.rollback_seconds:.2f} s after the verdict" if result.rollback_seconds else ""
        )
        because = [f"  because: {result.reason}"] if result.outcome != "promoted" else []
        self.close([f"  {result.outcome.replace('_', ' ')} after {result.seconds:.0f} s{took}: {mark}", *because])


def change_line(view: ServiceView) -> str:
    """The state in one line that changes only when something of interest does."""
    rollout = view.rollout
    if rollout is None:
        return "waiting"
    sides = "  ".join(f"{s.label} {s.ready}/{s.wanted} at {s.weight_seen:g}%" for s in view.sides if s.live or s.wanted)
    verdict = f"  judge: {rollout.verdict}" if rollout.verdict else ""
    step = rollout.steps[min(rollout.step, len(rollout.steps) - 1)].name if rollout.steps else ""
    return f"{rollout.phase:<11} {step:<24} {sides}{verdict}"


def summary(results: list[Result], folder: Path, seconds: float, *, keep: bool) -> str:
    """Who saw what, and what to try next."""
    head = f"{'release':<8}{'strategy':<12}{'outcome':<13}{'requests':>9}{'failed':>8}{'saw it':>8}{'its errors':>12}{'back in':>10}"
    lines = ["", head, "-" * len(head)]
    for r in results:
        back = f"{r.rollback_seconds:.2f} s" if r.rollback_seconds is not None else "-"
        lines.append(
            f"{r.version:<8}{r.strategy:<12}{r.outcome:<13}{r.client_requests:>9,}{r.client_failures:>8}"
            f"{r.candidate_requests:>8,}{r.candidate_errors:>12,}{back:>10}"
        )
    requests, failed = sum(r.client_requests for r in results), sum(r.client_failures for r in results)
    errors = sum(r.candidate_errors for r in results)
    share = 100.0 * errors / requests if requests else 0.0
    lines += [
        "",
        f"{requests:,} requests in {seconds:.0f} s, {failed} failed on the way; {errors:,} ({share:.2f}%) met an error of the",
        "broken release itself before it was taken back. 'saw it': requests that the new version answered.",
        f"Everything that happened lies in {folder / '.ferryman'} (the log: state.db).",
        "",
        "Try next:",
        f"  {program()} history --project {folder}",
        f"  {program()} events --project {folder}",
        f"  {program()} status -w --project {folder}"
        if keep
        else f"  {program()} init -- YOUR COMMAND --port {{port}}",
    ]
    return "\n".join(lines)


def program() -> str:
    """How to call this program from where the user stands: by name if that is on PATH, else as it was called."""
    return "ferry" if shutil.which("ferry") else sys.argv[0]
