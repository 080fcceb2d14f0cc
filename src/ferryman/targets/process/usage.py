"""What instances use: processor time and memory of all processes of their session, from one pass over /proc."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from ferryman.targets.process.procfs import TICKS_PER_SECOND, Stat


class Usage(msgspec.Struct, frozen=True):
    """`cpu_percent` of one core since the sample before (None at the first), `memory_bytes` resident; pages that
    several processes of the session share count once for each."""

    cpu_percent: float | None
    memory_bytes: int


class Sampler:
    """Turns one look at all processes after the other into usage per session. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._ticks: dict[tuple[int, int], int] = {}
        self._known: frozenset[int] = frozenset()

    def sample(self, processes: Iterable[Stat], sessions: Collection[int], at: float) -> dict[int, Usage]:
        """Usage per session id; sessions without a process are left out."""
        members = [one for one in processes if one.session in sessions]
        elapsed = None if self._at is None else at - self._at
        used: dict[int, int] = dict.fromkeys((one.session for one in members), 0)
        memory = dict(used)
        for one in members:
            # A process that is new counts from its start; one that ended takes its last ticks with it.
            used[one.session] += one.cpu_ticks - self._ticks.get((one.pid, one.start_ticks), 0)
            memory[one.session] += one.resident_bytes
        known, self._known = self._known, frozenset(used)
        self._ticks = {(one.pid, one.start_ticks): one.cpu_ticks for one in members}
        self._at = at
        return {
            session: Usage(
                cpu_percent=100.0 * ticks / TICKS_PER_SECOND / elapsed if elapsed and session in known else None,
                memory_bytes=memory[session],
            )
            for session, ticks in used.items()
        }
