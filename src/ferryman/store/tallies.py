"""How often something of a flag was counted, by span of time: rows that are written whole again and again while their minute
lasts, and that are added up to days when they are old. They prove nothing, so no hash covers them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, Protocol

DAY_SECONDS = 86_400
TALLIES_MAX = 5_000
"""Rows in one write, and minutes that one call of `age_tallies` adds up: other writers are not held up for long."""

COUNT_MAX = 2**53
"""Counts stay at it: beyond, JSON in browsers is not exact."""


class TallyRow(NamedTuple):
    """What was counted of one variant from epoch second `begin` on. `durations` are counts by class of duration; empty stands
    for none at all."""

    begin: int
    environment: str
    flag: str
    variant: str
    evaluations: int
    requests: int
    failures: int
    durations: tuple[int, ...] = ()


class Tallied(NamedTuple):
    """Between when a flag was counted: the beginning (epoch second) of its first row and of the last with an evaluation, None
    without any. That of a day stands for the whole of it."""

    environment: str
    flag: str
    first: int
    last: int | None


class Tallies(Protocol):
    """The counts of one store. Every method may raise `StoreError` as those of `ferryman.store.base.Store` do."""

    async def put_tallies(self, rows: Sequence[TallyRow]) -> None:
        """Keep rows of minutes in the place of those of the same `begin`, environment, flag and variant: all or none. Raises
        ValueError for more than `TALLIES_MAX`."""
        ...

    async def tallies(self, since: int) -> tuple[TallyRow, ...]:
        """Minutes that begin at epoch second `since` or later, in order."""
        ...

    async def daily_tallies(self, environment: str, flag: str, since: int) -> tuple[TallyRow, ...]:
        """Days (of UTC) of one flag that begin at `since` or later, in order. The newest may still be in minutes."""
        ...

    async def tallied(self) -> tuple[Tallied, ...]:
        """Of every flag that was counted."""
        ...

    async def age_tallies(self, before: int, forget_before: int) -> int:
        """Add minutes that begin before epoch second `before` up to days, at most `TALLIES_MAX` of them, and forget days that
        begin before `forget_before`. Returns how many minutes it added up; fewer than `TALLIES_MAX`: none is left."""
        ...


def check_tallies(rows: Sequence[TallyRow]) -> None:
    """Raises ValueError for more than one write takes."""
    if len(rows) > TALLIES_MAX:
        raise ValueError(f"{len(rows)} rows of counts at once; at most {TALLIES_MAX} are taken")


def of_day(row: TallyRow) -> TallyRow:
    """What a minute gives to its day."""
    return row._replace(begin=row.begin - row.begin % DAY_SECONDS)


def added(one: TallyRow, more: TallyRow) -> TallyRow:
    """Two rows of one span."""
    return one._replace(
        evaluations=capped_sum(one.evaluations, more.evaluations),
        requests=capped_sum(one.requests, more.requests),
        failures=capped_sum(one.failures, more.failures),
        durations=added_durations(one.durations, more.durations),
    )


def added_durations(one: Sequence[int], more: Sequence[int]) -> tuple[int, ...]:
    """Class by class."""
    return tuple(itertools.starmap(capped_sum, itertools.zip_longest(one, more, fillvalue=0)))


def capped_sum(one: int, more: int) -> int:
    """At most `COUNT_MAX`."""
    return min(one + more, COUNT_MAX)


def in_days(minutes: Iterable[TallyRow]) -> list[TallyRow]:
    """Minutes added up to one row for each day, environment, flag and variant."""
    days: dict[tuple[int, str, str, str], TallyRow] = {}
    for row in map(of_day, minutes):
        known = days.get(row[:4])
        days[row[:4]] = row if known is None else added(known, row)
    return sorted(days.values(), key=attrgetter("begin", "environment", "flag", "variant"))
