"""Durations, steps, warnings, the file that `ferry init` writes, and what makes a revision."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.model.errors import SpecError
from ferryman.model.release import Canary, Release, SetWeight
from ferryman.spec.durations import PATTERN, format_duration, parse_duration
from ferryman.spec.lint import WARNINGS, lint
from ferryman.spec.parse import parse_release, parse_release_with_warnings
from ferryman.spec.revision import make_revision
from ferryman.spec.template import init_template

HEAD = "service: shop\nrun: {command: ./shop}\n"
SERVED = HEAD + "health: {http: /}\ntraffic: {port: 80}\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5), ("30s", 30), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("2d", 172800), ("0s", 0),
        ("1.5s", 1.5), ("0.5ms", 0.0005), ("1m500ms", 60.5), ("5ms", 0.005), ("1d1h1m1s1ms", 90061.001),
    ],
)  # fmt: skip
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "5 s", "-5s", "5S", "30m1h", "1h1h", "1.h", ".5s", "5sec", "٥s", "1e3s", "9" * 70 + "s", "5s\n"],
)
def test_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.integers(0, 400 * 86_400_000))
def test_a_duration_is_written_as_it_is_read(milliseconds: int) -> None:
    text = format_duration(milliseconds / 1000)
    assert re.match(PATTERN, text)
    assert round((parse_duration(text) or 0) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("600", "did you mean `600s`?"), ("5 min", "did you mean `5m`?"), ("2 hours", "did you mean `2h`?"),
        ("10 Seconds", "did you mean `10s`?"), ("1day", "did you mean `1d`?"), ("soon", "write it as 500ms, 30s, 10m or 1h30m"),
    ],
)  # fmt: skip
def test_a_wrong_duration_gets_a_hint(written: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_release(HEAD + f"deadlines: {{progress: {written}}}", "x")
    assert caught.value.problems[0].hint == hint


def steps(text: str) -> list[object]:
    strategy = parse_release(SERVED + f"strategy: {{canary: {text}}}", "x").strategy
    assert isinstance(strategy, Canary)
    return list(strategy.steps)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", [(5, 600, True), (25, 600, True), (50, 600, True), (100, None, False)]),
        ("{hold: 30s}", [(5, 30, True), (25, 30, True), (50, 30, True), (100, None, False)]),
        ("{preset: standard}", [(5, 600, True), (25, 600, True), (50, 600, True), (100, None, False)]),
        ("{steps: [10]}", [(10, 600, True), (100, None, False)]),
        ("{steps: [100]}", [(100, None, False)]),
        ("{steps: [0.1, 99.9]}", [(0.1, 600, True), (99.9, 600, True), (100, None, False)]),
        ("{steps: [5, {pause: {}}]}", [(5, None, False), (100, None, False)]),
        ("{steps: [5, {analyse: 1m}]}", [(5, None, False), (100, None, False)]),
        ("{steps: [{weight: 5, hold: 3s}, {pause: {}}]}", [(5, 3, False), (100, None, False)]),
        ("{steps: [{weight: 5, analysis: true}, {pause: {}}]}", [(5, None, True), (100, None, False)]),
        ("{steps: [{weight: 5, analysis: false}]}", [(5, 600, False), (100, None, False)]),
        ("{steps: [5, {scale: 2}, {pause: {}}]}", [(5, 600, True), (100, None, False)]),
        ("{steps: [{pause: 3s}]}", [(100, None, False)]),
    ],
)
def test_what_a_weight_waits_for(written: str, expected: list[tuple[float, float | None, bool]]) -> None:
    found = [(s.percent, s.hold_seconds, s.analyse) for s in steps(written) if isinstance(s, SetWeight)]
    assert found == expected


def test_the_default_strategy_is_that_of_the_model() -> None:
    assert steps("{}") == list(Canary().steps)
    for bare in ("strategy: canary\n", "strategy: {canary: }\n", ""):
        assert parse_release(HEAD + bare, "x").strategy == Canary()


def test_words_for_the_end_of_the_old_version() -> None:
    for written, seconds in (("never", None), ("immediately", 0.0), ("0s", 0.0), ("1h", 3600.0)):
        strategy = parse_release(HEAD + f"strategy: {{canary: {{scaleDownDelay: {written}}}}}", "x").strategy
        assert isinstance(strategy, Canary)
        assert strategy.scale_down_delay_seconds == seconds


def test_analysis_may_be_off() -> None:
    assert not parse_release(HEAD + "analysis: false", "x").analysis.enabled
    assert parse_release(HEAD + "analysis: true", "x").analysis == parse_release(HEAD, "x").analysis


def test_options_reach_the_judge_as_they_are() -> None:
    text = "analysis: {judge: betting, options: {alpha: 0.05, metrics: [errors, latency], delta: null}}"
    options = parse_release(HEAD + text, "x").analysis.options
    assert options == {"alpha": 0.05, "metrics": ["errors", "latency"], "delta": None}


CASES = [
    ("no_files", "service: a\nrun: {command: python3 app.py}", "run.command"),
    ("shell_syntax", "service: a\nrun: {command: 'x | y'}", "run.command"),
    ("shell_syntax", "service: a\nrun: {command: x $HOME}", "run.command"),
    ("unknown_placeholder", "service: a\nrun: {command: 'x {PORT}'}", "run.command"),
    ("plain_secret", "service: a\nrun: {command: x, env: {DB_PASSWORD: hunter2}}", "run.env.DB_PASSWORD"),
    ("open_host", HEAD + "health: {http: /}\ntraffic: {port: 80, host: 192.0.2.1}", "traffic.host"),
    ("weak_health", HEAD + "health: {tcp: true}\ntraffic: {port: 80}", "health.tcp"),
    ("weak_health", HEAD + "health: {http: /, minReady: 0s}", "health.minReady"),
    ("no_analysis", HEAD + "analysis: false", "analysis.enabled"),
    ("no_analysis", HEAD + "analysis: false\nstrategy: blueGreen", "strategy.blueGreen"),
    ("no_bake", HEAD + "strategy: {canary: {bake: 0s}}", "strategy.canary.bake"),
    ("slow_return", HEAD + "strategy: {blueGreen: {keepOld: 0}}", "strategy.blueGreen.scaleDownDelay"),
    ("short_hold", HEAD + "strategy: {canary: {hold: 500ms, steps: [5]}}", "strategy.canary.steps[0]"),
    ("no_weights", HEAD + "strategy: {canary: {steps: [100]}}", "strategy.canary.steps"),
    ("downtime", HEAD + "strategy: {recreate: i-accept-downtime}", "strategy.recreate"),
    ("no_undo", HEAD + "undoWindow: 0", "undoWindow"),
]


@pytest.mark.parametrize(("code", "text", "path"), CASES)
def test_a_warning(code: str, text: str, path: str) -> None:
    _, warnings = parse_release_with_warnings(text, "f.yaml")
    assert [(w.code, w.path, w.severity) for w in warnings] == [(code, path, "warning")]
    assert warnings[0].line >= 1
    assert warnings[0].hint
    assert "hunter2" not in str(warnings[0])


def test_every_warning_is_tested() -> None:
    assert {case[0] for case in CASES} == WARNINGS.keys()


def test_a_good_file_has_no_warning() -> None:
    assert lint(parse_release(SERVED, "x")) == ()
    for command in ("python3 app.py", "python3 ./app.py", "python3 src/app.py", "sh -c 'a | b'", "x '{json}'"):
        text = f'service: a\nrun: {{command: "{command}", files: [app.py, src]}}'
        assert lint(parse_release(text, "x")) == (), command


@given(
    st.text(max_size=30),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=5),
    st.one_of(st.none(), st.integers(1, 65_535)),
    st.lists(st.sampled_from(["app.py", "a b", "x: y", "#1", "*", "templates/"]), max_size=3),
)
def test_a_new_file_means_what_was_asked(service: str, command: list[str], port: int | None, files: list[str]) -> None:
    command = [word or "x" for word in command]
    text = init_template(service, command, port, files=files)
    release = parse_release(text, "ferryman.yaml")
    assert list(release.command) == command
    assert release.routing.port == port
    assert list(release.files) == [name.rstrip("/") for name in files]
    assert max(len(line) for line in text.splitlines()) < 400


def test_a_new_file_has_no_surprises() -> None:
    text = init_template("My Shop!", ["python3", "app.py", "--port", "{port}"], 8080, files=["app.py"])
    release, warnings = parse_release_with_warnings(text, "ferryman.yaml")
    assert warnings == ()
    assert release.service == "my-shop"
    assert release.health_http_path == "/healthz"
    assert parse_release(init_template("a", ["x"], 80, health_path=None), "x").health_tcp
    worker = parse_release(init_template("a", ["x"]), "x")
    assert (worker.routing.router, worker.replicas) == ("none", 4)
    with pytest.raises(SpecError):
        init_template("a", ["x"], 0)


def test_the_hints_in_a_new_file_are_right() -> None:
    """Each line that is commented out works when the comment sign goes away."""
    text = init_template("shop", ["./shop"], 8080)
    opened = re.sub(
        r"^( *)# (?=(?:version|files|env|secrets|previewPort|sticky|testers): )", r"\1", text, flags=re.MULTILINE
    )
    release = parse_release(opened, "x")
    assert release.label == "v1"
    assert release.files == ("app.py",)
    assert release.secrets == ("DATABASE_URL",)
    assert release.routing.sticky_key == "cookie"
    assert release.routing.preview_port == 8081


def base() -> Release:
    return parse_release(SERVED + "version: v1\n", "x")


def test_a_revision_is_its_content() -> None:
    release = base()
    one = make_revision(release, "abc", 1)
    assert make_revision(release, "abc", 99) == one
    assert (one.id, one.label, one.traffic) == (one.digest[:12], "v1", True)
    assert re.fullmatch(r"[0-9a-f]{64}", one.digest)
    assert one.run.artifact == "abc"


@pytest.mark.parametrize(
    "change",
    [
        {"command": ("./other",)}, {"directory": "x"}, {"env": {"A": "b"}}, {"secrets": ("A",)}, {"stop_seconds": 1.0},
        {"health_http_path": "/x"}, {"health_tcp": True}, {"min_ready_seconds": 1.0}, {"label": "v2"}, {"label": None},
    ],
    ids=str,
)  # fmt: skip
def test_other_content_is_another_revision(change: dict[str, object]) -> None:
    assert make_revision(replace(base(), **change), None, 1).digest != make_revision(base(), None, 1).digest


@pytest.mark.parametrize(
    "change",
    [{"replicas": 9}, {"strategy": Canary(bake_seconds=1.0)}, {"undo_window": 9}, {"capacity_floor": 0.5}],
    ids=str,
)
def test_how_it_is_released_is_no_content(change: dict[str, object]) -> None:
    assert make_revision(replace(base(), **change), None, 1) == make_revision(base(), None, 1)


def test_order_and_artifact_of_content() -> None:
    one, two = replace(base(), env={"A": "1", "B": "2"}), replace(base(), env={"B": "2", "A": "1"})
    assert make_revision(one, None, 1).digest == make_revision(two, None, 1).digest
    assert make_revision(one, "x", 1).digest != make_revision(one, "y", 1).digest


def test_a_revision_without_a_label_is_numbered() -> None:
    release = replace(base(), label=None)
    assert make_revision(release, None, 7).label == "r7"
    assert make_revision(release, None, 7).digest == make_revision(release, None, 8).digest
    assert not make_revision(parse_release(HEAD, "x"), None, 1).traffic
