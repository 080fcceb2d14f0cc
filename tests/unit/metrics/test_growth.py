"""Counters of many series as one that never falls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ferryman.metrics.growth import SERIES_MAX, Growth, Labels


def of(instance: str) -> Labels:
    return frozenset({("instance", instance), ("job", "shop")})


A, B = of("a:1"), of("b:1")
SUM: Labels = frozenset({("variant", "on")})


def test_it_begins_where_the_series_stood() -> None:
    growth = Growth(1)
    assert growth.take({A: (1000.0,)}) == (0.0,)
    assert growth.take({A: (1010.0,)}) == (10.0,)


def test_a_series_that_is_new_later_counts_in_full() -> None:
    growth = Growth(1)
    growth.take({})
    assert growth.take({A: (7.0,)}) == (7.0,)
    assert growth.take({A: (7.0,), B: (5.0,)}) == (12.0,)


def test_a_process_that_began_anew_counts_from_nothing() -> None:
    growth = Growth(2)
    growth.take({A: (100.0, 50.0)})
    assert growth.take({A: (3.0, 1.0)}) == (3.0, 1.0)


def test_a_sum_that_fell_counts_for_nothing() -> None:
    growth = Growth(1)
    growth.take({SUM: (1000.0,)})
    assert growth.take({SUM: (900.0,)}) == (0.0,)
    assert growth.take({SUM: (905.0,)}) == (5.0,)


def test_one_that_was_missing_goes_on_where_it_was() -> None:
    growth = Growth(1)
    growth.take({A: (100.0,)})
    growth.take({})
    assert growth.take({A: (104.0,)}) == (4.0,)


def test_what_is_remembered_is_bounded() -> None:
    growth = Growth(1)
    growth.take({of(str(number)): (1.0,) for number in range(SERIES_MAX + 5)})
    assert len(growth._last) == SERIES_MAX


@given(st.lists(st.dictionaries(st.sampled_from([A, B, SUM]), st.tuples(st.integers(0, 50), st.integers(0, 50)))))
def test_it_never_falls(readings: list[dict[Labels, tuple[int, int]]]) -> None:
    growth, before = Growth(2), (0.0, 0.0)
    for reading in readings:
        now = growth.take({labels: (float(one), float(other)) for labels, (one, other) in reading.items()})
        assert all(later >= earlier for later, earlier in zip(now, before, strict=True))
        before = now


@given(st.lists(st.one_of(st.integers(0, 9), st.none())))
def test_what_one_process_counted_is_counted_once(steps: list[int | None]) -> None:
    """None: it begins anew; right after a reading, so that nothing is lost."""
    growth, counter, counted = Growth(1), 0.0, 0.0
    growth.take({A: (0.0,)})
    for step in steps:
        counter, counted = (0.0, counted) if step is None else (counter + step, counted + step)
        assert growth.take({A: (counter,)}) == (counted,)
