"""How often which variant was served, minute by minute, as the programs tell. Of the last day, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

KEPT_SECONDS = 86_400.0
AHEAD_SECONDS = 120.0
"""Clocks of programs may be ahead by so much."""

CELLS_MAX = 500_000
MINUTE = 60


class Cell(NamedTuple):
    """What is counted apart. `minute` is an epoch second."""

    environment: str
    flag: str
    variant: str
    reason: str
    minute: int


class Exposures:
    """The counters of a controller."""

    def __init__(self) -> None:
        self._cells: dict[Cell, int] = {}
        self._swept_at = 0.0

    def add(self, counts: Iterable[tuple[Cell, int]], now: float) -> int:
        """Add up; how many of them counted: those of a minute of the last day, as long as there is room."""
        self._sweep(now)
        taken = 0
        for cell, number in counts:
            if not now - KEPT_SECONDS <= cell.minute <= now + AHEAD_SECONDS or number <= 0:
                continue
            whole = cell._replace(minute=cell.minute - cell.minute % MINUTE)
            if whole in self._cells or len(self._cells) < CELLS_MAX:
                self._cells[whole] = self._cells.get(whole, 0) + number
                taken += 1
        return taken

    def by_variant(self, environment: str, flag: str, since: float) -> dict[str, int]:
        """Variant -> how often it was served since then; "" is the default in the programs' own code."""
        found: dict[str, int] = {}
        for cell, number in self._cells.items():
            if (cell.environment, cell.flag) == (environment, flag) and cell.minute >= since:
                found[cell.variant] = found.get(cell.variant, 0) + number
        return found

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < MINUTE:
            return
        self._swept_at = now
        self._cells = {cell: number for cell, number in self._cells.items() if cell.minute >= now - KEPT_SECONDS}
