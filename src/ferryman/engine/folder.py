"""The state folder: where everything of a project's controller lies, held by one controller at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from ferryman.model.errors import ControllerError

STATE_FOLDER = ".ferryman"
RESERVE_BYTES = 4 * 1024 * 1024


class StateFolder:
    """Opens (and makes) the folder and holds its lock until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        """The event log."""
        return self.path / "state.db"

    @property
    def reserve(self) -> Path:
        """Space that is given up when the disk is full, so that a way back can still be written."""
        return self.path / "reserve"

    def open(self) -> None:
        """Raises `ControllerError`: ``state_read_only`` or ``state_held`` with the holder's pid."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "controller.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise ControllerError(
                "state_held",
                f"another controller (pid {holder}) holds {self.path}",
                "use that one (`ferry status`), or stop it first",
            ) from problem
        self._lock = lock
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as problem:
            self.close()
            raise _unwritable(self.path, problem) from problem
        self.fill_reserve()

    def fill_reserve(self) -> None:
        """Keep the reserve filled as far as there is room."""
        if self.reserve.exists() and self.reserve.stat().st_size >= RESERVE_BYTES:
            return
        try:
            with self.reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self.free_reserve()

    def free_reserve(self) -> bool:
        """Give the reserve up; True when there was one."""
        with contextlib.suppress(OSError):
            self.reserve.unlink()
            return True
        return False

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _unwritable(path: Path, problem: OSError) -> ControllerError:
    why = problem.strerror or str(problem)
    if problem.errno == errno.ENOSPC:
        return ControllerError("disk_full", f"no space left for {path}", "free some space on that disk")
    return ControllerError(
        "state_read_only", f"cannot write to {path}: {why}", "make the folder writable, or give another with --project"
    )
