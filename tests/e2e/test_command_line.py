"""The command line on real processes: starting a controller, races, interrupts, a dead controller, the way down."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from ferryman.api.place import read_record
from project import Project
from support import ProcessGuard, eventually

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]
LONG_CANARY = "{canary: {hold: 60s, steps: [50, 100], bake: 1s, scaleDownDelay: 1s}}"
QUICK = "{rolling: {maxSurge: 1, maxUnavailable: 0}}"


@pytest.fixture
def project(tmp_path: Path, process_guard: ProcessGuard) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as project:
        yield project


def write(project: Project, version: str, strategy: str, *shop: str, **settings: object) -> None:
    (project.folder / "ferryman.yaml").write_text(project.document(version, strategy, *shop, **settings))


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ferryman", *words]
    return subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ferry(project: Project, *words: str, seconds: float = 90) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    with start(project, *words) as run:
        out, err = run.communicate(timeout=seconds)
    return run.returncode, out, err


def controllers(project: Project) -> list[psutil.Process]:
    return [p for p in project.processes() if "serve" in p.cmdline()]


def test_a_deploy_starts_a_controller_and_says_so(project: Project) -> None:
    write(project, "v1", QUICK)
    code, out, err = ferry(project, "deploy")
    assert code == 0, (out, err)
    assert out.splitlines()[0] == "shop v1: starts as shop-1"
    assert out.splitlines()[-1].startswith("Promoted: serving v1 (healthy)")
    record = read_record(project.state)
    assert record is not None
    assert f"started a controller for {project.folder} (pid {record.pid}), log {project.state / 'serve.log'}" in err
    code, out, err = ferry(project, "deploy")
    assert (code, err) == (0, "")
    assert "unchanged, v1 is serving" in out
    code, out, _ = ferry(project, "status", "--json")
    assert (code, json.loads(out)["serving"]) == (0, "v1")
    code, out, _ = ferry(project, "plan")
    assert (code, out) == (0, "shop: v1 serves already, with these settings: a deploy changes nothing\n")


def test_down_leaves_nothing_and_a_deploy_begins_again(project: Project) -> None:
    write(project, "v1", QUICK)
    assert ferry(project, "deploy", "-q")[0] == 0
    code, out, err = ferry(project, "down")
    assert code == 0, (out, err)
    assert project.processes() == []
    assert not (project.state / "controller.json").exists()
    assert ferry(project, "down")[0] == 0
    assert ferry(project, "status")[0] == 1, "nobody is there to ask"
    assert ferry(project, "deploy", "-q")[0] == 0


def test_two_deploys_at_once_share_one_controller(project: Project) -> None:
    write(project, "v1", QUICK)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(ferry, project, "deploy") for _ in range(2)]
        codes = sorted(run.result()[0] for run in runs)
    assert codes in ([0, 0], [0, 2]), [run.result() for run in runs]
    refused = [run.result()[2] for run in runs if run.result()[0] == 2]
    assert all("another release came first" in text for text in refused)
    assert len(controllers(project)) == 1


def test_an_interrupt_while_the_controller_starts_leaves_nothing(project: Project) -> None:
    write(project, "v1", QUICK)
    with start(project, "deploy") as run:
        assert run.stderr is not None
        assert "starting a controller" in run.stderr.readline()
        eventually(lambda: controllers(project), what="a controller that starts")
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out, err)
    assert "interrupted: nothing was changed" in err
    assert "Traceback" not in err
    eventually(lambda: not project.processes(), what="all processes to end")


def test_an_interrupt_while_it_waits_stops_nothing(project: Project) -> None:
    write(project, "v1", QUICK)
    assert ferry(project, "deploy", "-q")[0] == 0
    write(project, "v2", LONG_CANARY)
    with start(project, "deploy") as run:
        assert run.stdout is not None
        while "50%" not in (line := run.stdout.readline()):
            assert line, run.communicate()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, (out, err)
    assert "the rollout of shop goes on; watch it with `ferry status shop -w`" in err
    code, out, _ = ferry(project, "status", "--json")
    assert (code, json.loads(out)["rollout"]["candidate"]) == (0, "v2")
    assert ferry(project, "status", "--timeout", "0.2")[0] == 3
    code, out, err = ferry(project, "abort", "-w")
    assert code == 0, (out, err)
    assert "Rolled back: serving v1 (healthy); v2 taken back" in out
    code, out, err = ferry(project, "deploy")
    assert code == 2, (out, err)
    assert "ferry retry" in err


def test_a_service_that_never_comes_up_shows_its_last_words(project: Project) -> None:
    write(project, "v1", QUICK, "--exit-at-once", "7")
    code, out, err = ferry(project, "deploy")
    assert code == 1, (out, err)
    assert "--- last lines of v1-" in out
    assert "exit at once code=7" in out
    assert out.splitlines()[-1].startswith("Rolled back: nothing is serving; v1 rejected:")


def test_a_verb_after_kill_9_of_the_controller_starts_another(project: Project) -> None:
    write(project, "v1", QUICK)
    assert ferry(project, "deploy", "-q")[0] == 0
    write(project, "v2", LONG_CANARY)
    assert ferry(project, "deploy", "--no-wait")[0] == 0
    project.kill_controller()
    code, out, err = ferry(project, "status")
    assert code == 1, (out, err)
    assert "no controller runs" in err
    code, out, err = ferry(project, "abort", "-w")
    assert code == 0, (out, err)
    assert "started a controller" in err
    assert len(controllers(project)) == 1


def test_two_controllers_on_one_folder(project: Project) -> None:
    assert project.client.views() == ()
    code, _, err = ferry(project, "serve")
    assert code == 1
    assert f"another controller (pid {project.controller_pid}) holds" in err
    assert "hint: " in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_lets_go_and_what_it_started_serves_on(project: Project, number: signal.Signals) -> None:
    with start(project, "serve", "--listen", "127.0.0.1:0") as run:
        assert run.stderr is not None
        while "Ctrl-C ends the controller only" not in (line := run.stderr.readline()):
            assert line
        write(project, "v1", QUICK)
        assert ferry(project, "deploy", "-q")[0] == 0
        before = {p.pid for p in project.processes()} - {run.pid}
        run.send_signal(number)
        run.communicate(timeout=30)
    assert run.returncode == 0
    assert {p.pid for p in project.processes()} == before
    assert not (project.state / "controller.json").exists()
    assert ferry(project, "restart")[0] == 0, "a verb starts a controller that takes over"


def test_a_controller_that_serves_nobody_takes_its_router_along(project: Project) -> None:
    with start(project, "serve") as run:
        assert run.stderr is not None
        while "Ctrl-C ends the controller only" not in run.stderr.readline():
            pass
        run.terminate()
        run.communicate(timeout=30)
    assert run.returncode == 0
    eventually(lambda: not project.processes(), what="the router to end")


def test_a_state_folder_that_cannot_be_written(project: Project) -> None:
    write(project, "v1", QUICK)
    project.state.write_text("in the way")
    code, out, err = ferry(project, "deploy")
    assert (code, out) == (1, "")
    assert f"the state folder {project.state} cannot be written" in err
    project.state.unlink()
    project.state.mkdir(mode=0o500)
    if os.geteuid():  # root writes everywhere
        code, _, err = ferry(project, "deploy")
        assert code == 1
        assert "cannot be written" in err
    project.state.chmod(0o700)


def test_on_a_terminal_the_picture_moves_and_the_end_stays(project: Project) -> None:
    write(project, "v1", QUICK)
    assert ferry(project, "deploy", "-q")[0] == 0
    write(project, "v2", "{canary: {hold: 1s, steps: [50, 100], bake: 0s}}", analysis={"enabled": False})
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    run = subprocess.Popen(
        [sys.executable, "-m", "ferryman", "deploy"], cwd=project.folder, stdout=child, stderr=child, stdin=child,
        env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    shown = _read_all(parent, run)
    assert run.wait(10) == 0, shown
    assert "v1 → v2" in _plain(shown)
    assert "Status" in _plain(shown)
    assert "Promoted: serving v2 (healthy)" in shown.splitlines()[-1]
    assert "\x1b[?25h" in shown, "the cursor is there again"


def _read_all(descriptor: int, run: subprocess.Popen[bytes]) -> str:
    parts: list[bytes] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        readable, _, _ = select.select([descriptor], [], [], 0.2)
        if readable:
            try:
                part = os.read(descriptor, 65536)
            except OSError:
                break
            parts.append(part)
        elif run.poll() is not None:
            break
    os.close(descriptor)
    return b"".join(parts).decode(errors="replace")


def _plain(text: str) -> str:
    """Without what colours it."""
    return re.sub("\x1b\\[[0-9;]*m", "", text)
