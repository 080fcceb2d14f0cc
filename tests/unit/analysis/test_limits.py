"""Absolute limits, and how far what stable showed before raises them."""

import pytest

from ferryman.analysis.limits import Shown, broken_limit, wilson_low
from ferryman.engine.stable_levels import KEPT, STEP_SECONDS, Control
from ferryman.metrics.base import Counters
from ferryman.model.release import Limits

LIMITS = Limits(error_percent=5.0, p95_ms=200.0, min_samples=50)
BAD = Shown(2000, 200, 90.0)


def test_more_errors_than_the_limit_take_it_back_and_a_handful_does_not() -> None:
    assert broken_limit(LIMITS, BAD) == "error rate 10.0% of 2,000 requests is above the limit of 5%"
    assert broken_limit(LIMITS, Shown(49, 49)) is None
    assert broken_limit(LIMITS, Shown(60, 4)) is None


def test_what_stable_showed_raises_the_limit() -> None:
    assert broken_limit(LIMITS, BAD, [Shown(1000, 5), Shown(400, 36)]) is None
    found = broken_limit(LIMITS, Shown(2000, 400), [Shown(400, 36)])
    assert found == "error rate 20.0% of 2,000 requests is above the limit of 1.5x the 9% of the version before"


@pytest.mark.parametrize("before", [[], [Shown(1000, 10)], [Shown(49, 49)]])
def test_a_good_stable_or_one_that_hardly_anybody_met_raises_nothing(before: list[Shown]) -> None:
    assert broken_limit(LIMITS, BAD, before) is not None


def test_latency_has_a_limit_of_its_own() -> None:
    slow = Shown(1000, 0, 230.0)
    assert broken_limit(LIMITS, slow) == "p95 230 ms is above the limit of 200 ms"
    assert broken_limit(LIMITS, slow, [Shown(1000, 0, 190.0)]) is None
    assert broken_limit(Limits(), slow) is None


def test_the_lower_end_of_the_interval_is_below_the_rate_and_nears_it() -> None:
    assert wilson_low(0, 0) == wilson_low(0, 10) == 0.0
    assert wilson_low(1, 10) < wilson_low(100, 1000) < 0.1


def test_only_the_last_seconds_of_stable_count() -> None:
    """Ten minutes of peace do not hide the ten seconds before the switch."""
    control = Control()
    for number in range(601):
        control.note(float(number), Counters(10 * number, 0, (10 * number, 0)))
    assert [reading.at for reading in control.readings] == [600.0 - STEP_SECONDS * n for n in reversed(range(KEPT))]
    spans = control.shown(Counters(6100, 60, (6100, 0)), (100.0,))
    assert [(span.requests, span.errors) for span in spans] == [(400, 60), (300, 60), (200, 60), (100, 60)]
    assert control.shown(None, (100.0,)) == ()
