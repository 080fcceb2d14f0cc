"""Flags files: the example has every key, and what is wrong is told with its place."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.flags.check import check_set
from ferryman.flags.definition import Hash, Namespace, Rollout, Share
from ferryman.model.errors import SpecError
from ferryman.spec.document import load
from ferryman.spec.flag_table import FLAGS_FILE, SECTIONS
from ferryman.spec.flags import BOUNDS, flags_example, flags_schema_text, parse_flags
from ferryman.spec.flags_reference import flags_markdown
from ferryman.spec.nodes import ListNode, MapNode, Node
from ferryman.spec.report import Report

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
HEAD = """\
flags:
  new:
    kind: release
    owner: shop
    expires: 2027-03-31
    variants: {on: true, off: false}
    off: off
"""
OPS = """\
flags:
  new:
    kind: ops
    variants: {on: true, off: false}
    off: off
    breaker: """


def problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as caught:
        parse_flags(text, "f.yaml")
    return [(f"{p.line}:{p.column}", p.path, p.message) for p in caught.value.problems]


def test_the_example_is_right_and_has_no_blemish() -> None:
    document = parse_flags(flags_example(), "flags.yaml")
    assert not list(check_set(document.defined, "prod"))
    assert not document.warnings(dt.date(2026, 12, 1))
    assert {flag.kind.value for flag in document.defined.flags.values()} == {
        "release",
        "ops",
        "experiment",
        "permission",
    }


def test_the_example_has_every_key() -> None:
    written: set[str] = set()
    waiting: list[Node] = [load(flags_example(), Report("f"), BOUNDS)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, MapNode):
            written |= set(node.entries)
            waiting += [entry.node for entry in node.entries.values()]
        elif isinstance(node, ListNode):
            waiting += node.items
    assert {key.name for keys in (FLAGS_FILE, *SECTIONS) for key in keys.keys} <= written


def test_what_is_left_out_follows_from_the_flag() -> None:
    flag = parse_flags(HEAD + "    rollout: {exposure: 10}\n", "f").defined.flags["new"]
    assert flag.rollout == Rollout("new", (Share("on", 100.0),), 10.0, "targetingKey", Hash.V3)
    space = "    rollout: {namespace: {name: n, from: 0, to: 50}, split: {on: 100}}\n"
    flag = parse_flags(HEAD.replace("release", "experiment") + space, "f").defined.flags["new"]
    assert flag.rollout is not None
    assert (flag.rollout.seed, flag.rollout.namespace) == ("n", Namespace("n", 0.0, 50.0))


def test_the_order_of_a_split_is_that_of_the_file() -> None:
    text = HEAD.replace("{on: true, off: false}", "{z: 1, a: 2, off: 0}") + "    rollout: {split: {z: 40, a: 60}}\n"
    rollout = parse_flags(text, "f").defined.flags["new"].rollout
    assert rollout is not None
    assert [share.variant for share in rollout.split] == ["z", "a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "    colour: red\n", ("8:5", "flags.new.colour", "there is no key `colour` here")),
        (HEAD + "    off: on\n", ("8:5", "flags.new.off", "the key `off` stands twice: in line 7 and again in line 8")),
        (HEAD.replace("    off: off\n", ""), ("3:5", "flags.new.off", "`off` is missing")),
        (HEAD.replace("off: false", "off: 0"), ("6:31", "flags.new.variants.off", "`off` is a number and `on` a boolean")),
        (HEAD.replace("  new:", "  a/b:"), ("2:3", "flags.a/b", "`a/b` cannot be the name of a flag")),
        (HEAD.replace("  new:", "  a b:"), ("2:3", "flags.a b", "`a b` cannot be the name of a flag")),
        (
            HEAD + "    rollout: {split: {on: 60}}\n",
            ("8:15", "flags.new.rollout.split", "the split sums to 60, not to 100"),
        ),
        (
            HEAD + "    rollout: {exposure: 120}\n",
            ("8:25", "flags.new.rollout.exposure", "`120` is outside 0 to 100"),
        ),
        (
            HEAD + "    rules:\n      - when: 'country ='\n        serve: on\n",
            ("9:15", "flags.new.rules[0].when", "`=` is not understood here (character 9)"),
        ),
        (
            HEAD + "segments: {staff: '('}\n",
            ("8:19", "segments.staff", "a value should stand here, and the condition ends (character 2)"),
        ),
        (OPS + "{metric: error_percnt, above: 5, for_seconds: 30, recover_seconds: 60}\n",
         ("6:23", "flags.new.breaker.metric",
          "`error_percnt` is none of error_percent, p50_ms, p95_ms, p99_ms, requests_per_second")),
        (OPS + "{metric: p99_ms, query: up, above: 5, for_seconds: 30, recover_seconds: 60}\n",
         ("6:31", "flags.new.breaker", "`metric` and `query` exclude each other")),
        (OPS + "{above: 5, for_seconds: 30, recover_seconds: 60}\n",
         ("6:14", "flags.new.breaker", "`metric` or `query` is missing")),
        (OPS + "{query: 'up{a=\"{{flag}}\"}', above: 5, for_seconds: 30, recover_seconds: 60}\n",
         ("6:22", "flags.new.breaker.query", "there is nothing to fill in here")),
        (OPS + "{metric: p99_ms, above: 5, for_seconds: 30, recover_seconds: 1}\n",
         ("6:75", "flags.new.breaker.recover_seconds", "`1` is outside 10 to 604800")),
        (HEAD + "    breaker: {metric: p99_ms, above: 5, for_seconds: 30, recover_seconds: 60}\n",
         ("8:5", "flags.new.breaker", "a flag of kind release has no breaker")),
        (HEAD + "    rollout: {namespace: {name: n, from: 0, to: 9}, seed: x}\n",
         ("8:59", "flags.new.rollout.seed", "`namespace` and `seed` exclude each other")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, expected: tuple[str, str, str]) -> None:
    assert expected in problems(text)


def test_a_file_of_ten_megabytes_is_refused_at_once() -> None:
    assert problems("flags:\n" + "  x: y\n" * 1_500_000)[0][2].endswith(f"the limit is {BOUNDS.characters}")


def test_what_must_hold_between_flags_has_places_too() -> None:
    document = parse_flags(HEAD + "    needs: [{flag: other, is: on}]\n", "f.yaml")
    problem = document.problems(check_set(document.defined, "prod"))[0]
    assert (problem.line, problem.column, problem.message) == (8, 20, "there is no flag `other`")


def test_circles_have_places_and_their_way() -> None:
    text = """flags:
  one: {kind: ops, variants: {on: true, off: false}, off: off, needs: [{flag: two, is: on}]}
  two: {kind: ops, variants: {on: true, off: false}, off: off, needs: [{flag: one, is: on}],
        rules: [{when: 'segment("a")', serve: on}]}
segments:
  a: 'segment("b")'
  b: 'x == 1 or segment("a")'
"""
    document = parse_flags(text, "f.yaml")
    found = {
        p.path: (p.file, p.line, p.column, p.message) for p in document.problems(check_set(document.defined, "prod"))
    }
    assert found["flags.one.needs"][:3] == ("f.yaml", 2, 64)
    assert "one -> two -> one" in found["flags.one.needs"][3]
    assert found["segments.a"][:3] == ("f.yaml", 6, 6)
    assert "a -> b -> a" in found["segments.a"][3]


def test_warnings_name_what_is_doubtful() -> None:
    text = (
        HEAD
        + "    rollout: {hash: v2}\n    rules:\n      - {logic: {regex: [{var: a}, x]}, serve: on}\nsegments: {s: beta}\n"
    )
    codes = [problem.code for problem in parse_flags(text, "f").warnings(dt.date(2027, 4, 1))]
    assert sorted(codes) == ["expired", "not_portable", "old_hash", "unused"]


@pytest.mark.parametrize(("name", "text"), [("flags.schema.json", flags_schema_text), ("flags.md", flags_markdown)])
def test_the_reference_is_that_of_the_table(request: pytest.FixtureRequest, name: str, text: Callable[[], str]) -> None:
    if request.config.getoption("--rewrite"):
        (REFERENCE / name).write_text(text(), encoding="utf-8")
    assert (REFERENCE / name).read_text(encoding="utf-8") == text(), "run: pytest tests/unit/spec --rewrite"
