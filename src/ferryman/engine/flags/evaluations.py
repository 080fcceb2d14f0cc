"""How often which variant was given, and how the requests with it fared, minute by minute, as the programs report. Of the
last day, in memory: a controller that starts anew begins to count anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

KEPT_SECONDS = 86_400.0
AHEAD_SECONDS = 120.0
"""Clocks of programs may be ahead by so much."""

CELLS_MAX = 200_000
MINUTE = 60
DURATION_CLASSES = 16
"""Class i counts requests of less than 2^i ms that are in no earlier class; the last is open."""


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
    durations: list[int] = field(default_factory=lambda: [0] * DURATION_CLASSES)

    def add(self, other: Tally) -> None:
        """Add up."""
        self.evaluations += other.evaluations
        self.requests += other.requests
        self.failures += other.failures
        self.durations = [one + more for one, more in zip(self.durations, other.durations, strict=True)]


class VariantMinute(msgspec.Struct, frozen=True):
    """One variant in one minute (epoch second of its beginning). `variant` "": the default in the programs' own code."""

    minute: int
    variant: str
    evaluations: int
    requests: int
    failures: int
    durations: tuple[int, ...]


class Evaluations:
    """What all programs told one controller."""

    def __init__(self) -> None:
        self._cells: dict[Cell, Tally] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._first: dict[str, int] = {}
        self._swept_at = 0.0

    def add(self, counts: Iterable[tuple[Cell, Tally]], now: float) -> int:
        """Add up; how many of them counted: those of a minute of the last day, as long as there is room."""
        self._sweep(now)
        taken = 0
        for cell, tally in counts:
            if not now - KEPT_SECONDS <= cell.minute <= now + AHEAD_SECONDS:
                continue
            whole = cell._replace(minute=cell.minute - cell.minute % MINUTE)
            if whole in self._cells or len(self._cells) < CELLS_MAX:
                self._cells.setdefault(whole, Tally()).add(tally)
                taken += 1
            self._note(whole)
        return taken

    def of(self, environment: str, flag: str, since: float) -> tuple[VariantMinute, ...]:
        """Of one flag, minute by minute."""
        found = [
            VariantMinute(
                cell.minute, cell.variant, tally.evaluations, tally.requests, tally.failures, tuple(tally.durations)
            )
            for cell, tally in self._cells.items()
            if (cell.environment, cell.flag) == (environment, flag) and cell.minute >= since
        ]
        return tuple(sorted(found, key=lambda each: (each.minute, each.variant)))

    def unasked(self, environment: str, flags: Iterable[str], now: float) -> frozenset[str]:
        """Those of `flags` that no program asked for within the last day. None where it has not been counted for as long."""
        first = self._first.get(environment)
        if first is None or first > now - KEPT_SECONDS:
            return frozenset()
        return frozenset(key for key in flags if self._last.get((environment, key), 0) < now - KEPT_SECONDS)

    def _note(self, cell: Cell) -> None:
        known = (cell.environment, cell.flag)
        self._last[known] = max(cell.minute, self._last.get(known, 0))
        self._first[cell.environment] = min(cell.minute, self._first.get(cell.environment, cell.minute))

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < MINUTE:
            return
        self._swept_at = now
        self._cells = {cell: tally for cell, tally in self._cells.items() if cell.minute >= now - KEPT_SECONDS}
