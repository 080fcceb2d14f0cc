"""The default judge on worlds whose truth is known."""

import itertools
import math
from typing import Any

import pytest

from ferryman.analysis.session import JudgeSession
from judge_worlds import World, rollout

Answer = dict[str, Any]


def judged(world: World, seed: int = 1, spec: dict[str, Any] | None = None, **changes: Any) -> list[Answer]:
    header, lines = rollout(world, seed, spec)
    return replay({**header, **changes}, lines)


def replay(header: dict[str, Any], lines: list[dict[str, Any]]) -> list[Answer]:
    session = JudgeSession.begin(header)
    found: list[Answer] = []
    for line in lines:
        answer = session.observe(line)
        found.append({"t": answer.t, "verdict": answer.verdict.value, **answer.evidence})
    return found


def first(found: list[Answer], verdict: str) -> float:
    """When a verdict first came; infinity for never."""
    return next((answer["t"] for answer in found if answer["verdict"] == verdict), math.inf)


def flat(
    seconds: int = 600, *, weight: float = 50.0, tick: float = 5.0, stable: dict[str, Any], candidate: dict[str, Any]
) -> list[dict[str, Any]]:
    """Lines that are all the same. Readings given as functions are called with t."""

    def at(t: float, arm: dict[str, Any]) -> dict[str, Any]:
        return {key: value(t) if callable(value) else value for key, value in arm.items()}

    return [
        {
            "t": step * tick,
            "stage": 0,
            "stage_t": step * tick,
            "weight": weight,
            "arms": {"stable": at(step * tick, stable), "candidate": at(step * tick, candidate)},
        }
        for step in range(1, int(seconds / tick) + 1)
    ]


HEADER: dict[str, Any] = {
    "judge_protocol": 1,
    "rollout": "r",
    "bounds_ms": [10, 100, 1000],
    "stages": [{"weight": 50, "seconds": 600}],
    "spec": {},
}
FINE = {"requests": 100, "errors": 1, "buckets": [50, 45, 5, 0]}


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_release_passes_each_stage_and_is_never_taken_back(seed: int) -> None:
    found = judged(World(rps=50), seed)
    assert first(found, "fail") == math.inf
    assert first(found, "pass") <= 240
    assert found[-1]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("world", "limit_seconds"),
    [
        (World(rps=50, error_ratio=math.inf), 25),
        (World(rps=50, error_ratio=math.inf, tick=1.0), 12),
        (World(rps=1000, error_ratio=math.inf, tick=1.0), 6),
        (World(rps=50, error_ratio=5), 400),
        (World(rps=1000, error_ratio=2), 700),
        (World(rps=50, latency_ratio=2), 400),
        (World(rps=50, latency_ratio=5, slow_part=0.1), 900),
        (World(rps=50, latency_ratio=2, coarse=True), 900),
        (World(rps=50, latency_ratio=2, history=False), 500),
        (World(rps=50, error_ratio=5, onset=900), 900 + 300),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_harm_is_found_in_time(world: World, limit_seconds: float, seed: int) -> None:
    found = judged(world, seed)
    assert world.onset <= first(found, "fail") <= limit_seconds
    assert first(found, "pass") > world.onset or world.onset > 0


@pytest.mark.parametrize(
    "world",
    [
        World(rps=50, outage=True),
        World(rps=50, burst=3),
        World(rps=200, share=1.15),
        World(rps=50, error_ratio=1.05, latency_ratio=1.02),
        World(rps=50, error_ratio=1.2),
        World(rps=50, cold_seconds=60),
        World(rps=50, tick=60.0),
        World(rps=50, stages=((5.0, 100.0),) * 6 + ((25.0, 600.0), (50.0, 600.0))),
        World(rps=0.05),
    ],
    ids=str,
)
def test_what_only_looks_like_harm_is_not_taken_back(world: World) -> None:
    assert all(first(judged(world, seed), "fail") == math.inf for seed in range(3))


def test_without_traffic_nothing_is_decided_and_that_is_said() -> None:
    found = judged(World(rps=0))
    assert {answer["verdict"] for answer in found} == {"continue", "insufficient"}
    assert all(answer["verdict"] == "insufficient" for answer in found if answer["t"] >= 60)
    assert "60 s" in next(answer["reason"] for answer in found if answer["verdict"] == "insufficient")


@pytest.mark.parametrize("weight", [0, 100])
def test_without_a_control_nothing_is_decided(weight: float) -> None:
    found = replay(HEADER, flat(weight=weight, stable=FINE, candidate={**FINE, "errors": 100}))
    assert {answer["verdict"] for answer in found} == {"insufficient"}
    assert {answer["log_e"] for answer in found} == {0.0}


def test_records_are_complete_and_agree_with_each_other() -> None:
    found = judged(World(rps=50))
    full = [answer for answer in found if "metrics" in answer]
    assert full[0] is found[0]
    gaps = [later["t"] - earlier["t"] for earlier, later in itertools.pairwise(full)]
    assert max(gaps) <= 60
    by_t = {answer["t"]: answer for answer in full}
    assert {600.0, 1200.0, 1800.0} <= by_t.keys()
    changed = [b["t"] for a, b in itertools.pairwise(found) if a["verdict"] != b["verdict"]]
    assert set(changed) <= by_t.keys()
    for answer in full:
        metrics = answer["metrics"]
        assert {"log_limit", "alpha", "promote", "expected_seconds", "hold", "guard"} <= answer.keys()
        assert sum(m["weight"] for m in metrics.values()) == pytest.approx(1)
        whole = sum(m["weight"] * math.exp(m["log_e"]) for m in metrics.values())
        assert whole == pytest.approx(math.exp(answer["log_e"]))
        assert answer["alpha_left"] == pytest.approx(min(1.0, answer["alpha"] * whole))
        assert answer["log_limit"] == pytest.approx(math.log(1 / answer["alpha"]))
        for metric in metrics.values():
            assert {"margin", "promote_log_e", "stable", "candidate", "ratio", "interval"} <= metric.keys()
            low, high = metric["interval"] or (0, 99)
            assert 0 <= low <= high


def test_counts_of_a_record_are_those_of_the_stage() -> None:
    header, lines = rollout(World(rps=50, stages=((5.0, 60.0), (25.0, 120.0))), 3)
    found = replay(header, lines)
    second = [line for line in lines if line["stage"] == 1]
    errors = found[-1]["metrics"]["errors"]
    for arm in ("stable", "candidate"):
        assert errors[arm]["n"] == sum(line["arms"][arm]["requests"] for line in second)
        assert errors[arm]["k"] == sum(line["arms"][arm]["errors"] for line in second)


def test_at_one_request_a_second_it_says_how_long_honesty_takes() -> None:
    found = judged(World(rps=1))
    expected = [
        a["expected_seconds"] for a in found if "metrics" in a and a["stage_t" if "stage_t" in a else "t"] <= 600
    ]
    assert first(found, "pass") > 600
    assert all(1500 <= seconds <= 12000 for seconds in expected[1:])


def test_alpha_is_an_option() -> None:
    world = World(rps=50, error_ratio=3)
    strict, loose = (first(judged(world, 1, {"alpha": alpha}), "fail") for alpha in (1e-6, 0.2))
    assert loose < strict


def test_an_acceptable_rate_is_no_harm_whatever_the_ratio() -> None:
    world = World(rps=200, error_rate=0.0005, error_ratio=8)
    assert first(judged(world, 1), "fail") < math.inf
    assert first(judged(world, 1, {"delta": 0.02}), "fail") == math.inf
    assert first(judged(World(rps=200, error_ratio=20), 1, {"delta": 0.02}), "fail") < math.inf


def test_errors_in_long_blocks_still_show() -> None:
    found = judged(World(rps=50, error_ratio=math.inf), 1, {"error_block_seconds": 30})
    assert first(found, "fail") <= 120


def test_errors_alone_need_no_bounds() -> None:
    header, lines = rollout(World(rps=50, error_ratio=math.inf), 1)
    for line in lines:
        for arm in line["arms"].values():
            del arm["buckets"]
    found = replay({**header, "bounds_ms": [], "history": None, "spec": {"metrics": ["errors"]}}, lines)
    assert first(found, "fail") <= 25
    assert found[0]["metrics"].keys() == {"errors"}
    assert found[0]["metrics"]["errors"]["weight"] == 1.0


def test_where_only_percentiles_are_known_they_are_compared() -> None:
    header = {**HEADER, "bounds_ms": [], "spec": {"latency": "p95"}, "stages": [{"weight": 50, "seconds": 3600}]}
    plain = {"requests": 100, "errors": 1}
    same = flat(3600, stable={**plain, "p95_ms": 200.0}, candidate={**plain, "p95_ms": 210.0})
    slow = flat(3600, stable={**plain, "p95_ms": 200.0}, candidate={**plain, "p95_ms": 300.0})
    assert first(replay(header, same), "fail") == math.inf
    assert first(replay(header, same), "pass") <= 900
    assert first(replay(header, slow), "fail") <= 1500
    assert first(replay(header, slow), "pass") > first(replay(header, slow), "fail")


def test_custom_events_are_weighed_by_name() -> None:
    stable, candidate = (
        {**FINE, "events": {"lost carts": 1, "other": 1}},
        {**FINE, "events": {"lost carts": 12, "other": 1}},
    )
    found = replay(HEADER, flat(stable=stable, candidate=candidate))
    assert first(found, "fail") <= 300
    custom = next(a for a in found if a["verdict"] == "fail")["metrics"]["custom"]
    assert custom["weight"] == pytest.approx(0.1 / 0.9)
    assert custom["events"]["lost carts"]["log_e"] > 5 > custom["events"]["other"]["log_e"]
    assert first(
        replay({**HEADER, "spec": {"metrics": ["errors"]}}, flat(stable=stable, candidate=candidate)), "fail"
    ) == (math.inf)
