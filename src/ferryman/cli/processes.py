"""Processes of this machine that a command waits for."""

from __future__ import annotations

import time

from ferryman.targets.process import procfs

POLL_SECONDS = 0.05


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    found = procfs.stat(pid)
    return found is not None and not found.dead


def await_end(pid: int, seconds: float) -> bool:
    """Wait until a process has ended, no longer than `seconds`; whether it has."""
    deadline = time.monotonic() + seconds
    while lives(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
