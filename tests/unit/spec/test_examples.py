"""The examples are documentation, fixtures and a test of the table at once."""

import pytest

from ferryman.model.errors import UsageError
from ferryman.model.release import (
    Amount,
    Analyse,
    Audience,
    BlueGreen,
    Canary,
    FlagExposure,
    Pause,
    Recreate,
    Rolling,
    Route,
    RunCheck,
    Scale,
    SetFlag,
    SetWeight,
)
from ferryman.spec.calendar_table import WINDOW, WINDOWS
from ferryman.spec.catalog import example, example_names
from ferryman.spec.document import load
from ferryman.spec.evidence_source import EVIDENCE_SOURCE
from ferryman.spec.flag_strategy import FLAG_STEP
from ferryman.spec.gate_table import APPROVAL
from ferryman.spec.nodes import ListNode, MapNode, Node
from ferryman.spec.parse import parse_release, parse_release_with_warnings
from ferryman.spec.reference import example_title
from ferryman.spec.report import Report
from ferryman.spec.shapes import Keys, section
from ferryman.spec.special import CHECK, TESTER
from ferryman.spec.steps import BESIDE_WEIGHT, FORMS
from ferryman.spec.steps import FLAG_STEP as FLAG_STEP_KEYS
from ferryman.spec.strategy_table import KINDS
from ferryman.spec.table import ROOT

WARNED = {"blue-green-by-hand": ["weak_health"], "recreate": ["downtime"]}


@pytest.mark.parametrize("name", example_names())
def test_an_example_is_a_release_without_a_blemish(name: str) -> None:
    release, warnings = parse_release_with_warnings(example(name), f"{name}.yaml")
    assert release.command or isinstance(release.strategy, FlagExposure)
    assert [w.code for w in warnings] == WARNED.get(name, [])


@pytest.mark.parametrize("name", example_names())
def test_an_example_says_what_it_shows(name: str) -> None:
    assert example_title(name).endswith(".")


def test_an_unknown_example_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no example `canry`") as caught:
        example("canry")
    assert caught.value.hint == "did you mean `canary`?"


def test_examples_and_table_know_the_same_keys() -> None:
    written: set[str] = set()
    for name in example_names():
        written |= keys_written(load(example(name), Report(name)), "")
    assert written == keys_known()


def keys_written(node: Node, path: str) -> set[str]:
    """Paths of all keys, with list indices left out; free maps end the path."""
    if isinstance(node, ListNode):
        return {key for item in node.items for key in keys_written(item, path + "[]")}
    if not isinstance(node, MapNode) or path in {"run.env", "analysis.options", "traffic.sticky"}:
        return set()
    found: set[str] = set()
    for name, entry in node.entries.items():
        below = f"{path}.{name}" if path else name
        found |= {below} | keys_written(entry.node, below)
    return found


def keys_below(keys: Keys, path: str) -> set[str]:
    found: set[str] = set()
    for key in keys.keys:
        where = f"{path}.{key.name}" if path else key.name
        inner = section(key.kind)
        found |= {where} | (keys_below(inner, where) if inner else set())
    return found


def keys_known() -> set[str]:
    steps = "strategy.canary.steps[]"
    known = keys_below(ROOT, "") | keys_below(Keys("", "", KINDS), "strategy") | keys_below(TESTER, "traffic.testers[]")
    known |= {f"{steps}.{key.name}" for key in (*FORMS, *BESIDE_WEIGHT)}
    known |= {f"{steps}.{form}.{name}" for form, name in (("header", "name"), ("header", "value"), ("cookie", "name"))}
    known |= keys_below(FLAG_STEP_KEYS, f"{steps}.flag")
    known |= {f"{steps}.check.name", f"{steps}.check.http", f"{steps}.check.webhook", f"{steps}.check.timeout"}
    known |= (
        keys_below(CHECK, "strategy.blueGreen.checksBefore[]")
        | keys_below(APPROVAL, "approvals.promotion")
        | keys_below(WINDOWS, "windows")
    )
    known |= keys_below(WINDOW, "windows.open[]") | keys_below(WINDOW, "windows.offHours[]")
    grows = "strategy.flag.steps[]"
    known |= {f"{grows}.{key.name}" for form in FLAG_STEP.forms for key in (form, *FLAG_STEP.beside.get(form.name, ()))}
    known |= keys_below(EVIDENCE_SOURCE, "analysis.source") | {"analysis.source.prometheus.token.env"}
    known -= {f"analysis.source.prometheus.{name}" for name in ("user", "password")}  # instead of a token
    known -= {f"{grows}.check"}  # as in a canary
    known |= {"approvals.start.count", "approvals.start.role"}
    return known | {"strategy.blueGreen.checksAfter[].name", "strategy.blueGreen.checksAfter[].http"}


def release_of(name: str):
    return parse_release(example(name), name)


def weights(name: str) -> list[tuple[float, float | None, bool]]:
    strategy = release_of(name).strategy
    assert isinstance(strategy, Canary)
    return [(s.percent, s.hold_seconds, s.analyse) for s in strategy.steps if isinstance(s, SetWeight)]


def grown(name: str) -> list[object]:
    strategy = release_of(name).strategy
    assert isinstance(strategy, FlagExposure)
    return [
        s.percent if isinstance(s, SetWeight) else s.segment
        for s in strategy.steps
        if isinstance(s, SetWeight | Audience)
    ]


def test_the_least_is_a_canary_with_all_defaults() -> None:
    release = release_of("minimal")
    assert release.strategy == Canary()
    assert (release.service, release.label, release.replicas) == ("shop", None, 1)
    assert release.command == ("python3", "-m", "shop", "--port", "{port}")
    assert release.routing.router == "envoy"


def test_the_full_example_is_all_defaults() -> None:
    """What it writes out is what it would get by saying nothing."""
    full, minimal = release_of("full"), release_of("minimal")
    assert full.strategy == minimal.strategy
    assert full.deadlines.progress_seconds == minimal.deadlines.progress_seconds
    assert full.analysis.limits.p95_ms == 500.0
    assert full.analysis.min_wait_seconds == minimal.analysis.min_wait_seconds


def test_a_worker_has_no_router() -> None:
    release = release_of("worker")
    assert (release.routing.router, release.routing.port) == ("none", None)
    assert release.strategy == Rolling()
    assert release.stop_seconds == 120.0


def test_every_kind_of_step() -> None:
    strategy = release_of("canary-steps").strategy
    assert isinstance(strategy, Canary)
    assert [type(step) for step in strategy.steps] == [
        Scale, RunCheck, Route, Pause, Route, Route, Scale,
        SetWeight, SetWeight, SetFlag, SetWeight, Analyse, SetWeight, Pause, SetWeight,
    ]  # fmt: skip
    assert [s for s in strategy.steps if isinstance(s, Scale)] == [Scale(Amount(1)), Scale(None)]
    assert [s for s in strategy.steps if isinstance(s, Route)] == [
        Route("header", "X-Employee", "yes"),
        Route("header"),
        Route("cookie", "beta"),
    ]
    assert weights("canary-steps") == [
        (5.0, 300.0, True),
        (12.5, 900.0, False),
        (25.0, None, False),
        (50.0, None, False),
        (100.0, None, False),
    ]
    assert strategy.stable == "dynamic"


def test_the_strategies_of_the_seed() -> None:
    rolling = release_of("seed-rolling")
    assert rolling.replicas == 6
    assert rolling.strategy == Rolling(max_surge=Amount(1), max_unavailable=Amount(1))
    assert release_of("seed-ecs").strategy == Rolling(None, None, 50.0, 200.0)
    assert [w for w, _, _ in weights("seed-canary")] == [5, 10, 50, 100]
    assert weights("seed-canary-rules") == [(5, 600, True), (25, 600, True), (50, 600, True), (100, None, False)]
    assert release_of("seed-canary-rules").analysis.judge == "seed-rules"
    assert release_of("seed-testers").routing.testers == (Route("cookie", "canary", "true"),)
    assert [w for w, _, _ in weights("seed-netflix")] == [1, 5, 10, 25, 50, 100]
    assert grown("seed-facebook") == ["employees", 1, 5, 50, 100]
    assert grown("seed-feature-flag") == [10, 25, 50, 100]
    assert [w for w, _, _ in weights("seed-google")] == [1, 10, 50, 100]
    for name in ("seed-blue-green", "seed-amazon"):
        strategy = release_of(name).strategy
        assert isinstance(strategy, BlueGreen)
        assert strategy.checks_before


def test_recreate_needs_its_words() -> None:
    assert release_of("recreate").strategy == Recreate()


def test_old_versions_may_stay_for_good() -> None:
    strategy = release_of("blue-green-by-hand").strategy
    assert isinstance(strategy, BlueGreen)
    assert strategy.scale_down_delay_seconds is None
    assert not strategy.auto_promote
