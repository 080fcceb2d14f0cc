"""How many may be missing and how many may exist: both forms, the deadlocks, and shares without a router."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.errors import Refused
from ferryman.model.release import Amount, Canary, Rolling, Routing
from ferryman.strategies.canary import counts_without_router, realisable_percent
from ferryman.strategies.common import Parties
from ferryman.strategies.compile import compile_plan
from ferryman.strategies.rolling import limits_of
from unit.playbook import release


def amount(text: str) -> Amount:
    return Amount(float(text.rstrip("%")), percent=text.endswith("%"))


def parties(replicas: int) -> Parties:
    return Parties(release("v2", replicas=replicas), "v2", "v1", replicas, "")


# R, surge, unavailable: most that may exist, fewest that must be available.
FORM_A = [
    (6, "1", "1", 7, 5),
    (10, "25%", "25%", 13, 8),
    (3, "25%", "25%", 4, 3),
    (4, "50%", "0", 6, 4),
    (5, "0", "20%", 5, 4),
    (1, "0", "10%", 1, 0),
]
# R, minimum percent, maximum percent: the same.
FORM_B = [(4, 50, 200, 8, 2), (4, 100, 200, 8, 4), (3, 50, 150, 4, 2), (10, 50, 100, 10, 5)]


@pytest.mark.parametrize(("replicas", "surge", "unavailable", "most", "fewest"), FORM_A)
def test_form_a(replicas: int, surge: str, unavailable: str, most: int, fewest: int) -> None:
    found = limits_of(parties(replicas), Rolling(amount(surge), amount(unavailable)))
    assert (found.max_total, found.min_available) == (most, fewest)


@pytest.mark.parametrize(("replicas", "low", "high", "most", "fewest"), FORM_B)
def test_form_b(replicas: int, low: float, high: float, most: int, fewest: int) -> None:
    found = limits_of(parties(replicas), Rolling(None, None, low, high))
    assert (found.max_total, found.min_available) == (most, fewest)


@pytest.mark.parametrize(("replicas", "low", "high"), [(1, 100, 100), (2, 66, 133), (4, 100, 100)])
def test_form_b_deadlocks_are_refused(replicas: int, low: float, high: float) -> None:
    with pytest.raises(Refused, match="no instance could ever be replaced") as refusal:
        compile_plan(release("v2", replicas=replicas, strategy=Rolling(None, None, low, high)), "v2", "v1")
    assert refusal.value.code == "bounds_deadlock"


def test_form_a_of_nothing_and_nothing_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        limits_of(parties(4), Rolling(Amount(0), Amount(0)))
    assert refusal.value.code == "bounds_deadlock"


def test_percentages_that_come_to_nothing_let_one_be_unavailable() -> None:
    found = limits_of(parties(4), Rolling(Amount(0, percent=True), Amount(10, percent=True)))
    assert (found.max_total, found.min_available) == (4, 3)


@given(st.integers(1, 60), st.integers(0, 100), st.integers(0, 100))
def test_percent_bounds_always_let_one_be_replaced(replicas: int, surge: int, unavailable: int) -> None:
    found = limits_of(parties(replicas), Rolling(Amount(surge, percent=True), Amount(unavailable, percent=True)))
    assert found.min_available < found.max_total
    assert found.max_total - replicas <= replicas
    assert 0 <= found.min_available <= replicas


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0.1, 99.9))
def test_counts_without_a_router(replicas: int, surge: int, weight: float) -> None:
    candidate, stable = counts_without_router(replicas, surge, weight)
    total = candidate + stable
    if replicas + surge < 2:
        assert (candidate, stable) == (1, 0)
        return
    assert candidate >= 1
    assert stable >= 1
    assert replicas <= total <= replicas + surge
    miss = abs(100 * candidate / total - weight)
    for other in range(replicas, replicas + surge + 1):
        for count in range(1, other):
            better = abs(100 * count / other - weight) < miss - 1e-6
            as_good_and_fewer = abs(100 * count / other - weight) < miss + 1e-12 and other < total
            assert not better
            assert not as_good_and_fewer


def test_share_that_users_really_get() -> None:
    workers = Parties(release("v2", routing=Routing()), "v2", "v1", 4, "")
    assert realisable_percent(workers, Canary(), 0.3) == 20.0
    assert realisable_percent(workers, Canary(), 25.0) == 25.0
    assert realisable_percent(parties(4), Canary(), 0.3) == 0.3
