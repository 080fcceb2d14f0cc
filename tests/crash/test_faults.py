"""Faults of the machine under a running release: users are served, and the release ends as it should when they pass."""

import contextlib
import fcntl
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ferryman.model.errors import FerrymanError
from ferryman.model.view import ServiceView
from project import ROLLING, SERVICE, Project
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.deadline(200)]
LONG = "{canary: {hold: 8s, steps: [{weight: 25, analysis: false}, {weight: 50, analysis: false}, 100], bake: 1s, scaleDownDelay: 1s}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=2) as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("this machine does not let a test mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


def fill(path: Path) -> None:
    """Take all space that is left."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


# ioctl_iflags(2): read and set the attributes of a file, and the one that forbids every change, also by open files.
GET_FLAGS, SET_FLAGS, IMMUTABLE = 0x80086601, 0x40086602, 0x10


def freeze(folder: Path, *, on: bool) -> None:
    """Make a folder with all that is in it unchangeable, or changeable again. A file system cannot be mounted read-only
    while files in it are open for writing, and permissions mean nothing to root or to open files; this does."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, GET_FLAGS, bytes(8)))
            fcntl.ioctl(descriptor, SET_FLAGS, struct.pack("l", flags | IMMUTABLE if on else flags & ~IMMUTABLE))
        finally:
            os.close(descriptor)


def need_freezing(folder: Path) -> None:
    """Skip where this user or this file system cannot make an open file unchangeable."""
    probe = folder / "probe"
    probe.mkdir()
    try:
        with (probe / "file").open("wb", buffering=0) as file:
            freeze(probe, on=True)
            file.write(b"x")
        freeze(probe, on=False)
    except PermissionError:
        if os.geteuid() == 0:
            freeze(probe, on=False)
            return
    except OSError:
        pass
    pytest.skip("files cannot be made immutable here: that takes root, and a file system such as ext4")


def serve(project: Project, *options: str) -> list[str]:
    """The command of a controller."""
    return [sys.executable, "-m", "ferryman", "--project", str(project.folder), "serve", *options]


def refused(project: Project, *options: str) -> str:
    """What a second controller says that is not let in."""
    done = subprocess.run(serve(project, *options), capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode != 0, done.stderr
    return done.stderr


def at(percent: float) -> Callable[[ServiceView], object]:
    return lambda v: v.rollout and v.rollout.exposure_percent == percent and v.rollout.reached_at


def test_a_full_disk_does_not_keep_a_broken_release_in_place(disk: Path) -> None:
    with Project(disk / "shop", replicas=2) as project:
        project.carry("v1", ROLLING)
        project.start_load(100.0, 4)
        answer = project.deploy("v2", "{canary: {hold: 60s, steps: [50, 100]}}")
        project.until("v2 is exposed", at(50))
        filler = disk / "filler"
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            fill(filler)  # again and again: what the controller frees is taken too
            time.sleep(0.2)
        assert os.statvfs(disk).f_bavail < 64
        project.client.verb(SERVICE, "abort", actor="test", reason="the disk is full")
        ended = project.ended(answer.rollout, 60)
        assert ended.phase == "rolled_back"
        filler.unlink()
        assert project.stop_load().client_failures == 0
        assert project.carry("v3", ROLLING).phase == "promoted", "with space again everything goes on"


def test_a_read_only_state_folder_stops_nothing_but_the_release(project: Project) -> None:
    need_freezing(project.folder)
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    answer = project.deploy("v2", LONG)
    project.until("v2 is exposed", at(25))
    pid = project.controller_pid
    freeze(project.state, on=True)
    try:
        view = project.until("the trouble is shown", lambda v: "state.db" in v.trouble, 30)
        assert "cannot be written" in view.trouble or "disk I/O error" in view.trouble
        time.sleep(10)  # longer than the hold: nothing may move that could not be recorded
        view = project.view()
        assert view.rollout is not None
        assert view.rollout.exposure_percent == 25
        with pytest.raises(FerrymanError) as caught:
            project.client.verb(SERVICE, "abort", actor="test", reason="it cannot be recorded")
        assert "writable" in caught.value.hint
    finally:
        freeze(project.state, on=False)
    assert project.ended(answer.rollout).phase == "promoted", "the abort was refused, and it goes on"
    assert project.controller_pid == pid, "it lived through it"
    assert project.stop_load().client_failures == 0
    assert project.client.verify(SERVICE) > 10


def test_a_stopped_controller_goes_on_where_it_was(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    answer = project.deploy("v2", LONG)
    project.until("v2 is exposed", at(25))
    pid = project.controller_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(25)  # longer than its lease and longer than the hold
        said = refused(project)
        assert f"pid {pid}" in said
        assert "it is stopped and has not been heard of for" in said
        assert f"kill -CONT {pid}" in said
        assert "--take-over" in said
    finally:
        os.kill(pid, signal.SIGCONT)
    assert project.ended(answer.rollout).phase == "promoted"
    assert project.stop_load().client_failures == 0
    assert project.client.verify(SERVICE) > 10


def test_a_stopped_controller_is_taken_over(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    answer = project.deploy("v2", LONG)
    project.until("v2 is exposed", at(25))
    old = psutil.Process(project.controller_pid)
    assert "is at work" in refused(project, "--take-over")
    old.send_signal(signal.SIGSTOP)
    eventually(lambda: old.status() == psutil.STATUS_STOPPED, what="it is stopped")
    assert f"kill -CONT {old.pid}" in refused(project)
    assert old.status() == psutil.STATUS_STOPPED, "nobody ended it unasked"
    project.forget()
    with (project.folder / "second.log").open("wb") as log:
        second = subprocess.Popen(serve(project, "--take-over"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: project.controller_pid == second.pid, what="the second one answers", seconds=60)
        assert not old.is_running() or old.status() == psutil.STATUS_ZOMBIE
        assert project.ended(answer.rollout).phase == "promoted"
        assert project.controller_pid == second.pid
        assert project.stop_load().client_failures == 0
        assert project.client.verify(SERVICE) > 10
        assert project.view().healthy
    finally:
        project.close()
        second.wait(30)


def test_instances_killed_at_random_in_every_phase(project: Project) -> None:
    project.carry("v1", ROLLING)
    answer = project.deploy("v2", LONG)
    chance = random.Random(7)
    for _ in range(8):
        time.sleep(2.0)
        shops = [p for p in project.processes() if "ferryman.demo.shop" in " ".join(p.cmdline())]
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(shops).kill()
    ended = project.ended(answer.rollout)
    assert ended.phase in ("promoted", "rolled_back")
    serving = "v2" if ended.phase == "promoted" else "v1"
    view = project.until("all is well again", lambda v: v.healthy and v.serving == serving, 60)
    assert {s.label: s.ready for s in view.sides if s.live} == {serving: 2}
    assert project.client.verify(SERVICE) > 10


def test_a_controller_out_of_file_descriptors_recovers(project: Project) -> None:
    project.carry("v1", ROLLING)
    project.start_load(100.0, 4)
    answer = project.deploy("v2", LONG)
    project.until("v2 is exposed", at(25))
    pid = project.controller_pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (psutil.Process(pid).num_fds(), before[1]))
    time.sleep(6)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert project.ended(answer.rollout).phase == "promoted"
    assert project.controller_pid == pid, "it lived through it"
    assert project.stop_load().client_failures == 0
