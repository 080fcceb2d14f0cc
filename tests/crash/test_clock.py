"""The clock of the machine is set while a release runs, as far as a process can be shown it: the controller runs under
libfaketime, whose offset is read from a file. It sees the new time at once; monotonic time goes on."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from project import ROLLING, SERVICE, Project
from support import eventually, missing_counterpart

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]
HOLD_SECONDS = 6.0
SLACK_SECONDS = 30.0  # beside other tests everything takes longer; an hour would still be told apart
HOUR = 3600
STEPS = "{canary: {hold: 6s, steps: [{weight: 25, analysis: false}, {weight: 50, analysis: false}, 100], bake: 1s, scaleDownDelay: 1s}}"


def library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        missing_counterpart("faketime", "no libfaketimeMT.so.1 under /usr/lib")
    return found[0]


class Clock:
    """The time that a controller sees, as an offset in seconds to the real one."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "offset"
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, offset_seconds: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset_seconds:+d}\n")
        new.replace(self.file)


@contextlib.contextmanager
def controller(project: Project, clock: Clock) -> Iterator[psutil.Process]:
    """A controller that sees this clock."""
    program = str(Path(__file__).with_name("clocked.py"))
    command = [sys.executable, program, "--project", str(project.folder), "serve"]
    project.forget()
    with (project.folder / "clock.log").open("ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clock.environment)
    try:
        eventually(lambda: project.controller_pid == child.pid, what="the controller answers", seconds=60)
        yield psutil.Process(child.pid)
    finally:
        child.kill()
        child.wait(10)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def exposed(project: Project, rollout: str | None, percent: float) -> float:
    """When that share was first seen to be served, in monotonic seconds."""
    project.until(
        f"{percent} %",
        lambda v: (
            v.rollout
            and v.rollout.id == rollout
            and v.rollout.exposure_percent >= percent
            and v.rollout.reached_at is not None
        ),
        HOLD_SECONDS + SLACK_SECONDS,
    )
    return time.monotonic()


def log_times(project: Project) -> list[float]:
    found, after = list[float](), 0
    while page := project.client.events(SERVICE, after=after).events:
        found += [event.at for event in page]
        after = page[-1].position
    return found


def test_a_clock_that_is_set_back_and_forth_cuts_no_hold_and_makes_none_endless(project: Project) -> None:
    clock = Clock(project.folder)
    with controller(project, clock) as first:
        project.carry("v1", ROLLING)
        project.start_load(100.0, 4)
        rollout = project.deploy("v2", STEPS).rollout
        at_quarter = exposed(project, rollout, 25)
        clock.set(-HOUR)
        at_half = exposed(project, rollout, 50)
        assert HOLD_SECONDS - 1 < at_half - at_quarter < HOLD_SECONDS + SLACK_SECONDS
        clock.set(HOUR)
        at_all = exposed(project, rollout, 100)
        assert HOLD_SECONDS - 1 < at_all - at_half < HOLD_SECONDS + SLACK_SECONDS
        assert project.ended(rollout, 60).phase == "promoted"
        assert project.controller_pid == first.pid, "it lived through it"

        second = project.deploy("v3", STEPS).rollout
        at_quarter = exposed(project, second, 25)
        clock.set(-2 * HOUR)
        first.send_signal(signal.SIGKILL)
    with controller(project, clock):
        at_half = exposed(project, second, 50)
        assert HOLD_SECONDS - 1 < at_half - at_quarter < 2 * HOLD_SECONDS + SLACK_SECONDS, "begun anew at the most"
        assert project.ended(second, 60).phase == "promoted"
        times = log_times(project)
        assert times == sorted(times), "the log never goes back"
        assert project.client.verify(SERVICE) == len(times)
        assert project.stop_load().client_failures == 0
        project.close()
