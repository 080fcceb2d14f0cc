"""What people see, held as golden texts: the tree, and the dashboard at two widths and in plain letters."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from ferryman.cli.live import dashboard, status_tree
from ferryman.cli.views.compare import rows
from ferryman.cli.views.evidence import read_evidence
from ferryman.cli.views.marks import Mark
from ferryman.model.view import ServiceView, SideView
from unit.cli.samples import ALL, AT, CANARY, CANDIDATE, EVIDENCE, ROLLOUT, STABLE, steps
from unit.golden import Golden

FOLDER = Path(__file__).with_name("goldens")


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def drawn(view: ServiceView, width: int, *, ascii_only: bool = False, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, no_color=not colour
    )
    console.print(dashboard(view, width, ascii_only=ascii_only))
    return out.getvalue()


@pytest.mark.parametrize("name", ALL)
def test_the_tree(name: str, golden: Golden) -> None:
    text = status_tree(ALL[name])
    assert text.isascii()
    golden(FOLDER / f"tree-{name}.txt", text + "\n")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("width", [44, 80, 120])
def test_the_dashboard(name: str, width: int, golden: Golden) -> None:
    text = drawn(ALL[name], width)
    assert {cell_len(line) for line in text.splitlines()} == {width}
    golden(FOLDER / f"dashboard-{name}-{width}.txt", text)


@pytest.mark.parametrize("name", ALL)
def test_the_dashboard_in_plain_letters(name: str) -> None:
    text = drawn(ALL[name], 80, ascii_only=True)
    assert text.isascii()
    assert {len(line) for line in text.splitlines()} == {80}


def test_no_figure_changes_the_height() -> None:
    """Else the picture would jump."""
    calm = drawn(CANARY, 80).count("\n")
    without = replace(CANARY, rollout=replace(ROLLOUT, evidence={}, verdict=None, verdict_reason="", until=None))
    assert drawn(without, 80).count("\n") == calm
    silent = (replace(STABLE, requests_per_second=None, error_percent=None, p95_ms=None, cpu_percent=None), CANDIDATE)
    assert drawn(replace(CANARY, sides=silent), 80).count("\n") == calm
    long = replace(CANARY, rollout=replace(ROLLOUT, waiting_for="because " * 40, verdict_reason="for " * 90))
    assert drawn(long, 80).count("\n") == calm


def test_colour_says_nothing_alone() -> None:
    coloured, plain = drawn(CANARY, 80, colour=True), drawn(CANARY, 80)
    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    for sign in ("✓", "25%", "v2 candidate"):
        assert sign in plain


def test_many_steps_are_cut_around_the_present_one() -> None:
    names = [f"step {n}" for n in range(40)]
    for here in (0, 17, 39):
        view = replace(CANARY, rollout=replace(ROLLOUT, step=here, steps=steps(here, *names)))
        line = next(line for line in drawn(view, 80).splitlines() if "●" in line)
        assert f"● step {here}" in line


@given(st.integers(60, 200))
def test_every_width_holds(width: int) -> None:
    assert {cell_len(line) for line in drawn(CANARY, width).splitlines()} == {width}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("height", [18, 21, 23, 24, 25, 60])
def test_a_low_terminal_loses_events_and_rules_but_never_the_status(name: str, height: int) -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(dashboard(ALL[name], 80, height=height))
    assert out.getvalue().count("\n") <= height
    assert "Status" in out.getvalue()


def test_people_who_are_not_told_are_a_line_of_their_own_and_no_trouble_of_the_service() -> None:
    lines = ("ops: 3 attempts failed, 2 notices wait: no answer", "ana: notice shop/7/ana was given up: refused (550)")
    view = replace(CANARY, unheard=lines)
    assert [f"not told: {line}" for line in lines] == re.findall(
        r"^\|- (not told: .*)$", status_tree(view), re.MULTILINE
    )
    for width in (44, 80, 200):
        text = drawn(view, width)
        assert "Unheard ops: 3 attempts failed" in text
        assert text.count("\n") == drawn(CANARY, width).count("\n") + 1
    assert lines[1] in drawn(view, 200)
    out = io.StringIO()
    Console(file=out, width=80).print(dashboard(view, 80, height=18))
    assert out.getvalue().count("\n") <= 18


def test_a_narrow_terminal_gets_the_narrowest_picture() -> None:
    assert {cell_len(line) for line in drawn(CANARY, 60).splitlines()} == {60}


def marks(left: SideView, right: SideView, evidence: dict[str, object]) -> dict[str, Mark]:
    return {row.name: row.mark for row in rows(left, right, read_evidence(evidence))}


def test_marks_follow_the_judges_evidence() -> None:
    assert marks(STABLE, CANDIDATE, EVIDENCE)["Errors"] is Mark.OK
    metrics = {"errors": {"log_e": 2.5}, "latency": {"log_e": 9.0}}
    doubtful = marks(STABLE, CANDIDATE, {**EVIDENCE, "metrics": metrics})
    assert (doubtful["Errors"], doubtful["Latency p95"]) == (Mark.WARN, Mark.BAD)


def test_marks_without_a_judge_show_what_is_plain() -> None:
    worse = replace(CANDIDATE, error_percent=9.0, stage_errors=12, p95_ms=100.0, memory_bytes=99e6, weight_seen=60.0)
    found = marks(STABLE, worse, {})
    assert found["Errors"] is Mark.WARN
    assert found["Latency p95"] is Mark.WARN
    assert found["Memory"] is Mark.WARN
    assert found["Requests"] is Mark.WARN
    few = replace(worse, stage_requests=10, stage_errors=1)
    assert marks(STABLE, few, {})["Errors"] is Mark.OK


def test_nothing_is_compared_with_nothing() -> None:
    assert {row.delta for row in rows(STABLE, None, None)} == {""}
    assert {row.delta for row in rows(None, CANDIDATE, None)} == {""}
    idle = replace(STABLE, requests_per_second=0.0, weight_seen=0.0, error_percent=0.0, p95_ms=0.0)
    found = {row.name: row.delta for row in rows(idle, CANDIDATE, None)}
    assert (found["Requests"], found["Errors"], found["Latency p95"]) == ("", "+0.62pt", "")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"reason": "x"},
        {"metrics": {"errors": None}, "log_e": "high"},
        {"log_e": 1.0, "log_limit": 0},
        {"log_e": float("nan"), "log_limit": 4.6, "promote": [1, 2], "metrics": {"a": {"interval": [1], "stable": 3}}},
    ],
)
def test_records_of_other_judges_do_no_harm(record: dict[str, object]) -> None:
    view = replace(CANARY, rollout=replace(ROLLOUT, evidence=record))
    assert drawn(view, 80)
    assert status_tree(view)


def test_a_clock_that_went_back_does_no_harm() -> None:
    view = replace(CANARY, at=AT - 500)
    assert drawn(view, 80)
    assert status_tree(view)
