"""The line protocol: every line but a header gets one answer, and nothing that is wrong changes what is right."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.analysis.options import HeaderError
from ferryman.analysis.stream import JudgeStream, encode
from judge_worlds import World, cumulative, rollout

SHORT = World(rps=40, stages=((5.0, 120.0), (50.0, 120.0)), error_ratio=3.0)
HEADER, LINES = rollout(SHORT, 5)


def answers(*lines: Any) -> list[dict[str, Any]]:
    """Answers of one stream to lines given as text or as objects, as the reader sees them."""
    stream = JudgeStream()
    found = [stream.feed(line if isinstance(line, str | bytes) else json.dumps(line)) for line in lines]
    return [json.loads(encode(answer)) for answer in found if answer]


def essence(answer: dict[str, Any]) -> tuple[Any, ...]:
    return answer["t"], answer["verdict"], answer["evidence"]["log_e"]


def test_each_line_gets_one_answer_with_its_t() -> None:
    found = answers(HEADER, *LINES)
    assert [answer["t"] for answer in found] == [line["t"] for line in LINES]
    assert all({"reason", "dropped", "log_e"} <= answer["evidence"].keys() for answer in found)


@pytest.mark.parametrize(
    "line",
    ["", "   \t", "{", "[]", "null", "42", '"text"', "\x00", "[" * 100_000, "9" * 5000, b"\xff\xfe", '{"a":1,}', "nan"],
)
def test_what_is_no_object_is_an_error_without_t(line: str | bytes) -> None:
    before = answers(line, HEADER, LINES[0])
    after = answers(HEADER, LINES[0], line)
    assert (before[0]["t"], before[0]["verdict"]) == (None, "error")
    assert (after[1]["t"], after[1]["verdict"]) == (None, "error")
    assert after[1]["evidence"]["dropped"]["invalid"] == 1
    assert after[1]["evidence"]["log_e"] == after[0]["evidence"]["log_e"]


def test_a_line_before_any_header_is_an_error() -> None:
    [answer] = answers(LINES[0])
    assert (answer["t"], answer["verdict"]) == (5.0, "error")
    assert "header" in answer["evidence"]["reason"]


def broken(path: str, value: Any, line: dict[str, Any] = LINES[3]) -> dict[str, Any]:
    """A copy of a line with one thing replaced; "-" removes it."""
    copy = json.loads(json.dumps(line))
    *way, last = path.split(".")
    place: Any = copy
    for key in way:
        place = place[key]
    if value == "-":
        del place[last]
    else:
        place[last] = value
    return copy


BAD_COUNTS = [-1, 1.5, True, "7", None, float("nan"), float("inf"), 10**400, [], {}]
BAD = [
    *[("arms.candidate.requests", value) for value in BAD_COUNTS],
    *[("arms.stable.errors", value) for value in BAD_COUNTS],
    *[("arms.stable.buckets", [value] * 58) for value in BAD_COUNTS],
    ("arms.candidate.errors", 10**6),
    ("arms.candidate.buckets", [0] * 57),
    ("arms.candidate.buckets", [0] * 59),
    ("arms.candidate.buckets", None),
    ("arms.candidate.buckets", "x"),
    ("arms.candidate", None),
    ("arms.stable", "-"),
    ("arms", "-"),
    ("arms", []),
    ("arms", "none"),
    ("arms.candidate.cpu", float("nan")),
    ("arms.candidate.cpu", -1),
    ("arms.candidate.memory", True),
    ("arms.candidate.instances", 10**400),
    ("arms.candidate.restarts", -1),
    ("arms.candidate.events", {"x": -1}),
    ("arms.candidate.events", [1]),
    ("t", True),
    ("t", "5"),
    ("t", None),
    ("t", "-"),
    ("t", -1),
    ("t", 1e300),
    ("t", 10**400),
    ("t", float("nan")),
    ("stage", 0.5),
    ("stage", -1),
    ("stage", "-"),
    ("stage", 10**400),
    ("stage_t", float("inf")),
    ("stage_t", -1),
    ("stage_t", "-"),
    ("weight", 101),
    ("weight", -0.1),
    ("weight", "5"),
    ("weight", True),
]


@pytest.mark.parametrize(("path", "value"), BAD)
def test_an_invalid_line_is_dropped_and_named(path: str, value: Any) -> None:
    clean = answers(HEADER, *LINES[:6])
    found = answers(HEADER, *LINES[:3], broken(path, value), *LINES[3:6])
    bad = found.pop(3)
    assert bad["verdict"] == "error"
    assert bad["evidence"]["dropped"] == {"late": 0, "invalid": 1, "resets": 0}
    assert path.split(".")[1 if path.startswith("arms.") else 0] in bad["evidence"]["reason"]
    assert bad["t"] == (None if path == "t" else LINES[3]["t"])
    assert [essence(answer) for answer in found] == [essence(answer) for answer in clean]


def test_whole_numbers_may_come_as_floats_and_unknown_keys_are_ignored() -> None:
    line = {**broken("arms.candidate.requests", float(LINES[3]["arms"]["candidate"]["requests"])), "extra": {"a": [1]}}
    line["arms"]["stable"]["unknown"] = "x"
    plain, odd = answers(HEADER, *LINES[:4]), answers(HEADER, *LINES[:3], line)
    assert odd == plain


def test_a_missing_weight_is_the_planned_one() -> None:
    assert answers(HEADER, *[broken("weight", "-", line) for line in LINES]) == answers(HEADER, *LINES)


@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, 5), st.integers(0, 10**6)), max_size=12))
def test_late_repeated_bad_and_missing_lines_change_nothing(extra: list[tuple[int, int, int]]) -> None:
    clean = [essence(answer) for answer in answers(HEADER, *LINES)]
    stream: list[Any] = [HEADER]
    kept: list[bool] = []
    for index, line in enumerate(LINES):
        for at, kind, pick in extra:
            if at == index:
                path, value = BAD[pick % len(BAD)]
                wrong = [
                    LINES[max(index - 1, 0)] if index else "{",
                    LINES[pick % index] if index else "nothing",
                    broken(path, value, line),
                    "not JSON",
                    {**line, "arms": None, "error": "down"},
                    "",
                ]
                stream.append(wrong[kind])
                kept.append(False)
        stream.append(line)
        kept.append(True)
    found = answers(*stream)
    assert len(found) == len(kept)
    assert [essence(answer) for answer, keep in zip(found, kept, strict=True) if keep] == clean


def test_a_repeated_line_is_answered_with_the_present_verdict() -> None:
    found = answers(HEADER, *LINES[:4], LINES[3], LINES[0])
    assert [answer["verdict"] for answer in found[4:]] == [found[3]["verdict"]] * 2
    assert found[5]["evidence"]["dropped"]["late"] == 2


def test_no_data_is_an_error_and_takes_no_time() -> None:
    gap = {"t": 22.5, "stage": 0, "weight": 5, "stage_t": 22.5, "arms": None, "error": "connection refused"}
    found = answers(HEADER, *LINES[:4], gap, LINES[4])
    assert found[4]["verdict"] == "error"
    assert "connection refused" in found[4]["evidence"]["reason"]
    assert found[4]["evidence"]["log_e"] == found[3]["evidence"]["log_e"]
    assert essence(found[5]) == essence(answers(HEADER, *LINES[:5])[4])


def test_fail_is_final() -> None:
    header, lines = rollout(World(rps=100, error_ratio=float("inf"), stages=((5.0, 300.0),)), 1)
    gap = {"t": 301, "stage": 0, "weight": 5, "stage_t": 301, "arms": None}
    found = answers(header, *lines, gap, lines[0], broken("arms.stable.errors", -1, lines[-1]) | {"t": 302})
    first = [answer["verdict"] for answer in found].index("fail")
    assert all(answer["verdict"] == "fail" for answer in found[first:])
    assert found[-1]["evidence"]["reason"] == found[first]["evidence"]["reason"]
    assert len({answer["evidence"]["log_e"] for answer in found[first:]}) == 1


def test_rollouts_follow_each_other_in_one_stream() -> None:
    other_header, other_lines = rollout(World(rps=10, stages=((10.0, 60.0),)), 8)
    alone, other = answers(HEADER, *LINES), answers(other_header, *other_lines)
    assert answers(HEADER, *LINES, other_header, *other_lines, HEADER, *LINES) == [*alone, *other, *alone]


def test_the_same_header_again_continues_while_time_goes_on_and_begins_anew_when_time_does() -> None:
    alone = answers(HEADER, *LINES)
    assert answers(HEADER, *LINES[:20], HEADER, *LINES[20:]) == alone
    assert answers(HEADER, *LINES, HEADER, *LINES) == [*alone, *alone]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("judge_protocol", 2, "judge_protocol"),
        ("judge_protocol", True, "judge_protocol"),
        ("rollout", 5, "rollout"),
        ("rollout", "-", "rollout"),
        ("bounds_ms", [], "bounds_ms"),
        ("bounds_ms", [1, 1], "rise"),
        ("bounds_ms", [2, 1], "rise"),
        ("bounds_ms", [0, 1], "bounds_ms"),
        ("bounds_ms", [1, float("nan")], "bounds_ms"),
        ("bounds_ms", [10**400], "bounds_ms"),
        ("bounds_ms", "-", "bounds_ms"),
        ("bounds_ms", "x", "bounds_ms"),
        ("stages", [], "stages"),
        ("stages", "-", "stages"),
        ("stages", [{"weight": 101, "seconds": 5}], "weight"),
        ("stages", [{"seconds": 5}], "weight"),
        ("stages", [{"weight": 5, "seconds": -1}], "seconds"),
        ("stages", [5], "stages"),
        ("counters", "rates", "counters"),
        ("tick_seconds", 0, "tick_seconds"),
        ("history", [], "history"),
        ("history", {"requests": 1, "errors": 0, "buckets": [1]}, "buckets"),
        ("history", {"requests": -1, "errors": 0, "buckets": [0] * 58}, "requests"),
        ("spec", [], "spec"),
        ("spec", {"judge": "bettin"}, "did you mean 'betting'"),
        ("spec", {"judge": 5}, "betting, seed-rules, threshold, mann-whitney"),
        ("spec", {"judge": "betting", "alfa": 0.1}, "did you mean 'alpha'"),
        ("spec", {"alpha": 0}, "alpha"),
        ("spec", {"alpha": True}, "alpha"),
        ("spec", {"metrics": ["error"]}, "error"),
        ("spec", {"metrics": ["custom"]}, "metrics"),
        ("spec", {"judge": "threshold", "success": "error_rat < 1"}, "did you mean 'error_rate'"),
        ("spec", {"judge": "threshold", "success": "error_rate is low"}, "no condition"),
        ("spec", {"judge": "mann-whitney", "metrics": {"error_rates": {}}}, "did you mean 'error_rate'"),
        ("spec", {"judge": "mann-whitney", "metrics": {"p95_ms": {"directoin": "either"}}}, "did you mean 'direction'"),
    ],
)
def test_a_bad_header_says_what_is_wrong(path: str, value: Any, said: str) -> None:
    with pytest.raises(HeaderError) as raised:
        answers(broken(path, value, HEADER))
    assert said in str(raised.value)


def test_unknown_keys_of_a_header_are_ignored_and_unknown_options_are_told() -> None:
    stream = JudgeStream()
    stream.feed(json.dumps({**HEADER, "x": 1, "history": None, "spec": {"note": "mine"}}))
    assert stream.take_warnings() == ["judge 'betting' has no option 'note'; ignored"]
    assert stream.take_warnings() == []


def test_raw_counters_are_the_same_rollout() -> None:
    header, lines = cumulative(HEADER, LINES)
    plain, raw = answers(HEADER, *LINES), answers(header, *lines)
    assert raw[0]["verdict"] == "continue"
    assert [essence(answer) for answer in raw[1:]] == [essence(answer) for answer in plain]


def test_a_counter_that_fell_began_anew() -> None:
    header, lines = cumulative(HEADER, LINES)
    base = lines[20]["arms"]["candidate"]
    for line in lines[21:]:
        arm = line["arms"]["candidate"]
        line["arms"]["candidate"] = {
            "requests": arm["requests"] - base["requests"],
            "errors": arm["errors"] - base["errors"],
            "buckets": [now - old for now, old in zip(arm["buckets"], base["buckets"], strict=True)],
        }
    found = answers(header, *lines)
    assert [essence(answer) for answer in found[1:]] == [essence(answer) for answer in answers(HEADER, *LINES)]
    assert found[-1]["evidence"]["dropped"]["resets"] == 1


@pytest.mark.parametrize("history", [None, {}, {"requests": 0, "errors": 0, "buckets": []}])
def test_a_history_that_says_nothing_is_none(history: Any) -> None:
    assert answers({**HEADER, "history": history}, *LINES) == answers(broken("history", "-", HEADER), *LINES)
