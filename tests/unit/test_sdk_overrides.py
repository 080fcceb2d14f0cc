"""`override`: for this thread or task, nested, for this flag alone; and the tables of the pytest plugin."""

import asyncio
import itertools
import math
import threading
from importlib.metadata import entry_points
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman_flags import Evaluator, Reason, override
from ferryman_flags.matrix import Mode, rows
from ferryman_flags.overriding import watched
from flag_worlds import flag, load

pytest_plugins = ["pytester"]


def test_it_nests_and_touches_no_other_flag() -> None:
    evaluator = load(**{"a": flag(False), "b": flag(False), "a-b/c": flag(False)})
    with evaluator.override(a=True):
        assert (evaluator.bool("a", False), evaluator.bool("b", True)) == (True, False)
        found = evaluator.details("a", False)
        assert (found.value, found.reason, found.variant) == (True, Reason.OVERRIDE, None)
        with evaluator.override({"a-b/c": True, "a": False, "new": "text"}):
            assert (evaluator.bool("a", True), evaluator.bool("a-b/c", False)) == (False, True)
            assert evaluator.string("new", "code") == "text"
            assert evaluator.int("new", 7) == 7, "of another type: no effect"
        assert evaluator.bool("a", False)
        assert evaluator.string("new", "code") == "code"
    assert not evaluator.bool("a", True)
    assert evaluator._values is evaluator.snapshot.values, "the short way again"


def test_it_holds_for_every_evaluator_also_for_one_made_meanwhile() -> None:
    before = load(a=flag(False))
    with override(a=True):
        meanwhile = load(a=flag(False))
        assert (before.bool("a", False), meanwhile.bool("a", False)) == (True, True)
        before.patch({"a": flag(False), "b": flag(True)})
        assert (before.bool("a", False), before.bool("b", False)) == (True, True)
    assert (before.bool("a", True), meanwhile.bool("a", True)) == (False, False)


def test_an_error_ends_it() -> None:
    evaluator = load(a=flag(False))
    with pytest.raises(ZeroDivisionError), evaluator.override(a=True):
        _ = 1 / 0
    assert not evaluator.bool("a", True)


def test_threads_have_their_own() -> None:
    evaluator = load(a=flag(False))
    seen: list[bool] = []
    with evaluator.override(a=True):
        thread = threading.Thread(target=lambda: seen.append(evaluator.bool("a", True)))
        thread.start()
        thread.join()
        assert evaluator.bool("a", False)
    assert seen == [False]


def test_it_crosses_await_and_stays_in_its_task() -> None:
    evaluator = load(a=flag(False))

    async def inside(value: bool, turns: int) -> list[bool]:
        seen: list[bool] = []
        with evaluator.override(a=value):
            for _ in range(turns):
                await asyncio.sleep(0)
                seen.append(evaluator.bool("a", not value))
                seen.append(await asyncio.create_task(asked()))
        return seen

    async def asked() -> bool:
        return evaluator.bool("a", False)

    async def outside() -> bool:
        await asyncio.sleep(0)
        return evaluator.bool("a", True)

    async def all_at_once() -> tuple[Any, Any, Any]:
        return await asyncio.gather(inside(True, 3), inside(False, 3), outside())

    on, off, out = asyncio.run(all_at_once())
    assert (on, off, out) == ([True] * 6, [False] * 6, False)


def test_what_is_watched() -> None:
    evaluator, seen = load(a=flag(True)), list[Any]()
    with watched(lambda _, key: seen.append(key)):
        evaluator.bool("a", False)
        evaluator.details("gone", 1)
    evaluator.bool("a", False)
    assert seen == ["a", "gone"]


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(2, 3))
def test_pairwise_has_every_pair_in_few_rows(count: int, values: int) -> None:
    table = rows({f"f{n}": list(range(values)) for n in range(count)})
    for one, other in itertools.combinations(range(count), 2):
        assert len({(row[f"f{one}"], row[f"f{other}"]) for row in table}) == values**2
    assert len(table) <= values**2 * (2 + math.log2(count + 1))


def test_how_many_rows_boolean_flags_take() -> None:
    sizes = {count: len(rows({f"f{n}": [True, False] for n in range(count)})) for count in (1, 2, 10, 20, 40)}
    assert sizes == {1: 2, 2: 4, 10: 8, 20: 10, 40: 12}


@pytest.mark.parametrize(
    ("mode", "table"),
    [
        ("all", [(a, b) for a in (1, 2) for b in "xyz"]),
        ("each", [(1, "x"), (2, "y"), (1, "z")]),
        ("on-off", [(1, "x"), (2, "z")]),
    ],
)
def test_the_other_tables(mode: Mode, table: list[Any]) -> None:
    assert [(row["a"], row["b"]) for row in rows({"a": [1, 2], "b": "xyz"}, mode)] == table


@pytest.mark.parametrize(
    ("flags", "mode"),
    [({}, "all"), ({"a": []}, "all"), ({"a": [1]}, "some"), ({f"f{n}": [1, 2] for n in range(13)}, "all")],
)
def test_tables_that_cannot_be(flags: dict[str, Any], mode: Mode) -> None:
    with pytest.raises(ValueError, match=r"flag|mode|pairwise"):
        rows(flags, mode)


DEFINITIONS = """
{"flags": {"known": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"},
           "old": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on",
                   "metadata": {"ferryman.expires": "2020-01-31"}}}}
"""
PROGRAM = """
    from ferryman_flags.testing import flag_matrix

    seen = []

    @flag_matrix("a", "b", color=["red", "blue"], mode="all")
    def test_all(flags):
        seen.append((flags.bool("a", False), flags.bool("b", False), flags.string("color", "")))

    @flag_matrix("a", mode="on-off")
    class TestOfAClass:
        def test_one(self, flags):
            assert flags.bool("b", True)

    def test_seen():
        assert len(set(seen)) == 8

    def test_known(flags):
        assert flags.bool("known", False)

    def test_old(flags):
        assert flags.bool("old", False)

    def test_gone(flags):
        assert flags.bool("gone", True)
"""


@pytest.fixture
def program(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(PROGRAM)
    pytester.path.joinpath("flags.json").write_text(DEFINITIONS)
    return pytester


def run(program: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In this process; the plugin is named if it is not installed, but only on the path."""
    installed = any(point.value == "ferryman_flags.testing" for point in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "ferryman_flags.testing"]
    return program.runpytest_inprocess("-p", "no:cacheprovider", *plugin, *arguments)


def test_the_plugin_runs_each_row(program: pytest.Pytester) -> None:
    result = run(program, "--flags-snapshot=flags.json", "-v")
    result.assert_outcomes(passed=14)
    result.stdout.fnmatch_lines(["*test_all?a=on b=off color=?blue??*", "*TestOfAClass::test_one?a=off?*"])


def test_strict_names_what_is_unknown_or_overdue(program: pytest.Pytester) -> None:
    result = run(program, "--flags-snapshot=flags.json", "--flags-strict")
    result.assert_outcomes(passed=2, failed=12)
    result.stdout.fnmatch_lines(["*flag 'old' expired on 2020-01-31*", "*flag 'gone' is not defined*"])


@pytest.mark.parametrize("content", [None, "{", '{"flags": 3}'])
def test_a_snapshot_that_is_none_is_said(program: pytest.Pytester, content: str | None) -> None:
    if content is not None:
        program.path.joinpath("other.json").write_text(content)
    result = run(program, "--flags-snapshot=other.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--flags-snapshot other.json*"])


def test_evaluators_are_let_go() -> None:
    """Nothing keeps an evaluator that nobody uses."""
    import gc
    import weakref

    kept = weakref.ref(Evaluator())
    gc.collect()
    assert kept() is None
