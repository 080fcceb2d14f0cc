"""Signals that cannot hit a stranger: by process descriptor, after the start time was compared. Linux 5.3 or later."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable

import msgspec

from ferryman.targets.process import procfs
from ferryman.targets.process.procfs import Stat


class Exit(msgspec.Struct, frozen=True):
    """How a process ended: exit status 0 to 255, or the number of the signal that ended it."""

    status: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            try:
                name = signal.Signals(self.signal).name
            except ValueError:
                name = f"signal {self.signal}"
            return f"ended by {name}"
        return "ended" if self.status is None else f"exited with status {self.status}"


def open_process(pid: int, start_ticks: int) -> int | None:
    """A descriptor of exactly this process, or None if it is dead or its number belongs to another one now."""
    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, OSError):
        return None
    # Opened first, compared then: whatever takes the number afterwards, the descriptor keeps to the one compared.
    here = procfs.stat(pid)
    if here is None or here.dead or here.start_ticks != start_ticks:
        os.close(descriptor)
        return None
    return descriptor


def send(descriptor: int, number: int) -> bool:
    """Send a signal; False if the process has ended, or may not be signalled by us."""
    try:
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def has_ended(descriptor: int) -> bool:
    """Whether the process is dead; a zombie is."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


def peek_exit(descriptor: int) -> Exit:
    """How an ended process ended; unknown unless it was a child of this process. It stays a zombie until `reap`, so
    that its number, which is that of its session, is not given away."""
    return _wait(descriptor, os.WNOWAIT)


def reap(descriptor: int) -> None:
    """Let an ended child go."""
    _wait(descriptor, 0)


def _wait(descriptor: int, extra: int) -> Exit:
    try:
        result = os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG | extra)
    except ChildProcessError:
        return Exit()
    if result is None:
        return Exit()
    if result.si_code == os.CLD_EXITED:
        return Exit(status=result.si_status)
    return Exit(signal=result.si_status)


def signal_all(processes: Iterable[Stat], number: int) -> int:
    """Send a signal to each of these processes that is still the one meant; returns how many got it."""
    sent = 0
    for one in processes:
        descriptor = open_process(one.pid, one.start_ticks)
        if descriptor is None:
            continue
        try:
            sent += send(descriptor, number)
        finally:
            os.close(descriptor)
    return sent
