"""Which combinations of flags a test should meet. Pairwise needs `allpairspy`, of the extra `test`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

Mode = Literal["pairwise", "all", "each", "on-off"]
ROWS_MAX = 4096
Row = dict[str, Any]
YES_NO: tuple[Any, ...] = (True, False)


def rows(flags: Mapping[str, Sequence[Any]], mode: Mode = "pairwise") -> list[Row]:
    """Values for all flags, row by row.

    `pairwise`: each pair of values of two flags is in some row (10 boolean flags: 8 rows; 40: 12). `all`: every
    combination. `each`: every value is in some row. `on-off`: the first value of all, then the last of all. Raises
    `ValueError` for an unknown mode, no flags, a flag without values, and for more than 4,096 rows.
    """
    if not flags or not all(flags.values()):
        raise ValueError(f"each flag needs at least one value: {dict(flags)!r}")
    names, values = list(flags), [list(value) for value in flags.values()]
    found: Iterable[Sequence[Any]]
    if mode == "all":
        found = itertools.product(*values)
    elif mode == "on-off":
        found = [[value[0] for value in values], [value[-1] for value in values]]
    elif mode == "each" or (mode == "pairwise" and len(names) == 1):
        longest = max(map(len, values))
        found = [[value[n % len(value)] for value in values] for n in range(longest)]
    elif mode == "pairwise":
        found = _pairwise(values)
    else:
        raise ValueError(f"unknown mode {mode!r}; known are pairwise, all, each and on-off")
    table = list(itertools.islice(found, ROWS_MAX + 1))
    if len(table) > ROWS_MAX:
        raise ValueError(f"more than {ROWS_MAX} combinations; mode='pairwise' gives far fewer")
    return [dict(zip(names, row, strict=True)) for row in table]


def _pairwise(values: list[list[Any]]) -> Iterable[Sequence[Any]]:
    from allpairspy import AllPairs  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    places = [list(range(len(value))) for value in values]  # indices, as a value need not be hashable
    table = cast("Iterable[Sequence[int]]", AllPairs(places))
    return [[value[place] for value, place in zip(values, row, strict=True)] for row in table]
