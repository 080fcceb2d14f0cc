"""Several candidates before one panel: the worst word counts, alone it is the session itself, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman.analysis.panel import Panel
from ferryman.analysis.session import JudgeSession, StateError
from ferryman.model.evidence import Header, StagePlan, Verdict

BOUNDS = (1.0, 10.0, 100.0)


def header(**spec: Any) -> Header:
    return Header(
        rollout="banner-1/1", bounds_ms=BOUNDS, stages=(StagePlan(20.0, 60.0),), counters="cumulative", tick_seconds=1.0,
        history=None, spec={"judge": "betting", **spec},
    )  # fmt: skip


def arm(requests: int, errors: int) -> dict[str, Any]:
    return {"requests": requests, "errors": errors, "buckets": [0, requests, 0, 0]}


def lines(red_errors: float, count: int = 60) -> list[dict[str, Any]]:
    """One line a second, 50 requests each, of which so many fail with `red`."""
    found: list[dict[str, Any]] = []
    for t in range(1, count + 1):
        n = 50 * t
        blue, red = arm(n, n // 100), arm(n, int(n * red_errors))
        arms = {"stable": arm(4 * n, n // 25), "candidate": arm(2 * n, blue["errors"] + red["errors"])}
        found.append(
            {
                "t": float(t),
                "stage": 0,
                "stage_t": float(t),
                "weight": 20.0,
                "arms": arms,
                "candidates": {"blue": blue, "red": red},
            }
        )
    return found


def test_alone_it_is_the_session_to_the_bit() -> None:
    panel, session = Panel.begin(header()), JudgeSession.begin(header())
    for line in lines(0.3):
        assert panel.observe(line) == session.observe(line)
    assert (panel.dump(), panel.record()) == (session.dump(), session.record())
    assert Panel.load(session.dump()).dump() == session.dump()


def test_the_worst_word_counts_and_says_whose_it_is() -> None:
    panel = Panel.begin(header(), ("blue", "red"))
    answers = [panel.observe(line) for line in lines(0.3)]
    assert answers[-1].verdict is Verdict.FAIL
    assert answers[-1].evidence["reason"].startswith("red: ")
    assert answers[-1].evidence["candidate"] == "red"
    assert answers[-1].evidence["candidates"]["blue"] != "fail"
    assert panel.record()["candidate"] == "red"


def test_all_must_pass() -> None:
    panel = Panel.begin(header(metrics=["errors"]), ("blue", "red"))
    said = [panel.observe(line) for line in lines(0.004, 600)]
    assert said[-1].verdict is Verdict.PASS
    for answer in said:
        words = set(answer.evidence["candidates"].values())
        assert (answer.verdict is Verdict.PASS) == (words == {"pass"})


def test_the_risk_is_shared_out() -> None:
    alone = Panel.begin(header(alpha=0.02), ("blue", "red"))
    halved = JudgeSession.begin(header(alpha=0.01))
    for line in lines(0.3):
        one = {**line, "arms": {**line["arms"], "candidate": line["candidates"]["red"]}}
        assert alone.observe(line).verdict == halved.observe(one).verdict


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_it_goes_on_from_what_was_written_down(cut: int) -> None:
    whole = Panel.begin(header(), ("blue", "red"))
    said = [whole.observe(line) for line in lines(0.3)]
    first = Panel.begin(header(), ("blue", "red"))
    for line in lines(0.3)[:cut]:
        first.observe(line)
    second = Panel.load(first.dump())
    assert [second.observe(line) for line in lines(0.3)[cut:]] == said[cut:]
    assert second.dump() == whole.dump()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"candidates": 3}', '{"candidates": {"blue": "x"}}', b"\xff"])
def test_a_damaged_state_is_told(text: str | bytes) -> None:
    with pytest.raises(StateError):
        Panel.load(text)


def test_a_line_without_one_of_them_is_an_error() -> None:
    panel = Panel.begin(header(), ("blue", "red"))
    line = lines(0.0, 1)[0]
    assert panel.observe({**line, "candidates": {"blue": line["candidates"]["blue"]}}).verdict is Verdict.ERROR
    assert panel.observe({**line, "arms": None, "error": "gone"}).verdict in {
        Verdict.ERROR,
        Verdict.INSUFFICIENT,
        Verdict.CONTINUE,
    }
