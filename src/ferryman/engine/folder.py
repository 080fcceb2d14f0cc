"""The state folder: where everything of a project's controller lies, held by one controller at a time."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import time
from pathlib import Path

from ferryman.engine import holder
from ferryman.model.errors import ControllerError

STATE_FOLDER = ".ferryman"
RESERVE_BYTES = 4 * 1024 * 1024
HAND_OVER_SECONDS = 10.0
HAND_OVER_POLL_SECONDS = 0.05

log = logging.getLogger("ferryman.controller")


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

    def open(self, *, take_over: bool = False) -> None:
        """Take the folder; with `take_over` also from a holder that does nothing any more, which is killed.

        Raises `ControllerError`: ``state_read_only``, ``state_held`` with the holder's pid, or as `holder.end`."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "controller.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            try:
                self._from_holder(lock, take_over=take_over)
            except BaseException:
                os.close(lock)
                raise
        self._lock = lock
        try:
            holder.sign(lock)
        except OSError as problem:
            self.close()
            raise _unwritable(self.path, problem) from problem
        self.fill_reserve()

    def _from_holder(self, lock: int, *, take_over: bool) -> None:
        found = holder.read(lock)
        if not take_over:
            raise holder.held(self.path, found)
        holder.end(self.path, found)
        log.warning(
            "the controller of pid %s did nothing any more and was ended; %s is taken over", found.pid, self.path
        )
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() >= deadline:
                    raise holder.held(self.path, holder.read(lock)) from None
                time.sleep(HAND_OVER_POLL_SECONDS)

    async def beat(self) -> None:
        """Until cancelled: show that this controller turns."""
        while True:
            if self._lock is not None:
                with contextlib.suppress(OSError):
                    os.utime(self._lock)
            await asyncio.sleep(holder.BEAT_SECONDS)

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
