"""What is promised beforehand is about what happens then."""

import math
from statistics import median

import pytest

from ferryman.analysis.planning import advice, expected_seconds, outlook, seconds_to_see
from ferryman.analysis.session import JudgeSession
from ferryman.model.evidence import StagePlan
from judge_worlds import World, rollout

STAGES = [StagePlan(5.0, 600.0), StagePlan(25.0, 600.0), StagePlan(50.0, 600.0), StagePlan(100.0)]


def seen(world: World, verdict: str, seeds: int) -> float:
    """Median time of the first such verdict in one long stage."""
    times: list[float] = []
    for seed in range(seeds):
        header, lines = rollout(world, seed)
        session = JudgeSession.begin(header)
        times.append(next((line["t"] for line in lines if session.observe(line).verdict == verdict), math.inf))
    return median(times)


@pytest.mark.parametrize(
    ("ratio", "rps", "weight"), [(5.0, 200.0, 5.0), (5.0, 50.0, 25.0), (2.0, 1000.0, 25.0), (math.inf, 50.0, 5.0)]
)
def test_time_to_see_harm_is_about_right(ratio: float, rps: float, weight: float) -> None:
    told = seconds_to_see(ratio, rps=rps, error_rate=0.005, weight_percent=weight, tick_seconds=5.0)
    happened = seen(World(rps=rps, error_ratio=ratio, drift=0.3, stages=((weight, 1800.0),)), "fail", 7)
    assert told is not None
    assert told / 3 <= happened <= told * 3


@pytest.mark.parametrize(("rps", "weight"), [(50.0, 5.0), (10.0, 25.0), (1000.0, 5.0)])
def test_time_to_a_pass_is_about_right(rps: float, weight: float) -> None:
    told = expected_seconds(0.005, rps * weight / 100, 0, 0, weight)
    happened = seen(World(rps=rps, drift=0.3, stages=((weight, 3600.0),)), "pass", 7)
    assert told is not None
    assert told / 3 <= happened <= told * 3 + 10


def test_there_is_no_time_where_there_is_nothing_to_see() -> None:
    assert expected_seconds(0.005, 0.0, 0) is None
    assert seconds_to_see(1.1, rps=100, error_rate=0.01, weight_percent=5) is None
    assert seconds_to_see(5, rps=0, error_rate=0.01, weight_percent=5) is None
    assert seconds_to_see(5, rps=10, error_rate=0.0, weight_percent=5) is None
    assert seconds_to_see(math.inf, rps=10, error_rate=0.0, weight_percent=5) is not None
    assert seconds_to_see(5, rps=10, error_rate=0.01, weight_percent=100) is None


def test_a_service_that_errs_often_still_gets_an_answer() -> None:
    seconds = expected_seconds(0.05, 5.0, 0, 0, 5.0)
    assert seconds is not None
    assert 0 < seconds < 3600


def test_more_of_anything_is_sooner() -> None:
    by_rps = [seconds_to_see(5, rps=rps, error_rate=0.01, weight_percent=5) or 0 for rps in (1, 10, 100, 1000)]
    by_ratio = [seconds_to_see(r, rps=10, error_rate=0.01, weight_percent=5) or 0 for r in (1.5, 2, 5, math.inf)]
    assert by_rps == sorted(by_rps, reverse=True)
    assert by_ratio == sorted(by_ratio, reverse=True)


def test_the_outlook_of_a_busy_service_is_clear_and_of_a_quiet_one_honest() -> None:
    busy, quiet = (outlook(STAGES, rps=rps, error_rate=0.005) for rps in (1000, 1))
    assert all(stage.pass_seconds and stage.fivefold_seconds and stage.outage_seconds for stage in busy[:3])
    assert busy[3].pass_seconds is None
    assert quiet[0].pass_seconds is None
    assert all(stage.double_seconds is None for stage in quiet)
    assert advice(busy[1:3]) == []
    said = advice(quiet)
    assert any("stage 1 (5 % for 600 s)" in text and "twice the errors" in text for text in said)
    assert not any("stage 4" in text for text in said)
