"""Whether a share of the requests that nobody asked for holds a release: by default, but not where it says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.analysis.session import JudgeSession
from ferryman.engine.evidence import judge_spec
from ferryman.model.evidence import Header, StagePlan, Verdict
from ferryman.spec.parse import parse_release

FLAG = "service: f\nstrategy: {flag: {steps: [%s]}}\nanalysis: {options: {%s}}\n"


@pytest.mark.parametrize(("share", "verdict"), [("checked", Verdict.INSUFFICIENT), ("unchecked", Verdict.PASS)])
def test_twice_the_share_that_was_asked_for(share: str, verdict: Verdict) -> None:
    spec: dict[str, Any] = {"judge": "betting", "metrics": ["errors"], "share": share}
    session = JudgeSession.begin(
        Header(
            rollout="x", bounds_ms=(10.0,), stages=(StagePlan(1.0, 5.0),), counters="cumulative", tick_seconds=1.0,
            history=None, spec=spec,
        )
    )  # fmt: skip
    said: list[Verdict] = []
    for second in range(300):
        arms = {
            name: {"requests": rate * second, "errors": 0, "buckets": [rate * second, 0], "instances": 1, "ready": 1}
            for name, rate in (("stable", 390), ("candidate", 10))
        }
        line = {"t": float(second), "stage": 0, "stage_t": float(second), "weight": 1.0, "arms": arms}
        said.append(session.observe(line).verdict)
    assert said[-1] is verdict


@pytest.mark.parametrize(
    ("steps", "options", "candidates", "share"),
    [
        ("1, 50", "", 0, None),
        ("1, 50", "", 2, "unchecked"),
        ("staff, 1, 50", "", 0, "unchecked"),
        ("{allow: [ana]}, 50", "", 0, "unchecked"),
        ("staff, 1, 50", "share: checked", 0, "checked"),
    ],
)
def test_where_it_says_nothing(steps: str, options: str, candidates: int, share: str | None) -> None:
    spec = judge_spec(parse_release(FLAG % (steps, options), "f.yaml"), candidates)
    assert spec.get("share") == share
