"""Cpu, memory, guards and routing: what the default judge weighs besides requests."""

import math
from typing import Any

import pytest

from ferryman.analysis.session import JudgeSession

Answer = dict[str, Any]
FINE: dict[str, Any] = {"requests": 100, "errors": 1, "buckets": [50, 45, 5, 0]}
WELL: dict[str, Any] = {**FINE, "cpu": 40.0, "memory": 2e8, "instances": 4, "ready": 4, "restarts": 0, "oom_kills": 0}


def replay(
    seconds: int,
    stable: dict[str, Any],
    candidate: dict[str, Any],
    *,
    weight: float = 50.0,
    tick: float = 5.0,
    counters: str = "increments",
) -> list[Answer]:
    """Answers to lines of these arms, in one stage; a reading given as a function is called with t."""
    header = {
        "judge_protocol": 1,
        "rollout": "r",
        "bounds_ms": [10, 100, 1000],
        "counters": counters,
        "stages": [{"weight": weight, "seconds": seconds}],
    }
    session = JudgeSession.begin(header)
    found: list[Answer] = []
    for step in range(1, int(seconds / tick) + 1):
        t = step * tick
        arms = {
            name: {key: value(t) if callable(value) else value for key, value in arm.items()}
            for name, arm in (("stable", stable), ("candidate", candidate))
        }
        answer = session.observe({"t": t, "stage": 0, "stage_t": t, "weight": weight, "arms": arms})
        found.append({"t": answer.t, "verdict": answer.verdict.value, **answer.evidence})
    return found


def failed(found: list[Answer]) -> float:
    return next((answer["t"] for answer in found if answer["verdict"] == "fail"), math.inf)


def guard(found: list[Answer]) -> str | None:
    return next((answer["guard"] for answer in found if answer["verdict"] == "fail"), None)


def test_a_well_candidate_is_left_alone_however_long() -> None:
    found = replay(7200, WELL, WELL)
    assert failed(found) == math.inf
    metrics = found[-1]["metrics"]
    assert metrics["saturation"]["weight"] == pytest.approx(0.1 / 0.9)
    assert metrics["saturation"]["ratio"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("reading", "value", "name", "at"),
    [
        ("oom_kills", lambda t: int(t == 100), "oom-kill", 100),
        ("restarts", lambda t: int(t in (100, 200, 300)), "crash-loop", 300),
        ("restarts", lambda t: 3 * int(t == 100), "crash-loop", 100),
        ("ready", lambda t: 0 if t >= 100 else 4, "readiness-lost", 110),
        ("cpu", lambda t: 95.0 if t > 100 else 40.0, "cpu-saturated", 280),
    ],
)
@pytest.mark.parametrize("weight", [50.0, 100.0])
def test_one_process_fact_is_enough(reading: str, value: Any, name: str, at: float, weight: float) -> None:
    found = replay(600, WELL, {**WELL, reading: value}, weight=weight)
    assert (guard(found), failed(found)) == (name, at)
    assert all(answer["verdict"] == "fail" for answer in found if answer["t"] >= at)


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        ("restarts", lambda t: int(t in (100, 200, 900))),
        ("ready", lambda t: 0 if t == 100 else 4),
        ("ready", lambda t: 4 if t > 300 else 0),
        ("ready", lambda t: 3),
        ("cpu", lambda t: 95.0 if t % 100 else 40.0),
        ("cpu", lambda t: 89.0 if t > 100 else 40.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_less_than_that_is_not(reading: str, value: Any) -> None:
    stable = {**WELL, "cpu": 80.0, "instances": 4}
    assert guard(replay(1200, stable, {**WELL, reading: value})) is None


def test_what_stable_suffers_too_is_not_the_candidates_fault() -> None:
    hot, gone = {**WELL, "cpu": 97.0}, {**WELL, "ready": lambda t: 4 if t < 100 else 0}
    assert guard(replay(600, hot, hot)) is None
    assert guard(replay(600, gone, gone)) is None


def test_raw_restart_counters_are_read_as_such() -> None:
    raw = {
        "requests": lambda t: int(20 * t),
        "errors": lambda t: int(t / 5),
        "buckets": lambda t: [int(10 * t), int(9 * t), int(t), 0],
    }
    many = {**raw, "restarts": lambda t: 7, "oom_kills": lambda t: 2}
    assert guard(replay(600, raw, many, counters="cumulative")) is None
    gone = {**raw, "restarts": lambda t: 7 if t < 300 else 4, "oom_kills": lambda t: 2 if t < 300 else 1}
    assert guard(replay(600, raw, gone, counters="cumulative")) is None
    growing = {**raw, "restarts": lambda t: 7 + int(t // 100)}
    assert guard(replay(600, raw, growing, counters="cumulative")) == "crash-loop"


def test_cpu_per_request_is_compared_not_cpu() -> None:
    busy = {**WELL, "requests": 300, "buckets": [150, 135, 15, 0], "errors": 3, "cpu": 120.0 / 2}
    quiet = {**WELL, "cpu": 20.0}
    assert failed(replay(3600, busy, quiet, weight=25.0)) == math.inf
    costly = {**WELL, "cpu": 60.0}
    found = replay(3600, busy, costly, weight=25.0)
    assert failed(found) <= 1800
    assert next(a for a in found if a["verdict"] == "fail")["metrics"]["saturation"]["ratio"] == pytest.approx(3.0)


def test_what_an_idle_process_burns_is_not_compared() -> None:
    assert failed(replay(3600, {**WELL, "cpu": 0.5}, {**WELL, "cpu": 3.0})) == math.inf
    # One instance at 5 %: 3 % idle and 1.7 % per request/s, as each of the four that carry the rest.
    few = {"requests": 25, "errors": 0, "buckets": [12, 12, 1, 0], "cpu": 3 + 5 * 1.7, "instances": 1}
    many = {"requests": 475, "errors": 4, "buckets": [240, 210, 25, 0], "cpu": 3 + 95 / 4 * 1.7, "instances": 4}
    assert failed(replay(3600, many, few, weight=5.0)) == math.inf
    assert failed(replay(3600, many, {**few, "cpu": 3 + 5 * 4.0}, weight=5.0)) <= 1800


def test_cpu_without_a_number_of_instances_cannot_be_compared() -> None:
    one = {key: value for key, value in WELL.items() if key != "instances"}
    found = replay(3600, {**one, "cpu": 20.0}, {**one, "cpu": 80.0})
    assert failed(found) == math.inf


def test_a_leak_shows_and_a_warm_up_does_not() -> None:
    leaking = {**WELL, "memory": lambda t: 2e8 + 1e5 * t}
    warming = {**WELL, "memory": lambda t: 2e8 * (2 - math.exp(-t / 60))}
    assert failed(replay(3600, WELL, leaking)) <= 1800
    assert failed(replay(3600, WELL, warming)) == math.inf
    assert failed(replay(3600, leaking, leaking)) == math.inf


@pytest.mark.parametrize(
    ("stable", "candidate", "within"),
    [((190, 10), (10, 0), 0), ((199, 1), (1, 0), 120), ((140, 5), (60, 2), 120), ((200, 5), (0, 0), 90)],
)
def test_a_share_that_was_not_asked_for_holds_and_never_rolls_back(
    stable: tuple[int, int], candidate: tuple[int, int], within: float
) -> None:
    def arm(counts: tuple[int, int]) -> dict[str, Any]:
        n, k = counts
        return {"requests": n, "errors": min(k, n), "buckets": [n // 2, n - n // 2, 0, 0]}

    found = replay(600, arm(stable), arm(candidate), weight=5.0)
    held = [answer["t"] for answer in found if answer["verdict"] == "insufficient"]
    assert failed(found) == math.inf
    if not within:
        assert not held
        return
    assert 20 < held[0] <= within
    record = next(answer for answer in found if answer["t"] == held[0])
    assert record["hold"] == "routing-fault"
    assert "5 %" in record["reason"]
    assert found[-1]["verdict"] == "insufficient"


def test_a_routing_fault_ends_when_the_share_is_right_again() -> None:
    def stable(t: float) -> int:
        return 100 if t <= 200 else 95

    found = replay(
        900,
        {"requests": stable, "errors": 0, "buckets": lambda t: [stable(t), 0, 0, 0]},
        {"requests": lambda t: 100 - stable(t), "errors": 0, "buckets": lambda t: [100 - stable(t), 0, 0, 0]},
        weight=5.0,
    )
    holds = {answer["t"]: answer["hold"] for answer in found if "hold" in answer}
    assert "routing-fault" in holds.values()
    assert found[-1]["hold"] is None
    assert found[-1]["verdict"] in ("continue", "pass")
