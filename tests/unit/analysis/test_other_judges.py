"""`seed-rules`, `threshold` and `mann-whitney`: what each says, and the known answers of the last."""

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.analysis.mann_whitney import METRIC_OPTIONS, Metric, Point, Result, classify, score
from ferryman.analysis.options import option_values
from ferryman.analysis.ranks import deviate, shift_interval
from ferryman.analysis.registry import JUDGES
from ferryman.analysis.session import JudgeSession
from ferryman.analysis.window import quantile
from judge_worlds import World, rollout

Answer = dict[str, Any]


def judged(spec: dict[str, Any], world: World, seed: int = 1) -> list[Answer]:
    header, lines = rollout(world, seed, spec)
    session = JudgeSession.begin(header)
    answers = [session.observe(line) for line in lines]
    return [{"t": answer.t, "verdict": answer.verdict.value, **answer.evidence} for answer in answers]


def steady(
    spec: dict[str, Any], *arms: tuple[dict[str, Any], dict[str, Any] | None], tick: float = 60.0
) -> list[Answer]:
    """Answers to minutes given as (stable, candidate); None in place of the candidate is a provider error."""
    header = {
        "judge_protocol": 1,
        "rollout": "r",
        "bounds_ms": [100, 200, 400],
        "stages": [{"weight": 50, "seconds": tick * len(arms)}],
        "spec": spec,
    }
    session = JudgeSession.begin(header)
    found: list[Answer] = []
    for step, (stable, candidate) in enumerate(arms, 1):
        both = None if candidate is None else {"stable": stable, "candidate": candidate}
        line = {"t": step * tick, "stage": 0, "stage_t": step * tick, "weight": 50, "arms": both, "error": "down"}
        answer = session.observe(line)
        found.append({"t": answer.t, "verdict": answer.verdict.value, **answer.evidence})
    return found


def arm(requests: int = 1000, errors: int = 10, fast: int | None = None, **more: Any) -> dict[str, Any]:
    """An arm whose requests take up to 100 ms, but for those that are not `fast`: up to 400 ms."""
    quick = requests if fast is None else fast
    return {"requests": requests, "errors": errors, "buckets": [quick, 0, requests - quick, 0], **more}


def verdicts(found: list[Answer]) -> list[str]:
    return [answer["verdict"] for answer in found]


@pytest.mark.parametrize("judge", JUDGES)
def test_no_judge_decides_without_a_control(judge: str) -> None:
    found = judged({"judge": judge}, World(rps=50, error_ratio=math.inf, stages=((0.0, 120.0), (100.0, 120.0))))
    assert set(verdicts(found)) == {"insufficient"}


@pytest.mark.parametrize("judge", JUDGES)
def test_every_judge_answers_a_provider_failure_with_error(judge: str) -> None:
    found = steady({"judge": judge}, (arm(), arm()), (arm(), None), (arm(), None))
    assert verdicts(found)[1:] == ["error", "error"]
    assert "down" in found[1]["reason"]


@pytest.mark.parametrize(
    ("candidate", "verdict", "said"),
    [
        (arm(errors=15), "pass", "all rules"),
        (arm(errors=16), "fail", "error rate"),
        (arm(fast=900), "fail", "p95"),
        (arm(cpu=81.0), "fail", "cpu"),
        (arm(0, 0), "insufficient", "candidate 0"),
    ],
)
def test_seed_rules_at_the_end_of_a_stage(candidate: dict[str, Any], verdict: str, said: str) -> None:
    found = steady({"judge": "seed-rules"}, *[(arm(), candidate)] * 5)
    assert found[-1]["verdict"] == verdict
    assert said in found[-1]["reason"]
    if verdict != "insufficient":
        assert verdicts(found)[:-1] == ["continue"] * 4


def test_seed_rules_each_minute_looks_at_the_last_five() -> None:
    spec = {"judge": "seed-rules", "when": "each-minute"}
    bad, good = (arm(), arm(errors=100)), (arm(), arm(errors=5))
    assert verdicts(steady(spec, *[good] * 8, bad, bad))[-2:] == ["fail", "fail"]
    assert verdicts(steady(spec, *[good] * 9)) == ["continue"] * 8 + ["pass"]


def test_threshold_follows_the_meaning_of_its_conditions() -> None:
    success = {"judge": "threshold", "success": "error_rate <= 0.01"}
    failure = {"judge": "threshold", "failure": ["error_rate > 0.05", "p95_ms_ratio > 2"]}
    both = {**success, **failure}
    good, middling, bad = (arm(), arm()), (arm(), arm(errors=30)), (arm(), arm(errors=60))
    assert verdicts(steady(success, good, middling)) == ["pass", "fail"]
    assert verdicts(steady(failure, good, middling, bad)) == ["pass", "pass", "fail"]
    assert verdicts(steady(both, good, middling, bad)) == ["pass", "continue", "fail"]
    assert verdicts(steady(failure, (arm(), arm(fast=100)))) == ["fail"]


def test_threshold_counts_failed_checks_and_keeps_to_its_interval() -> None:
    spec = {"judge": "threshold", "failure_limit": 2, "interval_seconds": 120}
    bad = (arm(), arm(errors=60))
    assert verdicts(steady(spec, *[bad] * 6)) == ["continue"] * 5 + ["fail"]


@pytest.mark.parametrize(("on_no_data", "verdict"), [("hold", "insufficient"), ("fail", "fail"), ("pass", "pass")])
def test_threshold_without_data_does_as_told(on_no_data: str, verdict: str) -> None:
    assert verdicts(steady({"judge": "threshold", "on_no_data": on_no_data}, (arm(), arm(0, 0)))) == [verdict]


def test_threshold_takes_lasting_provider_errors_for_missing_data_only_if_told() -> None:
    gaps = [(arm(), None)] * 5
    held = steady({"judge": "threshold"}, (arm(), arm()), *gaps)
    failed = steady({"judge": "threshold", "on_no_data": "fail"}, (arm(), arm()), *gaps)
    assert verdicts(held) == ["pass"] + ["error"] * 5
    assert verdicts(failed) == ["pass"] + ["error"] * 4 + ["fail"]


def test_mann_whitney_gives_the_known_answers() -> None:
    """The case of spinnaker #6278 (seven of ten points a hundredfold), and one of four points each."""
    shift = shift_interval([100.0] * 7 + [1.0] * 3, [1.0] * 10, 0.98)
    assert shift
    assert (shift.low, shift.high, shift.estimate) == (0.0, 99.0, 99.0)
    shift = shift_interval([10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0], 0.95)
    assert shift
    assert (shift.low, shift.high, shift.estimate) == (6.0, 39.0, 22.5)


def test_one_more_bad_minute_turns_the_known_case() -> None:
    metric = Metric("error_rate", **option_values(METRIC_OPTIONS, {}))

    def label(bad: int) -> str:
        return classify([Point(1.0, 100.0)] * bad + [Point(1.0, 1.0)] * (10 - bad), metric, 0.98).label

    assert (label(7), label(8)) == ("pass", "high")


SAMPLE = st.lists(st.integers(0, 30).map(float), min_size=3, max_size=15)


@given(SAMPLE, SAMPLE, st.sampled_from([1e-9, 1e-4, 1.0, 1e6]))
def test_the_shift_does_not_depend_on_the_unit(xs: list[float], ys: list[float], unit: float) -> None:
    plain, scaled = shift_interval(xs, ys, 0.98), shift_interval([x * unit for x in xs], [y * unit for y in ys], 0.98)
    assert (plain is None) == (scaled is None)
    if plain and scaled:
        assert scaled.low == pytest.approx(plain.low * unit, rel=1e-6, abs=1e-9 * unit)
        assert scaled.high == pytest.approx(plain.high * unit, rel=1e-6, abs=1e-9 * unit)
        assert plain.low <= plain.estimate <= plain.high


@given(SAMPLE, SAMPLE)
def test_the_deviate_falls_as_the_shift_grows(xs: list[float], ys: list[float]) -> None:
    steps = [deviate(xs, ys, shift + 0.5) for shift in range(-31, 31)]
    known = [step for step in steps if step is not None]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(known))


def test_the_interval_covers_the_shift_as_often_as_it_says() -> None:
    rng = random.Random(5)
    held = 0
    for _ in range(300):
        xs, ys = [rng.gauss(1, 1) for _ in range(20)], [rng.gauss(0, 1) for _ in range(20)]
        shift = shift_interval(xs, ys, 0.9)
        held += shift is not None and shift.low <= 1 <= shift.high
    assert 0.85 <= held / 300 <= 0.96


def metrics(**options: Any) -> Metric:
    return Metric("error_rate", **option_values(METRIC_OPTIONS, options))


@pytest.mark.parametrize(
    ("labels", "options", "expected"),
    [
        (["pass", "pass", "pass"], {}, 100),
        (["pass", "pass", "high"], {}, 200 / 3),
        (["pass", "pass", "low", "pass"], {}, 75),
        (["pass", "pass", "nodata"], {}, 100),
        (["pass", "pass", "nodata"], {"must_have_data": "yes"}, 200 / 3),
        (["pass", "nodata"], {}, 0),
        (["nodata"], {}, 0),
        (["pass", "pass", "high"], {"critical": "yes"}, 0),
        (["pass", "high"], {"muted": "yes"}, 100),
        (["error", "pass"], {}, 100),
    ],
)
def test_the_score_of_a_group(labels: list[str], options: dict[str, Any], expected: float) -> None:
    results = [Result(label) for label in labels]
    assert score(results, tuple(metrics(**options) for _ in labels)) == pytest.approx(expected)


def test_classification_options() -> None:
    fall = [Point(100.0 + i, 10.0 + i) for i in range(12)]
    assert classify(fall, metrics(), 0.98).label == "pass"
    assert classify(fall, metrics(direction="decrease"), 0.98).label == "low"
    assert classify(fall, metrics(direction="either"), 0.98).label == "low"
    rise = [Point(100.0 + i, 150.0 + i) for i in range(12)]
    assert classify(rise, metrics(), 0.98).label == "high"
    assert classify(rise, metrics(allowed_increase=1.6), 0.98).label == "pass"
    assert classify([Point(None, 1.0)] * 5, metrics(), 0.98).label == "nodata"
    assert classify([Point(None, 1.0)] * 5, metrics(nan="replace"), 0.98).label == "high"
    odd = [Point(100.0 + i, 100.5 + i) for i in range(11)] + [Point(100.0, 1e6)]
    assert classify(odd, metrics(), 0.98).ratio == pytest.approx(1e6 / 1200, rel=0.2)
    assert classify(odd, metrics(outliers="remove"), 0.98).ratio == pytest.approx(1, rel=0.01)
    assert classify([Point(1.0, 2.0)] * 6, metrics(), 0.98).label == "high"
    assert classify([Point(0.0, 0.0)] * 6, metrics(), 0.98).label == "pass"


def test_mann_whitney_fails_on_harm_and_on_missing_data_and_passes_health() -> None:
    spec = {"judge": "mann-whitney"}
    assert verdicts(judged(spec, World(rps=200)))[-1] == "pass"
    broken = judged(spec, World(rps=200, error_ratio=5))
    assert verdicts(broken)[118:120] == ["continue", "fail"]
    assert broken[119]["metrics"]["error_rate"]["label"] == "high"
    assert verdicts(judged(spec, World(rps=0)))[119] == "fail"


@given(st.lists(st.integers(0, 100), min_size=4, max_size=4), st.floats(0.01, 0.99))
def test_a_quantile_lies_inside_its_bucket(buckets: list[int], part: float) -> None:
    bounds = (1.0, 2.0, 4.0)
    value = quantile(buckets, bounds, part)
    if not sum(buckets):
        assert value is None
        return
    assert value is not None
    assert 0 <= value <= 4
    below = sum(buckets[: sum(bound < value for bound in bounds)])
    assert below <= part * sum(buckets) + 1e-9 or value == bounds[-1]
