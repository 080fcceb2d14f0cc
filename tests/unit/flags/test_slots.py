"""Slots: the division has no gaps, and growth only appends. Invariant 14."""

from itertools import pairwise

import cbor2
import mmh3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.flags.definition import Namespace, Rollout
from ferryman.flags.slots import BUCKETS, Part, division, exposed_buckets, part_of, parts
from flagkit import experiment, release, rollout

NAMES = tuple("abcdefgh")
USERS = 100_000


@st.composite
def splits(draw: st.DrawFn) -> tuple[tuple[str, float], ...]:
    """2 to 8 variants with unequal shares in steps of 0.001 percent."""
    count = draw(st.integers(2, 8))
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=count - 1, max_size=count - 1)))
    edges = [0, *cuts, BUCKETS]
    return tuple((NAMES[i], (edges[i + 1] - edges[i]) / 1000) for i in range(count))


GROWTH = st.lists(st.integers(0, BUCKETS), min_size=2, max_size=6).map(sorted)


@pytest.fixture(scope="module")
def buckets() -> np.ndarray:
    """The buckets of 100,000 users, hashed as flagd's evaluators do."""
    keys = (cbor2.dumps(f"seed.user-{n}", canonical=True) for n in range(USERS))
    return np.array([(mmh3.hash(key, signed=False) * BUCKETS) >> 32 for key in keys])


def variants_of(divided: tuple[Part, ...], buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each user gets, and whether they are exposed."""
    index = np.searchsorted([part.end for part in divided], buckets, side="right")
    return np.array([p.variant for p in divided])[index], np.array([p.exposed for p in divided])[index]


@settings(max_examples=60, deadline=None)
@given(split=splits(), growth=GROWTH)
def test_growth_moves_no_exposed_user(
    buckets: np.ndarray, split: tuple[tuple[str, float], ...], growth: list[int]
) -> None:
    before, exposed = variants_of(parts(rollout(growth[0] / 1000, *split), "off"), buckets)
    for exposure in growth[1:]:
        after, exposed_after = variants_of(parts(rollout(exposure / 1000, *split), "off"), buckets)
        assert not np.count_nonzero(exposed & ((after != before) | ~exposed_after))
        before, exposed = after, exposed_after


@settings(max_examples=200, deadline=None)
@given(split=splits(), exposure=st.integers(0, BUCKETS), start=st.integers(0, 99), width=st.integers(1, 100))
def test_a_division_covers_every_bucket_once(
    split: tuple[tuple[str, float], ...], exposure: int, start: int, width: int
) -> None:
    space = Namespace("n", start, min(100, start + width))
    for given_rollout in (rollout(exposure / 1000, *split), rollout(exposure / 1000, *split, namespace=space)):
        divided = parts(given_rollout, "off")
        assert [p.start for p in divided] == [0, *(p.end for p in divided[:-1])]
        assert divided[-1].end == BUCKETS
        assert all((p.variant, p.exposed) != (q.variant, q.exposed) for p, q in pairwise(divided))


def test_an_exposure_fills_each_slot_from_its_start() -> None:
    divided = parts(rollout(10, ("a", 50), ("b", 50)), "off")
    assert divided == (
        Part(0, 5000, "a", exposed=True),
        Part(5000, 50_000, "off", exposed=False),
        Part(50_000, 55_000, "b", exposed=True),
        Part(55_000, BUCKETS, "off", exposed=False),
    )


def test_the_shares_come_out_as_asked(buckets: np.ndarray) -> None:
    found, _ = variants_of(parts(rollout(20, ("a", 25), ("b", 75)), "off"), buckets)
    assert np.count_nonzero(found == "a") == pytest.approx(5000, rel=0.05)
    assert np.count_nonzero(found == "b") == pytest.approx(15_000, rel=0.05)


def test_namespaces_keep_experiments_apart() -> None:
    def of(start: float, end: float) -> Rollout:
        return rollout(100, ("a", 50), ("b", 50), namespace=Namespace("n", start, end))

    one, other = parts(of(0, 30), "off"), parts(of(30, 100), "off")
    both = [b for b in range(0, BUCKETS, 7) if part_of(one, b).exposed and part_of(other, b).exposed]
    assert not both
    assert exposed_buckets(one) + exposed_buckets(other) == BUCKETS


def test_off_may_be_one_of_the_compared() -> None:
    """The exposed of such an experiment are those within the slots, also where they get the same as everybody else."""
    divided = parts(rollout(10, ("off", 50), ("red", 50)), "off")
    assert exposed_buckets(divided) == 10_000
    assert exposed_buckets(division(experiment(("red",), rollout(10, ("off", 50), ("red", 50))))) == 10_000


def test_who_is_disabled_exposes_nobody() -> None:
    assert exposed_buckets(division(release(enabled=False))) == 0
    assert division(release(rollout=None, default="on")) == (Part(0, BUCKETS, "on", exposed=True),)
