"""What `ferry demo --flags` shows: a line per change of a flag's exposure, and the summary."""

from __future__ import annotations

from pathlib import Path

from ferryman.cli.demo.flag_play import FlagResult
from ferryman.cli.demo.show import program
from ferryman.model.view import ServiceView


def exposure_line(view: ServiceView) -> str:
    """How far a flag is, in one line that changes only when something of interest does."""
    rollout = view.rollout
    if rollout is None:
        return "waiting"
    verdict = f"  judge: {rollout.verdict}" if rollout.verdict else ""
    step = rollout.steps[min(rollout.step, len(rollout.steps) - 1)].name if rollout.steps else ""
    return f"{rollout.phase:<11} {step:<16} exposed to {rollout.exposure_percent:g}%{verdict}"


def ended_lines(result: FlagResult) -> list[str]:
    """What came of one flag."""
    mark = "as it should" if result.as_expected else f"NOT as it should, which is {result.expected}"
    lines = [f"  {result.outcome.replace('_', ' ')} after {result.seconds:.0f} s: {mark}"]
    met = f"{result.met_users:,} shoppers met it in {result.met_requests:,} requests, {result.met_errors:,} of which failed"
    lines.append(f"  {met}; nothing was deployed, nothing was restarted")
    if result.outcome != "promoted":
        lines.append(f"  because: {result.reason}")
    if result.off_seconds is not None:
        off = f"{result.off_seconds * 1000:.0f} ms" if result.off_seconds < 1 else f"{result.off_seconds:.1f} s"
        lines.append(f"  the last instance served it to nobody {off} after the verdict")
    return lines


def summary(results: list[FlagResult], folder: Path, seconds: float, *, keep: bool) -> str:
    """Who met what, and what to try next."""
    head = (
        f"{'flag':<14}{'outcome':<13}{'most':>6}{'requests':>10}{'failed':>8}{'met by':>8}{'in':>8}{'its errors':>12}"
        f"{'off in':>10}"
    )
    lines = ["", head, "-" * len(head)]
    for r in results:
        off = f"{r.off_seconds:.2f} s" if r.off_seconds is not None else "-"
        lines.append(
            f"{r.flag:<14}{r.outcome:<13}{f'{r.max_exposure_percent:g}%':>6}{r.client_requests:>10,}{r.client_failures:>8}"
            f"{r.met_users:>8,}{r.met_requests:>8,}{r.met_errors:>12,}{off:>10}"
        )
    requests, failed = sum(r.client_requests for r in results), sum(r.client_failures for r in results)
    lines += [
        "",
        f"{requests:,} requests in {seconds:.0f} s, {failed} failed on the way. 'met by': shoppers who met the change, 'in' so many",
        "requests; 'off in': from the judge's verdict until no instance of the shop served it to anybody.",
        f"Everything that happened lies in {folder / '.ferryman'} (the log: state.db).",
        "",
        "Try next:",
        f"  {program()} history --project {folder}",
        f"  {program()} events --project {folder}",
        *([f"  {program()} flags list --project {folder}"] if keep else []),
    ]
    return "\n".join(lines)
