"""Who holds a state folder, and ending one who holds it but does nothing any more.

The holder writes its process id and start time into the lock file and touches that file as long as it turns, so that its
age says how long it has been silent. A stopped or hanging controller keeps the lock for ever. The fence in the log and in
the adapters is what protects a release from it if it wakes up; ending it here is what lets somebody else go on.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec

from ferryman.model.errors import ControllerError
from ferryman.targets.process import procfs, signals

BEAT_SECONDS = 2.0
"""How often a controller touches its lock file."""

SILENT_SECONDS = 20.0
"""As long as a lease: who was not heard of for longer no longer turns."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a folder: `stopped` by SIGSTOP, a terminal or a debugger; `silent_seconds` since it last turned.
    `start_ticks` None: what the lock file says is not true of any process now."""

    pid: str
    start_ticks: int | None
    stopped: bool
    silent_seconds: float

    @property
    def idle(self) -> bool:
        """True when it cannot be at work."""
        return self.stopped or self.silent_seconds > SILENT_SECONDS


def sign(lock: int) -> None:
    """Write into the lock file who holds it now. Raises OSError."""
    me = procfs.stat(os.getpid())
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {me.start_ticks if me else ''}\n".encode(), 0)


def read(lock: int) -> Holder:
    """Who holds the open lock file."""
    words = os.pread(lock, 64, 0).decode(errors="replace").split()
    silent = max(0.0, time.time() - os.fstat(lock).st_mtime)
    found = procfs.stat(int(words[0])) if words and words[0].isdigit() else None
    known = found is not None and not found.dead and words[1:] == [str(found.start_ticks)]
    return Holder(
        pid=words[0] if words else "unknown",
        start_ticks=found.start_ticks if found is not None and known else None,
        stopped=found is not None and known and found.stopped,
        silent_seconds=silent,
    )


def held(path: Path, holder: Holder) -> ControllerError:
    """What a second controller is told, with the way out."""
    who = f"another controller (pid {holder.pid}) holds {path}"
    if holder.start_ticks is None or not holder.idle:
        return ControllerError("state_held", who, "use that one (`ferry status`), or stop it first")
    state = "it is stopped and has" if holder.stopped else "it has"
    return ControllerError(
        "state_held",
        f"{who}, but {state} not been heard of for {holder.silent_seconds:.0f} s",
        f"`kill -CONT {holder.pid}` lets a stopped one go on; `ferry serve --take-over` ends it for good and goes on in its place",
    )


def end(path: Path, holder: Holder) -> None:
    """Kill a holder that does nothing any more. Raises `ControllerError`: ``holder_at_work`` when it does something,
    ``holder_unknown`` when it cannot be told which process it is or this user may not end it."""
    if holder.start_ticks is None:
        raise ControllerError(
            "holder_unknown",
            f"{path} is held, and not by the process that its lock file names (pid {holder.pid})",
            f"find out who has {path / 'controller.lock'} open, for example with `fuser`, and end that one",
        )
    if not holder.idle:
        raise ControllerError(
            "holder_at_work",
            f"the controller (pid {holder.pid}) that holds {path} is at work: heard of {holder.silent_seconds:.0f} s ago",
            f"use it (`ferry status`), or end it yourself: kill {holder.pid}",
        )
    descriptor = signals.open_process(int(holder.pid), holder.start_ticks)
    if descriptor is None:
        return
    try:
        if not signals.send(descriptor, signal.SIGKILL) and not signals.has_ended(descriptor):
            raise ControllerError(
                "holder_unknown",
                f"this user may not end pid {holder.pid}",
                f"as its owner or root: kill -9 {holder.pid}",
            )
    finally:
        os.close(descriptor)
