"""`ferry judge`: recorded evidence in, verdicts out."""

from __future__ import annotations

import sys
from pathlib import Path

from ferryman.cli.context import Context
from ferryman.cli.judge import run_judge


def run(context: Context) -> int:
    """One JSON object a line, from standard input to standard output."""
    context.interrupted = "the state is as of the last answer" if context.args.state else "nothing was kept"
    state = Path(context.args.state) if context.args.state else None
    return run_judge(state, sys.stdin, sys.stdout, sys.stderr)
