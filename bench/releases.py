"""Failed client requests over every way of releasing: keep-alive load, 300 requests/s over 8 connections.

A failed request is one that no version answered in its own name: no connection, a broken one, none in time, or an
error of the router. What a bad version answers itself is counted apart.

    python bench/releases.py
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from project import BLUE_GREEN, CANARY, ROLLING, SERVICE, Project

RATE = 300.0
CONNECTIONS = 8


def canary(project: Project) -> str:
    """A good canary to its promotion."""
    return project.carry("v2", CANARY).phase


def taken_back(project: Project) -> str:
    """A broken canary, taken back by the judge."""
    return project.carry("v3", CANARY, "--error-percent", "25").phase


def superseded(project: Project) -> str:
    """A canary superseded at its first step by another one."""
    first = project.deploy("v4", "{canary: {hold: 60s, steps: [5, 50, 100]}}")
    project.until(
        "the first step is served", lambda v: v.rollout and v.rollout.exposure_percent == 5 and v.rollout.reached_at
    )
    second = project.deploy("v5", CANARY)
    phase = project.ended(second.rollout).phase
    history = {s.id: s.outcome for s in project.client.history(SERVICE)}
    return f"{history[str(first.rollout)]}, {phase}"


def blue_green(project: Project) -> str:
    """The switch."""
    return project.carry("v6", BLUE_GREEN).phase


def switch_back(project: Project) -> str:
    """Back while the old side is still warm."""
    slow = "{blueGreen: {bake: 30s, scaleDownDelay: 30s}}"
    answer = project.deploy("v7", slow)
    project.until("green serves", lambda v: v.rollout and v.rollout.phase == "baking")
    project.client.verb(SERVICE, "abort", actor="bench")
    return project.ended(answer.rollout).phase


def rolling_up(project: Project) -> str:
    """Rolling to a new version and two more instances."""
    return project.carry("v8", ROLLING, replicas=6).phase


def rolling_down(project: Project) -> str:
    """Rolling to a new version and three fewer instances."""
    return project.carry("v9", ROLLING, replicas=3).phase


def resized(project: Project) -> str:
    """The same version, more instances."""
    return project.carry("v9", ROLLING, replicas=5).phase


def undone(project: Project) -> str:
    """Back to the version before, which no longer runs."""
    return project.ended(project.client.undo(SERVICE, actor="bench").rollout).phase


CASES: tuple[tuple[str, Callable[[Project], str], str], ...] = (
    ("canary promoted", canary, "promoted"),
    ("canary rolled back by the judge", taken_back, "rolled_back"),
    ("canary superseded in mid-canary", superseded, "superseded, promoted"),
    ("blue-green switch", blue_green, "promoted"),
    ("blue-green switch back", switch_back, "rolled_back"),
    ("rolling, 4 to 6 instances", rolling_up, "promoted"),
    ("rolling, 6 to 3 instances", rolling_down, "promoted"),
    ("same version, 3 to 5 instances", resized, "promoted"),
    ("undo", undone, "promoted"),
)


def main() -> int:
    """Run all of them on one project; 0 when nothing failed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "shop") as project:
        project.carry("v1")
        project.start_load(RATE, CONNECTIONS)
        for name, case, wanted in CASES:
            before = project.snapshot()
            outcome = case(project)
            report = project.since(before)
            figure = f"{report.client_failures} of {report.requests:,}; own errors {report.app_errors}; {outcome}"
            rows.append(Row(name, figure, f"0 failed, {wanted}", report.client_failures == 0 and outcome == wanted))
            for example in report.examples[:3]:
                print(f"  {name}: {example}")
        total = project.stop_load()
        rows.append(
            Row("all", f"{total.client_failures} of {total.requests:,}", "0 failed", total.client_failures == 0)
        )
        rows.append(Row("events with an intact hash chain", str(project.client.verify(SERVICE))))
    return 0 if show("Failed client requests, 300/s over 8 keep-alive connections", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
