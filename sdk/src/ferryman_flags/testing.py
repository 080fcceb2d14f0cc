"""The pytest plugin: tests run once for each combination of flags, and fail on flags that are gone or overdue.

    @flag_matrix("new-checkout", "dark-mode", color=["red", "blue"])
    def test_order(): ...

`--flags-snapshot FILE` gives the fixture `flags` its definitions: flagd JSON, or the snapshot file of a client.
`--flags-strict` fails a test that evaluates a key which is not defined, or whose `ferryman.expires` has passed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ferryman_flags.definition import BrokenFlag, FlagSet, parse
from ferryman_flags.errors import DefinitionError
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.matrix import YES_NO, Mode, rows
from ferryman_flags.overriding import override, watched

EXPIRES = "ferryman.expires"
_ROW = "_flag_row"
_SET = pytest.StashKey[FlagSet | None]()


def flag_matrix(*keys: str, mode: Mode = "pairwise", **values: Sequence[Any]) -> pytest.MarkDecorator:
    """Run a test, or all of a class, once for each row of a table of flags (`ferryman_flags.matrix.rows`).

    `keys` are boolean flags; `values` lists those of others. While the test runs they are overridden.
    """
    return pytest.mark.flag_matrix({**dict.fromkeys(keys, YES_NO), **values}, mode)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("feature flags")
    group.addoption("--flags-snapshot", metavar="FILE", help="flag definitions for the fixture `flags`")
    group.addoption(
        "--flags-strict", action="store_true", help="a test that evaluates an unknown or expired flag fails"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the definitions once."""
    config.addinivalue_line("markers", "flag_matrix(flags, mode): once for each combination of flags")
    path = config.getoption("--flags-snapshot")
    try:
        config.stash[_SET] = parse(_document(Path(path))) if path else None
    except (OSError, DefinitionError) as error:
        raise pytest.UsageError(f"--flags-snapshot {path}: {error}") from None


def _document(path: Path) -> str:
    """The definitions in a file; those of a client's snapshot are behind its first line."""
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    return rest if first.startswith('{"form"') else text


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One call for each row."""
    marker = metafunc.definition.get_closest_marker("flag_matrix")
    if marker is None:
        return
    try:
        table = rows(*marker.args)
    except ValueError as error:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: {error}") from None
    metafunc.fixturenames.append(_ROW)  # the test itself need not take it
    metafunc.parametrize(_ROW, table, ids=[_id(row) for row in table])


def _id(row: dict[str, Any]) -> str:
    words = {True: "on", False: "off"}
    return " ".join(
        f"{key}={words[v] if isinstance(v, bool) else json.dumps(v, default=str)}" for key, v in row.items()
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The row of a test counts for its fixtures too."""
    call: Any = getattr(item, "callspec", None)
    row = call.params.get(_ROW) if call else None
    if row is None:
        return (yield)
    with override(row):
        return (yield)


@pytest.fixture
def flags(request: pytest.FixtureRequest) -> Evaluator:
    """An evaluator with the definitions of `--flags-snapshot`, or with none."""
    evaluator = Evaluator()
    found = request.config.stash[_SET]
    if found is not None:
        evaluator.take(found)
    return evaluator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """With `--flags-strict`, look at each key that the test asks for."""
    if not item.config.getoption("--flags-strict"):
        return (yield)
    wrong: dict[str, str] = {}
    known = item.config.stash[_SET]
    today = dt.datetime.now(dt.UTC).date().isoformat()

    def look(evaluator: Evaluator, key: Any) -> None:
        problem = problem_of(key, known or evaluator.snapshot.flags, today)
        if problem:
            wrong[str(key)] = problem

    with watched(look):
        result = yield
    if wrong:
        pytest.fail("; ".join(f"flag {key!r} {problem}" for key, problem in sorted(wrong.items())), pytrace=False)
    return result


def problem_of(key: Any, known: FlagSet, today: str) -> str:
    """What is wrong with asking for a flag; empty if nothing. `today` is an ISO date."""
    flag = known.flags.get(key) if isinstance(key, str) else None
    if flag is None:
        return "is not defined"
    if isinstance(flag, BrokenFlag):
        return "is broken"
    expires = flag.metadata.get(EXPIRES)
    return f"expired on {expires}" if isinstance(expires, str) and expires < today else ""
