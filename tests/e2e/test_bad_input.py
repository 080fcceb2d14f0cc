"""What goes wrong at three in the morning: instances that do not come up or do not go, and people in each other's way."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ferryman.model.view import ServiceView
from project import CANARY, ROLLING, SERVICE, Project

pytestmark = [pytest.mark.real, pytest.mark.deadline(150)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


def ferry(project: Project, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ferryman", "--project", str(project.folder), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
    )


def test_a_command_that_exits_at_once_trips_the_breaker_and_shows_its_last_words(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    rollout = project.carry("v2", ROLLING, "--exit-at-once", "7")
    assert rollout.phase == "rolled_back"
    assert rollout.cause_kind == "breaker"
    assert "7" in str(rollout.cause_reason)
    assert project.view().serving == "v1"
    assert project.stop_load().client_failures == 0


def test_health_that_never_turns_green_meets_the_progress_deadline(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    document = project.document("v2", CANARY, "--never-ready", deadlines={"progress": "4s"})
    (project.folder / "ferryman.yaml").write_text(document)
    done = ferry(project, "deploy")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no progress for 4 s" in done.stdout + done.stderr
    assert "start version=v2" in done.stdout + done.stderr, "the instance's last log lines are shown"
    assert project.view().serving == "v1"
    assert project.stop_load().client_failures == 0


def test_an_instance_that_ignores_sigterm_is_ended_by_force(project: Project) -> None:
    project.carry("v1", ROLLING, "--ignore-sigterm", run={"stopTimeout": "1s"})
    project.start_load(100.0, 4)
    assert project.carry("v2", ROLLING).phase == "promoted"
    project.until("only v2 lives", lambda v: {i.label for i in v.instances if i.state != "failed"} == {"v2"})
    assert project.stop_load().client_failures == 0
    topics = [e.text for e in project.client.events(SERVICE).events if e.kind == "noted"]
    assert any("forc" in text.lower() or "kill" in text.lower() for text in topics), topics


def test_an_app_that_leaks_memory_is_seen_to(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(50.0, 4)
    held = "{canary: {steps: [{weight: 50}, {pause: {}}, 100]}}"
    answer = project.deploy("v2", held, "--leak-mb-per-second", "30")

    def leaks(view: ServiceView) -> bool:
        memory = {s.label: s.memory_bytes or 0.0 for s in view.sides}
        return memory.get("v2", 0.0) > memory.get("v1", 0.0) + 100e6 > 100e6

    project.until("the status shows the memory of v2 grow away from v1's", leaks, 40)
    project.client.verb(SERVICE, "abort", actor="test", reason="leaks")
    assert project.ended(answer.rollout).phase == "rolled_back"
    assert project.stop_load().client_failures == 0


def test_a_port_that_is_taken_is_named(project: Project) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", project.port))
        taken.listen()
        project.deploy("v1", ROLLING)
        project.until("the port is named", lambda v: str(project.port) in v.trouble)
    project.until("it serves once the port is free", lambda v: v.serving == "v1", 30)


def test_a_second_controller_is_refused_by_name(project: Project) -> None:
    pid = project.client.health().pid
    done = ferry(project, "serve")
    assert done.returncode != 0
    assert str(pid) in done.stderr


def test_a_state_folder_that_cannot_be_written_is_named(project: Project, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mounted = tmp_path / "readonly"
    mounted.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", mounted], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine does not let a test mount a tmpfs")
    try:
        command = [sys.executable, "-m", "ferryman", "--project", str(mounted), "serve"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0
        assert str(mounted) in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", mounted], check=False)


def test_ctrl_c_of_a_waiting_deploy_leaves_the_rollout_alone(project: Project) -> None:
    project.carry("v1", ROLLING)
    (project.folder / "ferryman.yaml").write_text(project.document("v2", "{canary: {hold: 30s, steps: [50, 100]}}"))
    command = [sys.executable, "-m", "ferryman", "--project", str(project.folder), "deploy"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    project.until("v2 is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 50)
    before = {p.pid for p in project.processes()} - {waiting.pid}
    waiting.send_signal(2)
    output, _ = waiting.communicate(timeout=15)
    assert waiting.returncode == 130, output
    assert "goes on" in output
    assert "Traceback" not in output
    assert before <= {p.pid for p in project.processes()}
    view = project.view()
    assert view.rollout is not None
    assert view.rollout.phase in ("progressing", "analysing")


def test_down_leaves_nothing_running(project: Project) -> None:
    project.carry("v1", ROLLING)
    assert len(project.processes()) >= 4
    done = ferry(project, "down")
    assert done.returncode == 0, done.stdout + done.stderr
    deadline = time.monotonic() + 10
    while project.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [p.cmdline() for p in project.processes() if p.status() != psutil.STATUS_ZOMBIE] == []
    project.forget()
    told = ferry(project, "history")
    assert (told.returncode, "promoted" in told.stdout) == (0, True), "what happened can be read without a controller"
    assert "taken down" in ferry(project, "events").stdout
    assert "chain is intact" in ferry(project, "events", "--verify").stdout
    assert ferry(project, "history", "shpo").returncode == 2
    assert [p.cmdline() for p in project.processes()] == [], "and starts none"
    assert project.carry("v2", ROLLING).phase == "promoted", "a deploy brings it up again"
