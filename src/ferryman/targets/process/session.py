"""All processes of an instance: its leader and whatever that started in the same session. Blocking for milliseconds."""

from __future__ import annotations

import signal
import time

from ferryman.targets.process import procfs, signals
from ferryman.targets.process.procfs import Stat
from ferryman.targets.process.records import Record
from ferryman.targets.process.spawn import INSTANCE_VARIABLE

KILL_ROUNDS_MAX = 40
KILL_POLL_SECONDS = 0.05


def rest_of(record: Record, *, fresh: bool) -> list[Stat]:
    """The live processes of the session besides its leader.

    A session's number is its leader's, and the kernel gives it to nobody while the session has members; afterwards it
    may. `fresh`: the leader ended a moment ago, so its number cannot have come round again. Otherwise a process counts
    only if it carries the instance's name.
    """
    assert record.pid is not None
    assert record.start_ticks is not None
    leader = procfs.stat(record.pid)
    if leader is not None and leader.start_ticks != record.start_ticks:
        return []
    members = [
        one
        for one in procfs.session_members(record.pid)
        if one.pid != record.pid and one.start_ticks >= record.start_ticks
    ]
    if fresh or leader is not None:
        return members
    return [one for one in members if procfs.environment(one.pid).get(INSTANCE_VARIABLE) == record.id]


def kill_rest(record: Record, *, fresh: bool) -> int:
    """Kill them, and what they start meanwhile, for at most two seconds; returns how many were killed."""
    killed = 0
    for _ in range(KILL_ROUNDS_MAX):
        members = rest_of(record, fresh=fresh)
        if not members:
            break
        killed += signals.signal_all(members, signal.SIGKILL)
        time.sleep(KILL_POLL_SECONDS)
    return killed


def terminate_rest(record: Record) -> int:
    """Ask what an ended leader left behind to end too; returns how many were asked."""
    return signals.signal_all(rest_of(record, fresh=True), signal.SIGTERM)
