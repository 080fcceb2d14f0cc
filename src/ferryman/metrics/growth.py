"""Counters of many series as one that never falls. Pure.

It counts from where the series stood at the first reading, as a source does that began then. A series that is new later
counts from 0. One that is missing for a while goes on where it was; a process that began anew counts from 0 again.
"""

from __future__ import annotations

from collections.abc import Mapping

Labels = frozenset[tuple[str, str]]
Numbers = tuple[float, ...]

INSTANCE = "instance"
"""The label by which Prometheus tells the processes apart that it reads."""

SERIES_MAX = 20_000
"""Series that are remembered; beyond, those that were seen longest ago are forgotten."""


class Growth:
    """Of `width` numbers for each series, which rise and begin anew together."""

    def __init__(self, width: int) -> None:
        self.total: Numbers = (0.0,) * width
        self.begun = False
        self._last: dict[Labels, Numbers] = {}

    @property
    def known(self) -> bool:
        """Whether there was ever a series."""
        return bool(self._last)

    def take(self, readings: Mapping[Labels, Numbers]) -> Numbers:
        """Add what has grown since the reading before; the totals."""
        total = self.total
        for labels, numbers in readings.items():
            last = self._last.pop(labels, None)
            self._last[labels] = numbers
            if last is not None or self.begun:
                grown = _grown(last, numbers, own=any(name == INSTANCE for name, _ in labels))
                total = tuple(one + more for one, more in zip(total, grown, strict=True))
        while len(self._last) > SERIES_MAX:
            del self._last[next(iter(self._last))]
        self.begun, self.total = True, total
        return total


def _grown(last: Numbers | None, now: Numbers, *, own: bool) -> Numbers:
    """`own`: of one process. What fell is a process that began anew. In a sum over several, nobody can tell how much of it
    was there before: that counts for nothing, rather than all of it a second time."""
    if last is None:
        return now
    if sum(now) < sum(last):
        return now if own else (0.0,) * len(now)
    return tuple(max(0.0, one - before) for one, before in zip(now, last, strict=True))
