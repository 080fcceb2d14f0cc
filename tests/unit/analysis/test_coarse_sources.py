"""A source that counts latency in few buckets, put among the bounds of all sources: what programs report with flags."""

from __future__ import annotations

import random
from bisect import bisect_left
from typing import Any

import pytest

from ferryman.analysis.betting.cuts import choose_cuts, is_fine
from ferryman.analysis.session import JudgeSession
from ferryman.metrics.base import BOUNDS_MS
from ferryman.model.evidence import Header, StagePlan, Verdict

COARSE = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


def placed(counts: dict[float, int]) -> list[int]:
    buckets = [0] * (len(BOUNDS_MS) + 1)
    for bound, count in counts.items():
        buckets[bisect_left(BOUNDS_MS, bound)] += count
    return buckets


def test_what_is_used_says_how_finely_it_was_counted() -> None:
    coarse = placed({4.0: 200, 8.0: 700, 16.0: 90, 32.0: 10})
    assert not is_fine(BOUNDS_MS, coarse)
    cuts = choose_cuts(BOUNDS_MS, coarse, 1.15)
    assert cuts.candidate == cuts.stable
    assert cuts.promote == (cuts.p95,)
    fine = placed({BOUNDS_MS[n]: 10 for n in range(8, 20)} | {4000.0: 1})
    assert is_fine(BOUNDS_MS, fine)
    assert is_fine(BOUNDS_MS, placed({8.0: 1000})), "one bucket says nothing: the bounds do"
    assert not is_fine(COARSE, [1] * 8)


@pytest.mark.parametrize(("slower", "verdict"), [(0.0, Verdict.PASS), (0.3, Verdict.FAIL)])
def test_a_verdict_comes_of_it(slower: float, verdict: Verdict) -> None:
    chance = random.Random(3)
    session = JudgeSession.begin(
        Header(
            rollout="x", bounds_ms=BOUNDS_MS, stages=(StagePlan(5.0, 5.0), StagePlan(20.0, 5.0)), counters="cumulative", tick_seconds=1.0,
            history=None, spec={"judge": "betting"},
        )
    )  # fmt: skip
    arms: dict[str, dict[str, Any]] = {
        name: {"requests": 0, "errors": 0, "buckets": placed({}), "instances": 1, "ready": 1, "restarts": 0}
        for name in ("stable", "candidate")
    }
    said = Verdict.CONTINUE
    for second in range(300):
        for name, rate in (("stable", 160), ("candidate", 40)):
            for _ in range(rate):
                ms = chance.lognormvariate(1.7, 0.4) + 200 * (name == "candidate" and chance.random() < slower)
                bound = next((b for b in (*COARSE, 128.0, 256.0, 512.0) if ms <= b), 1024.0)
                arms[name]["requests"] += 1
                arms[name]["errors"] += chance.random() < 0.002
                arms[name]["buckets"][bisect_left(BOUNDS_MS, bound)] += 1
        stage = int(second > 10)  # at the second stage the margin of promotion is finer than the buckets
        line = {"t": float(second), "stage": stage, "stage_t": float(second - 11 * stage), "weight": 20.0, "arms": arms}
        said = session.observe(line).verdict
        if said is Verdict.FAIL or (said is Verdict.PASS and stage):
            break
    assert said is verdict
