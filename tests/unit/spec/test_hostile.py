"""Whatever the text, parsing ends soon, with a release or a `SpecError` that has places."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.analysis.registry import JUDGES
from ferryman.model.errors import Problem, SpecError
from ferryman.model.release import Canary, Release, SetWeight
from ferryman.spec.catalog import example, example_names
from ferryman.spec.document import BOUNDS
from ferryman.spec.parse import parse_release, parse_release_with_warnings
from ferryman.spec.revision import make_revision

MINIMAL = example("minimal")
PIECES = [
    "[", "]", "{", "}", ":", "- ", "\n", "  ", "\t", "#", "&a ", "*a", "<<: ", "!!x ", "%YAML 1.1\n", "---\n", "...\n",
    '"', "'", "|", ">", "? ", ", ", ".inf", "1e999", "null", "true", "2024-01-01", "0x", "\x00", "\ufeff", "\r", "\\ud800",
    "\x85", "9" * 30,
]  # fmt: skip
WORDS = [
    "service",
    "run",
    "command",
    "steps",
    "canary",
    "strategy",
    "weight",
    "hold",
    "pause",
    "10m",
    "25%",
    "5",
    "rolling",
]


def outcome(text: str) -> Release | SpecError:
    try:
        release, warnings = parse_release_with_warnings(text, "f.yaml")
    except SpecError as refused:
        error = refused
    else:
        return accepted(release, warnings)
    # Everything that counts as the end of a line somewhere.
    ends = sum(text.count(end) for end in ("\n", "\r", "\x85", "\u2028", "\u2029"))
    assert error.problems
    for problem in error.problems:
        assert problem.code == "too_many" or 1 <= problem.line <= ends + 2, problem
        assert problem.file == "f.yaml"
    str(error).encode()
    return error


def accepted(release: Release, warnings: tuple[Problem, ...]) -> Release:
    assert all(w.line >= 1 and w.severity == "warning" for w in warnings)
    make_revision(release, None, 1)
    if isinstance(release.strategy, Canary):
        weights = [s.percent for s in release.strategy.steps if isinstance(s, SetWeight)]
        assert weights == sorted(set(weights))
        assert weights[-1] == 100.0
    return release


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_characters(text: str) -> None:
    try:
        parse_release(text, "f")
    except SpecError:
        return


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=40))
def test_any_pieces_of_yaml(pieces: list[str]) -> None:
    outcome("".join(pieces))


@given(st.data())
def test_an_example_with_changes(data: st.DataObject) -> None:
    """Cut out, doubled or overwritten lines and stretches of a good file: close to what people do to one."""
    text = example(data.draw(st.sampled_from(example_names())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        until = data.draw(st.integers(at, min(len(text), at + 30)))
        put = data.draw(
            st.one_of(st.just(""), st.just(text[at:until] * 2), st.sampled_from(PIECES), st.text(max_size=5))
        )
        text = text[:at] + put + text[until:]
    outcome(text)


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
        st.sampled_from(["10m", "25%", "never", "match", "/healthz", "cookie", "recreate", "i-accept-downtime", "1h30m"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from([*WORDS, "name", "http", "port", "value"]), inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.deadline(900)
@given(st.data())
def test_any_value_anywhere(data: st.DataObject) -> None:
    """Each key of the whole example takes any value without a surprise."""
    lines = example("full").splitlines()
    at = data.draw(st.sampled_from([n for n, line in enumerate(lines) if ":" in line and not line.startswith("#")]))
    key = lines[at].partition(":")[0]
    value = json.dumps(data.draw(values), ensure_ascii=True)
    lines[at] = f"{key}: {value}"
    outcome("\n".join(lines))


@pytest.mark.deadline(900)
@given(st.data())
def test_any_options_of_a_judge(data: st.DataObject) -> None:
    """Options reach the judge as they are: whatever it is given, it refuses them as a problem of the file."""
    name = data.draw(st.sampled_from(sorted(JUDGES)))
    names = [*JUDGES[name].options, "error_rate", "judge"]
    figures = st.dictionaries(
        st.sampled_from(["error_rate", "p95_ms", "direction", "critical", "x"]), values, max_size=2
    )
    given_options = data.draw(
        st.dictionaries(st.sampled_from(names), st.one_of(values, figures, CONDITIONS), max_size=3)
    )
    outcome(MINIMAL + "analysis: " + json.dumps({"judge": name, "options": given_options}))


CONDITIONS = st.lists(
    st.sampled_from(["error_rate", "<", ">", "=", "0.1", "x", "-", "(", " ", "p95_ms"]), max_size=5
).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{c}: &{c} [{', '.join([f'*{b}'] * 9)}]\n" for b, c in zip("abcdefgh", "bcdefghi", strict=True)),
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(200)),
        "a0: &a0 {k: v}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: *a{n}, k{n}: *a{n}}}\n" for n in range(40)),
        "[" * 3000,
        "{a: " * 3000,
        "- " * 3000,
        "? " * 3000,
        "a: " + "&x " * 3000,
        "&a [*a]",
        "service: " + "x" * (BOUNDS.characters - 20),
        "[" + "1," * (BOUNDS.characters // 2 - 2) + "]",
        "\n".join(f"key{n}: {n}" for n in range(8000)),
        "strategy: {canary: {steps: [" + "1, " * 30000 + "]}}",
        "'" + "\\" * 50000,
        '"' + "\\n" * 50000 + '"',
        "%" * 3000,
        "!" * 3000,
        "|" + "9" * 500,
        "%YAML 9999999999999999999999.1\n---\na: 1",
        "%TAG ! tag:x,2000:\n---\na: !b c",
        'a: "\\UFFFFFFFF"',
        'a: "\\U00110000"',
        "a: \U0001f600: b",
        "\ufeff\ufeffa: 1",
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_hostile_text(text: str) -> None:
    before = time.process_time()
    assert isinstance(outcome(text), SpecError)
    assert time.process_time() - before < 20.0


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace("\n", "\r\n"),
        "\ufeff" + MINIMAL,
        "---\n" + MINIMAL,
        "%YAML 1.2\n---\n" + MINIMAL,
        MINIMAL + "...\n",
        MINIMAL.replace("\n", "\n\n# note\n"),
        MINIMAL.rstrip("\n"),
    ],
    ids=["crlf", "bom", "marker", "version", "end", "comments", "no newline at the end"],
)
def test_harmless_forms_are_the_same(text: str) -> None:
    assert parse_release(text, "f") == parse_release(MINIMAL, "f")


def test_yaml_1_2_has_no_surprises() -> None:
    text = MINIMAL.replace(
        "run:", "version: no\nreplicas: 010\nrun:\n  env: {A: off, B: 1:30, C: yes, D: 1_000, E: 0o17x}"
    )
    release = parse_release(text, "f")
    assert (release.label, release.replicas) == ("no", 10)
    assert release.env == {"A": "off", "B": "1:30", "C": "yes", "D": "1_000", "E": "0o17x"}


def test_anchors_and_merges_work() -> None:
    text = """
service: shop
run: {command: ./shop}
traffic: {port: 80}
health: &health {http: &path /ok, interval: 1s}
strategy:
  blueGreen:
    checksBefore:
      - &check {name: one, http: *path, timeout: 3s}
      - {<<: *check, name: two}
      - {<<: [{name: three}, *check]}
"""
    checks = getattr(parse_release(text, "f").strategy, "checks_before", ())
    assert [(c.name, c.http_path, c.timeout_seconds) for c in checks] == [
        ("one", "/ok", 3.0),
        ("two", "/ok", 3.0),
        ("three", "/ok", 3.0),
    ]


def test_a_problem_in_an_alias_has_the_place_of_its_anchor() -> None:
    text = "service: shop\nrun: {command: ./shop, stopTimeout: &t 10}\ndeadlines: {progress: *t}\n"
    with pytest.raises(SpecError) as caught:
        parse_release(text, "f")
    assert [(p.line, p.column, p.path) for p in caught.value.problems] == [
        (2, 37, "deadlines.progress"),
        (2, 37, "run.stopTimeout"),
    ]
