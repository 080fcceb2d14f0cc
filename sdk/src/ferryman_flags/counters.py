"""Counts evaluations by flag, variant and reason, without a lock and without losing one.

`itertools.count().__next__` is one call into C, so it is atomic under the interpreter lock and costs some 20 ns. To read
such a counter one draws a number too, and leaves that draw out of the next difference.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ferryman_flags.context import leave_trail
from ferryman_flags.errors import Reason

CELLS_MAX = 100_000
"""Beyond so many combinations evaluations still work, but are counted under no flag."""
UNCOUNTED = ("", None, Reason.ERROR)
CellName = tuple[str, "str | None", Reason]
Cell = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Count:
    """So many evaluations of one flag ended in this way since the last reading."""

    flag: str
    variant: str | None
    """None when the code default was given."""
    reason: Reason
    evaluations: int


class Counters:
    """All counters of one client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: dict[CellName, Cell] = {}
        self._drawn: dict[CellName, int] = {}
        self.follows = False
        """Whether what is counted is also noted in the trail of its request; only cells asked for later do."""

    def cell(self, flag: str, variant: str | None, reason: Reason) -> Cell:
        """The function to call once for each such evaluation; always the same one for the same arguments."""
        name: CellName = (flag, variant, reason)
        found = self._cells.get(name)
        if found is None:
            with self._lock:
                if len(self._cells) >= CELLS_MAX and name not in self._cells:
                    name = UNCOUNTED
                found = self._cells.setdefault(name, itertools.count().__next__)
        return _followed(found, (flag, variant)) if self.follows and variant is not None else found

    def drain(self) -> list[Count]:
        """What was counted since the last call. Evaluations that happen meanwhile are in this or in the next one."""
        counts: list[Count] = []
        with self._lock:
            for name, cell in self._cells.items():
                drawn = cell()
                evaluations = drawn - self._drawn.get(name, -1) - 1
                self._drawn[name] = drawn
                if evaluations:
                    counts.append(Count(*name, evaluations))
        return counts

    def restart(self) -> None:
        """Count from zero, with a lock of its own: for a process that was forked off."""
        self._lock = threading.Lock()
        self.drain()


def _followed(cell: Cell, step: tuple[str, str]) -> Cell:
    def count() -> int:
        leave_trail(step)
        return cell()

    return count
