"""How soon a broken release is taken back, end to end: real processes, Envoy, the judge, weight 0 acknowledged.

python bench/detection.py [--repeats 10]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from project import SERVICE, Project

RATE = 50.0
STEP = "{canary: {hold: 300s, steps: [5, 100]}}"
ALL_FAIL_SECONDS = 10.0
FIVEFOLD_SECONDS = 240.0
ACKNOWLEDGED_SECONDS = 0.150
STABLE_ERROR_PERCENT = 0.5


def detect(project: Project, version: str, *shop: str) -> tuple[float, float, int]:
    """(seconds from first exposure to weight 0 acknowledged, verdict to weight 0 in seconds, requests that met it)."""
    before = project.snapshot()
    rollout = project.ended(project.deploy(version, STEP, *shop).rollout, seconds=400)
    assert rollout.phase == "rolled_back", rollout
    events = project.client.events(SERVICE, rollout=rollout.id).events
    exposed = next(e.at for e in events if e.kind == "step_reached" and e.body["step"] == 1)
    back = next(e.at for e in events if e.kind == "back_ordered")
    zero = next(e.at for e in events if e.kind == "step_reached" and e.at > back)
    met = project.since(before).versions.get(version)
    return zero - exposed, zero - back, met.requests if met else 0


def main() -> int:
    """Print the table; 0 when the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    rows: list[Row] = []
    base = ("--error-percent", str(STABLE_ERROR_PERCENT))
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "shop") as project:
        project.carry("v1", "{canary: {}}", *base)
        project.start_load(RATE, 8)
        found = [detect(project, f"all-{n}", "--error-percent", "100") for n in range(repeats)]
        seconds = [f[0] for f in found]
        median = statistics.median(seconds)
        figure = f"median {median:.1f} s [{min(seconds):.1f}-{max(seconds):.1f}] of {repeats}"
        rows.append(
            Row("every request fails, 50/s, 5 %: exposure to weight 0", figure, "<= 10 s", median <= ALL_FAIL_SECONDS)
        )
        met = statistics.median(f[2] for f in found)
        rows.append(Row("requests that met it", f"median {met:g}"))
        acks = [f[1] for f in found]
        worst = max(acks) * 1000
        figure = f"median {statistics.median(acks) * 1000:.0f} ms, max {worst:.0f} ms"
        rows.append(
            Row("verdict fail to weight 0 acknowledged", figure, "<= 150 ms", max(acks) <= ACKNOWLEDGED_SECONDS)
        )
        five = [
            detect(project, f"five-{n}", "--error-percent", str(5 * STABLE_ERROR_PERCENT))
            for n in range(max(1, repeats // 3))
        ]
        seconds = [f[0] for f in five]
        figure = f"median {statistics.median(seconds):.0f} s [{min(seconds):.0f}-{max(seconds):.0f}] of {len(five)}"
        name = (
            f"{STABLE_ERROR_PERCENT:g} % errors become {5 * STABLE_ERROR_PERCENT:g} %, 50/s, 5 %: exposure to weight 0"
        )
        rows.append(Row(name, figure, "<= 240 s", statistics.median(seconds) <= FIVEFOLD_SECONDS))
        total = project.stop_load()
        rows.append(
            Row(
                "failed requests meanwhile",
                f"{total.client_failures} of {total.requests:,}",
                "0",
                total.client_failures == 0,
            )
        )
    return 0 if show("How soon a broken release is taken back", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
