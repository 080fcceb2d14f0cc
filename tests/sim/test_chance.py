"""Draws for the simulated users: whoever counts few requests and whoever counts many see the same distribution."""

import random
from itertools import accumulate

import pytest

from ferryman.sim.chance import binomial, spread

PARTS = [0.5, 0.3, 0.19, *[0.001] * 9, 0.0009, 0.0001]
TOTAL = 400_000


@pytest.mark.parametrize("at_once", [40, 399, 401, 5_000])
def test_rare_buckets_get_their_due_however_many_are_drawn_at_once(at_once: int) -> None:
    """Nine buckets of a thousandth each: rounding a normal law for each of them would all but empty them."""
    chance, up_to = random.Random(7), [*accumulate(PARTS)]
    up_to[-1] = 1.0
    found = [0] * len(PARTS)
    for _ in range(TOTAL // at_once):
        spread(chance, at_once, up_to, found)
    drawn = sum(found)
    assert drawn == TOTAL // at_once * at_once
    for part, count in zip(PARTS, found, strict=True):
        assert abs(count - drawn * part) < 5 * (drawn * part) ** 0.5 + 1
    assert sum(found[3:]) == pytest.approx(drawn * 0.01, rel=0.1)


def test_all_or_nothing_needs_no_luck() -> None:
    chance = random.Random(1)
    assert (binomial(chance, 10, 0.0), binomial(chance, 10, 1.0), binomial(chance, 0, 0.5)) == (0, 10, 0)
