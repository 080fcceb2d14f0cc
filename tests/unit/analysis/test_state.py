"""What is remembered: small, plain, and enough to go on to the bit after any line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.analysis.header import parse_header
from ferryman.analysis.registry import JUDGES
from ferryman.analysis.session import JudgeSession, StateError
from ferryman.analysis.stream import encode
from judge_worlds import World, cumulative, rollout

WORLDS = {
    "errors": rollout(World(rps=30, error_ratio=4.0, stages=((5.0, 120.0), (25.0, 60.0))), 1),
    "no history": rollout(World(rps=20, latency_ratio=1.5, history=False, stages=((20.0, 180.0),)), 2),
    "raw counters": cumulative(*rollout(World(rps=60, coarse=True, tick=1.0, stages=((50.0, 70.0),)), 3)),
    "rare": rollout(World(rps=0.5, tick=30.0), 4),
}
SPECS: list[dict[str, Any]] = [
    {"judge": "betting"},
    {"judge": "betting", "error_block_seconds": 15, "delta": 0.02},
    {"judge": "betting", "latency": "p95"},
    {"judge": "seed-rules", "when": "each-minute"},
    {"judge": "seed-rules"},
    {"judge": "threshold", "failure": "p95_ms_ratio > 1.3", "success": "error_rate < 0.01", "failure_limit": 2},
    {"judge": "mann-whitney", "when": "each-minute"},
    {"judge": "mann-whitney"},
]


def rich(line: dict[str, Any], step: int) -> dict[str, Any]:
    """A line with every reading there is."""
    arms = {
        name: {
            **arm,
            "cpu": 20.0 + step % 7,
            "memory": 1e8 + 1e5 * step,
            "instances": 4,
            "ready": 4,
            "p95_ms": 200.0 + step % 11,
            "events": {"login failed": arm["errors"], "cart lost": 0},
        }
        for name, arm in line["arms"].items()
    }
    return {**line, "arms": arms}


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("spec", SPECS, ids=json.dumps)
@settings(max_examples=5)
@given(data=st.data())
def test_a_restart_after_any_line_changes_nothing(name: str, spec: dict[str, Any], data: st.DataObject) -> None:
    header, lines = WORLDS[name]
    lines = [rich(line, step) for step, line in enumerate(lines)]
    cuts = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=4))
    through = JudgeSession.begin({**header, "spec": spec})
    broken = JudgeSession.begin({**header, "spec": spec})
    for step, line in enumerate(lines):
        if step in cuts:
            text = broken.dump()
            broken = JudgeSession.load(text)
            assert broken.dump() == text
        assert encode(broken.observe(line)) == encode(through.observe(line))
    assert broken.dump() == through.dump()


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("name", WORLDS)
def test_no_answer_depends_on_later_lines(name: str, judge: str) -> None:
    header, lines = WORLDS[name]
    header = {**header, "spec": {"judge": judge}}
    session = JudgeSession.begin(header)
    whole = [encode(session.observe(line)) for line in lines]
    for length in (1, len(lines) // 3, len(lines) - 1):
        shorter = JudgeSession.begin(header)
        assert [encode(shorter.observe(line)) for line in lines[:length]] == whole[:length]


@pytest.mark.parametrize("tick", [0.25, 1.0, 5.0])
@pytest.mark.parametrize("raw", [False, True])
def test_the_state_of_the_default_judge_stays_small(tick: float, *, raw: bool) -> None:
    header, lines = rollout(World(rps=3000, tick=tick, stages=((5.0, 150.0), (50.0, 150.0))), 9)
    header, lines = cumulative(header, lines) if raw else (header, lines)
    session = JudgeSession.begin(header)
    sizes: list[int] = []
    for line in lines:
        session.observe(line)
        sizes.append(len(session.dump()))
    assert max(sizes) <= 2000 * 2 + 2000
    rich_session = JudgeSession.begin(header)
    for step, line in enumerate(lines[:400]):
        rich_session.observe(rich(line, step))
    assert len(rich_session.dump()) <= 2000 * 4 + 2000


def test_a_header_may_be_given_as_json_or_as_a_struct() -> None:
    header, lines = WORLDS["errors"]
    one, other = JudgeSession.begin(header), JudgeSession.begin(parse_header(header))
    assert [encode(one.observe(line)) for line in lines] == [encode(other.observe(line)) for line in lines]
    assert one.rollout == header["rollout"]
    assert one.judge_name == "betting"


def test_a_session_tells_where_it_stands() -> None:
    header, lines = WORLDS["errors"]
    session = JudgeSession.begin(header)
    assert (session.verdict, session.last_t) == (None, None)
    answer = session.observe(lines[0])
    assert (session.verdict, session.last_t) == (answer.verdict, lines[0]["t"])
    assert session.record() == answer.evidence


@pytest.mark.parametrize("text", ["{", "[]", '{"version":1}', "null", "\x00"])
def test_a_damaged_state_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="damaged"):
        JudgeSession.load(text)


def test_a_state_of_another_version_is_refused() -> None:
    text = JudgeSession.begin(WORLDS["rare"][0]).dump().replace('"version":1', '"version":99')
    with pytest.raises(StateError, match="99"):
        JudgeSession.load(text)
