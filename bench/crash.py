"""kill -9 in mid-canary under load: of the controller, and of Envoy.

python bench/crash.py
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from project import SERVICE, Project

STEPS = "{canary: {hold: 4s, steps: [5, 25, 100], bake: 1s, scaleDownDelay: 1s}}"


def main() -> int:
    """Print the table; 0 when the goals were met."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "shop") as project:
        project.carry("v1")
        project.start_load(300.0, 8)
        before = project.snapshot()
        rollout = project.deploy("v2", STEPS).rollout
        project.until("5 % is served", lambda v: v.rollout and v.rollout.exposure_percent == 5 and v.rollout.reached_at)
        pids = {p.pid for p in project.processes()} - {project.controller_pid}
        project.kill_controller()
        began = time.monotonic()
        project.until("the controller is back", lambda v: v.rollout and v.rollout.id == rollout)
        back = time.monotonic() - began
        survivors = pids & {p.pid for p in project.processes()}
        ended = project.ended(rollout)
        report = project.since(before)
        rows += [
            Row(
                "controller killed in mid-canary: failed requests",
                f"{report.client_failures} of {report.requests:,}",
                "0",
                report.client_failures == 0,
            ),
            Row("the rollout then", ended.phase, "promoted", ended.phase == "promoted"),
            Row("killed to first answer of the next controller", f"{back:.2f} s", "<= 5 s", back <= 5),
            Row("processes adopted", f"{len(survivors)} of {len(pids)}", "all", survivors == pids),
        ]
        before = project.snapshot()
        rollout = project.deploy("v3", STEPS).rollout
        project.until("5 % is served", lambda v: v.rollout and v.rollout.exposure_percent == 5 and v.rollout.reached_at)
        old = project.envoy_pid
        os.kill(old, signal.SIGKILL)
        began = time.monotonic()
        project.until(
            "Envoy is back",
            lambda v: v.healthy and any(p.pid != old for p in project.processes() if "envoy" in p.name()),
        )
        back = time.monotonic() - began
        ended = project.ended(rollout)
        report = project.since(before)
        rows += [
            Row("Envoy killed in mid-canary: supervised back after", f"{back:.2f} s", "<= 2 s", back <= 2),
            Row("failed requests while it was away", f"{report.client_failures} of {report.requests:,}"),
            Row("the rollout then", ended.phase, "promoted", ended.phase == "promoted"),
            Row("events with an intact hash chain", str(project.client.verify(SERVICE))),
        ]
    return 0 if show("kill -9 under 300 requests/s", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
