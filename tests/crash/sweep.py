"""The crash sweep: carry a release through controllers that each live for one event only."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.cli.client import Client, find
from ferryman.demo.load import LoadReport
from ferryman.model.errors import FerrymanError
from ferryman.model.view import ServiceView
from project import ENDED, SERVICE, Project

LIVES_MAX = 120
LIFE_SECONDS = 20.0
START_SECONDS = 60.0
LAST_WORDS = 1500
Ask = Callable[[Client], object]


@dataclass
class Sweep:
    """What a sweep saw. `decision_seconds`: from the start of each controller to its first decision."""

    outcome: str = ""
    serving: str = ""
    deaths: int = 0
    decision_seconds: list[float] = field(default_factory=list[float])
    report: LoadReport | None = None
    starts: Counter[str] = field(default_factory=Counter[str])
    live: Counter[str] = field(default_factory=Counter[str])
    events: int = 0


def sweep(project: Project, mode: str, asks: list[tuple[Callable[[ServiceView | None], bool], Ask]]) -> Sweep:
    """Run crashing controllers until every ask was taken and the last rollout has ended.

    `asks` are (when, what) in order: the first whose `when` holds is asked of whichever controller lives then. An ask
    whose answer broke off counts as taken: its event is durable, and its controller died of it.
    """
    project.start_load(100.0, 4)
    before = project.snapshot()
    project.stop_controller()
    found, waiting = Sweep(), list(asks)
    while found.deaths < LIVES_MAX:
        if not _life(project, mode, found, waiting):
            break
    else:
        raise AssertionError(f"still not at the end after {found.deaths} deaths")
    view = project.view()
    assert view.rollout is not None
    found.outcome, found.serving = view.rollout.phase, str(view.serving)
    found.report = project.since(before)
    found.starts, found.live = starts(project.state), Counter(i.label for i in view.instances if i.state == "ready")
    found.events = project.client.verify(SERVICE)
    found.decision_seconds = [float(line) for line in (project.folder / "decisions.txt").read_text().split()]
    return found


def _life(
    project: Project, mode: str, found: Sweep, waiting: list[tuple[Callable[[ServiceView | None], bool], Ask]]
) -> bool:
    """One controller; True when it died of an event, False when there is nothing left to do."""
    began = time.monotonic()
    program = str(Path(__file__).with_name("crashing.py"))
    command = [sys.executable, program, mode, str(began), "--project", str(project.folder)]
    told = project.folder / "crashing.log"
    with told.open("ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=project.folder)
    calm_since = None
    # Counted from its first answer: on a busy machine a controller may need as long to start.
    until = began + START_SECONDS
    answered = False
    while time.monotonic() < until:
        if child.poll() is not None:
            words = told.read_text(errors="replace")[-LAST_WORDS:]
            assert child.returncode == -9, f"the controller ended by itself: {child.returncode}\n{words}"
            found.deaths += 1
            return True
        view = _look(project)
        if view is not None and not answered:
            answered, until = True, time.monotonic() + LIFE_SECONDS
        if view is not None or waiting:
            _ask(project, view, waiting)
        done = view is not None and not waiting and view.rollout is not None and view.rollout.phase in ENDED
        calm_since = (calm_since or time.monotonic()) if done and view is not None and not view.queue else None
        if calm_since is not None and time.monotonic() - calm_since > 2.5:
            return False
        time.sleep(0.05)
    return True if child.poll() is not None else _give_up(child)


def _give_up(child: subprocess.Popen[bytes]) -> bool:
    """Nothing to do for a whole life: a hold longer than it. The next controller waits on."""
    child.kill()
    child.wait()
    return True


def _look(project: Project) -> ServiceView | None:
    client = find(project.folder)
    if client is None:
        return None
    with contextlib.closing(client), contextlib.suppress(FerrymanError):
        return client.view(SERVICE)
    return None


def _ask(
    project: Project, view: ServiceView | None, waiting: list[tuple[Callable[[ServiceView | None], bool], Ask]]
) -> None:
    if not waiting or not waiting[0][0](view):
        return
    client = find(project.folder)
    if client is None:
        return
    _, ask = waiting.pop(0)
    with contextlib.closing(client), contextlib.suppress(FerrymanError):
        ask(client)


def starts(state: Path) -> Counter[str]:
    """How many processes of each version ever started, by what they wrote first."""
    found: Counter[str] = Counter()
    for log in (state / "logs").glob("*.log*"):
        found.update(re.findall(r"^start version=(\S+)", log.read_text(errors="replace"), re.MULTILINE))
    return found
