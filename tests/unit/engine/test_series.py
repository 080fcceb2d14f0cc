"""From judge lines to columns: rates between cumulative counters, evidence where there is some, never more points."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.analysis.session import JudgeSession
from ferryman.engine.series import measurement_series
from ferryman.model.evidence import Header, StagePlan
from ferryman.store.base import Measurement

BOUNDS = (10.0, 100.0)


def line(t: float, requests: int, errors: int = 0, **more: Any) -> dict[str, Any]:
    arm = {"requests": requests, "errors": errors, "buckets": [requests, 0, 0], "instances": 1, "ready": 1, **more}
    return {"t": t, "stage": 0, "stage_t": t, "weight": 50.0, "arms": {"stable": arm, "candidate": arm}}


def measured(*lines: dict[str, Any], judge: str = "betting", attempt: int = 1) -> list[Measurement]:
    header = Header(
        rollout="shop-1/1",
        bounds_ms=BOUNDS,
        stages=(StagePlan(50.0, 600.0),),
        counters="cumulative",
        tick_seconds=5.0,
        spec={"judge": judge},
    )
    session = JudgeSession.begin(header)
    answers = [(each, session.observe(each)) for each in lines]
    return [
        Measurement("shop-1", attempt, 1000 + each["t"], each, {"verdict": a.verdict.value, "evidence": a.evidence})
        for each, a in answers
    ]


def test_what_happened_between_two_lines() -> None:
    found = measured(line(5, 100, 1, cpu=12.5, memory=2e6), line(15, 600, 6, cpu=20.0, memory=3e6))
    series = measurement_series("shop-1", found, BOUNDS, 100)
    assert (series.rollout, series.measured, series.at) == ("shop-1", 2, (1005, 1015))
    assert series.stable.requests_per_second == (None, 50.0)
    assert series.stable.error_percent == (None, 1.0)
    assert series.stable.p50_ms == (None, 5.0)
    assert series.candidate.cpu_percent == (12.5, 20.0)
    assert series.candidate.memory_bytes == (2e6, 3e6)
    assert series.weight_percent == (50.0, 50.0)


def test_the_evidence_has_its_two_thresholds() -> None:
    found = measured(*(line(5.0 * n, 500 * n, n) for n in range(1, 60)))
    series = measurement_series("shop-1", found, BOUNDS, 1000)
    assert series.fail_at == pytest.approx(4.605, abs=0.001)
    assert series.pass_at is not None
    assert series.pass_at > 0
    errors = series.metrics["errors"]
    assert len(errors.at) == len(errors.ratio) == len(errors.low) == len(errors.log_e) == len(series.promote.at) > 2
    assert errors.ratio[-1] == pytest.approx(1.0)
    assert errors.stable[-1] == pytest.approx(0.2)
    assert len(series.log_e) == len(series.at) == 59
    assert all(value is not None for value in series.log_e[1:])


def test_fewer_points_lose_nothing_between_them() -> None:
    found = measured(*(line(5.0 * n, 500 * n) for n in range(1, 202)))
    series = measurement_series("shop-1", found, BOUNDS, 11)
    assert series.measured == 201
    assert len(series.at) == 11
    assert (series.at[0], series.at[-1]) == (found[0].at, found[-1].at)
    assert series.stable.requests_per_second[1:] == (100.0,) * 10


def test_gaps_resets_and_new_attempts_are_no_figures() -> None:
    gap = {"t": 10, "stage": 0, "stage_t": 10, "weight": 50.0, "arms": None, "error": "no answer"}
    found = [*measured(line(5, 500), gap, line(15, 1500), line(20, 3)), *measured(line(25, 5000), attempt=2)]
    series = measurement_series("shop-1", found, BOUNDS, 100)
    assert series.stable.requests_per_second == (None, None, 100.0, None, None)
    assert series.attempt == (1, 1, 1, 1, 2)
    assert series.stable.error_percent == (None, None, 0.0, None, None)


@pytest.mark.parametrize("judge", ["seed-rules", "threshold"])
def test_other_judges_have_no_limits_of_evidence(judge: str) -> None:
    found = measured(*(line(30.0 * n, 500 * n, n) for n in range(1, 30)), judge=judge)
    series = measurement_series("shop-1", found, BOUNDS, 1000)
    assert (series.fail_at, series.pass_at) == (None, None)
    if judge == "seed-rules":
        assert series.metrics["error_rate"].stable[-1] == pytest.approx(1 / 500)


def test_nothing_measured() -> None:
    series = measurement_series("shop-1", [], BOUNDS, 10)
    assert (series.at, series.metrics, series.fail_at) == ((), {}, None)
