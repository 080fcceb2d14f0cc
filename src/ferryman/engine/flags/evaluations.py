"""How often which variant was given, and how the requests with it fared, minute by minute, as the programs report.

The minutes of the last day are in memory; `engine.flags.keeping` has the store keep them, and what is older.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from ferryman.store.tallies import Tallied, TallyRow, added_durations, capped_sum

KEPT_SECONDS = 86_400
AHEAD_SECONDS = 120
"""Clocks of programs may be ahead by so much."""

SKEW_SECONDS = 300
"""A report that is said to be further from its arrival than this comes from a wrong clock: programs keep reports for two
minutes."""

CELLS_MAX = 200_000
"""Beyond, the oldest minutes are forgotten here."""

TOTALS_MAX = 100_000
"""Flags and variants whose totals are known."""

MINUTE = 60
DURATION_BOUNDS_MS = tuple(round(1000 * 2 ** (i / 4)) / 1000 for i in range(57))
DURATION_CLASSES = len(DURATION_BOUNDS_MS) + 1
"""Class i counts requests of at most the i-th bound that are in no earlier class; the last is open."""

NO_DURATIONS = (0,) * DURATION_CLASSES

UNTOLD = ""
"""Stands for a flag: programs asked in a way in which nobody learns what they evaluate."""


class Cell(NamedTuple):
    """What is counted apart. `minute` is an epoch second; `variant` "" is the default in the programs' own code."""

    environment: str
    flag: str
    variant: str
    minute: int


@dataclass
class Tally:
    """What was counted in one cell."""

    evaluations: int = 0
    requests: int = 0
    failures: int = 0
    durations: Sequence[int] = NO_DURATIONS

    def add(self, other: Tally) -> None:
        """Add up."""
        self.evaluations = capped_sum(self.evaluations, other.evaluations)
        self.requests = capped_sum(self.requests, other.requests)
        self.failures = capped_sum(self.failures, other.failures)
        if other.durations is not NO_DURATIONS:
            self.durations = added_durations(self.durations, other.durations)


class VariantMinute(msgspec.Struct, frozen=True):
    """One variant in one minute (epoch second of its beginning). `variant` "": the default in the programs' own code."""

    minute: int
    variant: str
    evaluations: int
    requests: int
    failures: int
    durations: tuple[int, ...]


Name = tuple[str, str]
"""Environment and flag."""


class Evaluations:
    """What all programs told one controller."""

    def __init__(self) -> None:
        self._minutes: dict[int, dict[Name, dict[str, Tally]]] = {}
        self._count = 0
        self._totals: dict[Name, dict[str, Tally]] = {}
        self._totals_count = 0
        self._dirty: set[Cell] = set()
        self._first: dict[str, int] = {}
        self._last: dict[Name, int] = {}
        self._full_before = 0
        self.since = 0
        """Minutes that begin at this epoch second or later are here."""

    def add(self, counts: Iterable[tuple[Cell, Tally]], now: float) -> int:
        """Add up; how many of them counted: those of a minute of the last day."""
        self.sweep(now)
        taken = 0
        for cell, tally in counts:
            minute = cell.minute - cell.minute % MINUTE
            if self.since <= minute <= now + AHEAD_SECONDS:
                whole = cell._replace(minute=minute)
                self._put(whole, tally)
                self._dirty.add(whole)
                self._total(cell, tally)
                taken += 1
        return taken

    def _total(self, cell: Cell, tally: Tally) -> None:
        variants = self._totals.setdefault((cell.environment, cell.flag), {})
        if cell.variant not in variants:
            if self._totals_count >= TOTALS_MAX:
                return
            self._totals_count += 1
            variants[cell.variant] = Tally()
        variants[cell.variant].add(tally)

    def totals(self, environment: str, flag: str) -> dict[str, Tally]:
        """All that was ever told of one flag, by variant: counters that never fall while a controller runs."""
        return self._totals.get((environment, flag), {})

    def of(self, environment: str, flag: str, since: float) -> tuple[VariantMinute, ...]:
        """Of one flag, minute by minute."""
        return tuple(
            VariantMinute(minute, variant, tally.evaluations, tally.requests, tally.failures, tuple(tally.durations))
            for minute in sorted(self._minutes)
            if minute >= since
            for variant, tally in sorted(self._minutes[minute].get((environment, flag), {}).items())
        )

    def last(self, environment: str, flag: str) -> int | None:
        """When (epoch second) programs last said that they evaluated a flag; None: not that anybody remembers. Of long ago the
        beginning of its day."""
        return self._last.get((environment, flag))

    def first(self, environment: str) -> int | None:
        """From when on something was counted in an environment."""
        return self._first.get(environment)

    def untold(self, environment: str, now: float) -> None:
        """A program asked in a way in which nobody learns what it evaluates."""
        self.add([(Cell(environment, UNTOLD, "", int(now)), Tally(1))], now)

    # ------------------------------------------------------------------ keeping
    def begin(self, rows: Iterable[TallyRow], tallied: Iterable[Tallied], now: float) -> None:
        """Take over what a store kept: minutes of the last day, and between when each flag was counted."""
        self.sweep(now)
        for row in rows:
            if row.begin >= self.since:
                tally = Tally(row.evaluations, row.requests, row.failures, row.durations or NO_DURATIONS)
                self._put(Cell(row.environment, row.flag, row.variant, row.begin), tally)
        for each in tallied:
            self._note(each.environment, each.flag, each.first, each.last)

    def take_changed(self, limit: int) -> list[TallyRow]:
        """At most so many cells that changed since they were taken, as they are now, the oldest first."""
        cells = sorted(self._dirty, key=lambda cell: cell.minute)[:limit]
        self._dirty.difference_update(cells)
        return [self._row(cell) for cell in cells]

    def put_back(self, rows: Iterable[TallyRow]) -> None:
        """These could not be kept: they are taken again, unless they are forgotten meanwhile."""
        cells = (Cell(row.environment, row.flag, row.variant, row.begin) for row in rows)
        self._dirty.update(cell for cell in cells if cell.minute in self._minutes)

    def sweep(self, now: float) -> None:
        """Forget minutes that are too old, and the oldest while there are too many."""
        if self._full_before > now:  # the clock was ahead
            self._full_before = 0
        bound = int(now) - KEPT_SECONDS
        self.since = max(self._full_before, bound - bound % MINUTE)
        while self._minutes and ((oldest := min(self._minutes)) < self.since or self._count > CELLS_MAX):
            gone = self._minutes.pop(oldest)
            self._count -= sum(map(len, gone.values()))
            self._dirty = {cell for cell in self._dirty if cell.minute != oldest}
            if oldest >= self.since:
                self._full_before = self.since = oldest + MINUTE

    def _row(self, cell: Cell) -> TallyRow:
        tally = self._minutes[cell.minute][cell.environment, cell.flag][cell.variant]
        durations = () if tally.durations is NO_DURATIONS else tuple(tally.durations)
        counts = tally.evaluations, tally.requests, tally.failures
        return TallyRow(cell.minute, cell.environment, cell.flag, cell.variant, *counts, durations)

    def _put(self, cell: Cell, tally: Tally) -> None:
        flags = self._minutes.setdefault(cell.minute, {})
        variants = flags.setdefault((cell.environment, cell.flag), {})
        if cell.variant not in variants:
            variants[cell.variant] = Tally()
            self._count += 1
        variants[cell.variant].add(tally)
        self._note(cell.environment, cell.flag, cell.minute, cell.minute if tally.evaluations else None)

    def _note(self, environment: str, flag: str, first: int, last: int | None) -> None:
        self._first[environment] = min(first, self._first.get(environment, first))
        if last is not None:
            self._last[environment, flag] = max(last, self._last.get((environment, flag), last))


def arrived(told: float, now: float) -> int:
    """The epoch second to which a report counts: that of its own clock, or of its arrival when that clock is wrong."""
    return int(told if now - SKEW_SECONDS <= told <= now + AHEAD_SECONDS else now)
