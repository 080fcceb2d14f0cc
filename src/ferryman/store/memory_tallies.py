"""The counts in memory, with the rules of those on a file."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.store.tallies import TALLIES_MAX, Tallied, TallyRow, added, check_tallies, in_days

Key = tuple[int, str, str, str]


class MemoryTallies:
    """`Tallies` in this process alone."""

    def __init__(self) -> None:
        super().__init__()
        self._minutes: dict[Key, TallyRow] = {}
        self._days: dict[Key, TallyRow] = {}

    async def put_tallies(self, rows: Sequence[TallyRow]) -> None:
        check_tallies(rows)
        self._check_open()
        self._minutes.update({row[:4]: row for row in rows})

    async def tallies(self, since: int) -> tuple[TallyRow, ...]:
        self._check_open()
        return tuple(row for _, row in sorted(self._minutes.items()) if row.begin >= since)

    async def daily_tallies(self, environment: str, flag: str, since: int) -> tuple[TallyRow, ...]:
        self._check_open()
        days = sorted(self._days.items())
        return tuple(row for key, row in days if key[1:3] == (environment, flag) and row.begin >= since)

    async def tallied(self) -> tuple[Tallied, ...]:
        self._check_open()
        found: dict[tuple[str, str], Tallied] = {}
        for row in (*self._minutes.values(), *self._days.values()):
            last = row.begin if row.evaluations else None
            known = found.get((row.environment, row.flag), Tallied(row.environment, row.flag, row.begin, None))
            newest = max((each for each in (known.last, last) if each is not None), default=None)
            found[row.environment, row.flag] = known._replace(first=min(known.first, row.begin), last=newest)
        return tuple(each for _, each in sorted(found.items()))

    async def age_tallies(self, before: int, forget_before: int) -> int:
        self._check_open()
        old = [row for _, row in sorted(self._minutes.items()) if row.begin < before][:TALLIES_MAX]
        for day in in_days(old):
            known = self._days.get(day[:4])
            self._days[day[:4]] = day if known is None else added(known, day)
        for row in old:
            del self._minutes[row[:4]]
        self._days = {key: row for key, row in self._days.items() if row.begin >= forget_before}
        return len(old)

    def _check_open(self) -> None:
        """Raises `StoreError` when nothing may be read or written now."""
