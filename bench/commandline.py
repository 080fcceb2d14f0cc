"""How long a person waits for `ferry`: whole processes, the start of the interpreter included.

A start of Python alone is measured in turn with each, since the machine may be busy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _table import Row, show

RUNS = 10
HELP_GOAL_MS = 200.0
MODULE = [sys.executable, "-m", "ferryman"]
CASES: dict[str, list[str]] = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "ferry --help": [*MODULE, "--help"],
    "ferry deploy --help": [*MODULE, "deploy", "--help"],
    "ferry check (a canary)": [*MODULE, "check"],
    "ferry status (no controller)": [*MODULE, "status"],
}


def milliseconds(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Print the table; 0 when the goal was met."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "ferryman.yaml").open("wb") as file:
            subprocess.run([*MODULE, "spec", "--example", "canary"], stdout=file, check=True)
        for _ in range(RUNS):
            for case, command in CASES.items():
                times[case].append(milliseconds(command, folder))
    rows: list[Row] = []
    for case, found in times.items():
        median = statistics.median(found)
        figure = f"{median:.0f} ms ({min(found):.0f} to {max(found):.0f})"
        goal = case == "ferry --help"
        rows.append(
            Row(case, figure, f"<= {HELP_GOAL_MS:.0f} ms" if goal else "", median <= HELP_GOAL_MS if goal else None)
        )
    return 0 if show(f"Command line: median of {RUNS} processes", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
