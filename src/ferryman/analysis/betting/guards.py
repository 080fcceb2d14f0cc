"""Facts about the candidate's processes that need no statistics: one is enough to roll back."""

from __future__ import annotations

import msgspec

from ferryman.model.evidence import Block

CRASH_LOOP_RESTARTS, CRASH_LOOP_SECONDS = 3, 600.0
CPU_PERCENT, CPU_SECONDS = 90.0, 180.0
# A single failed health check is noise; this long without a ready instance is not.
UNREADY_SECONDS = 10.0
# More entries than this within `CRASH_LOOP_SECONDS` have tripped the guard long before.
RESTART_ENTRIES_MAX = 8


class Guards(msgspec.Struct, array_like=True):
    """`restarts` are (t, how many) of the last ten minutes; `hot_since` is when the candidate's cpu went over the limit
    and stayed there, `unready_since` when its last ready instance was lost."""

    restarts: list[tuple[float, int]] = msgspec.field(default_factory=list[tuple[float, int]])
    hot_since: float | None = None
    was_ready: bool = False
    unready_since: float | None = None

    def observe(self, block: Block) -> tuple[str, str] | None:
        """(name of the guard that tripped, what it saw), or None."""
        if block.candidate.oom_kills:
            return "oom-kill", f"the candidate was killed for memory {block.candidate.oom_kills} times"
        return self._crash_loop(block) or self._unready(block) or self._hot(block)

    def _crash_loop(self, block: Block) -> tuple[str, str] | None:
        self.restarts = [(t, n) for t, n in self.restarts if t > block.t - CRASH_LOOP_SECONDS]
        if not block.candidate.restarts:
            return None
        self.restarts = [*self.restarts, (block.t, block.candidate.restarts)][-RESTART_ENTRIES_MAX:]
        total = sum(n for _, n in self.restarts)
        if total < CRASH_LOOP_RESTARTS:
            return None
        return "crash-loop", f"candidate instances restarted {total} times in {CRASH_LOOP_SECONDS / 60:.0f} minutes"

    def _unready(self, block: Block) -> tuple[str, str] | None:
        ready, stable = block.candidate.ready, block.stable.ready
        if ready is None:
            return None
        if ready > 0 or not self.was_ready or stable == 0:
            self.was_ready = self.was_ready or ready > 0
            self.unready_since = None
            return None
        if self.unready_since is None:
            self.unready_since = block.t
        lasted = block.t - self.unready_since
        if lasted < UNREADY_SECONDS:
            return None
        return "readiness-lost", f"no candidate instance has been ready for {lasted:.0f} s"

    def _hot(self, block: Block) -> tuple[str, str] | None:
        candidate, stable = block.candidate.cpu_percent, block.stable.cpu_percent
        if candidate is None:
            return None
        if candidate <= CPU_PERCENT or (stable is not None and stable > CPU_PERCENT):
            self.hot_since = None
            return None
        if self.hot_since is None:
            self.hot_since = block.t - block.seconds
        lasted = block.t - self.hot_since
        if lasted < CPU_SECONDS:
            return None
        return "cpu-saturated", f"candidate cpu over {CPU_PERCENT:.0f} % for {lasted:.0f} s, stable's is not"
