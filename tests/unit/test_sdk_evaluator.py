"""The evaluator of flags: what it answers and why, that nothing makes it raise, and that a change is one stroke.

Cases are from the public specification of flagd (flag definitions, custom operations, evaluation reasons and errors).
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from ferryman_flags import DefinitionError, ErrorCode, Evaluator, Reason, bound
from flag_worlds import flag, load, targeted


def test_each_type_and_its_reason() -> None:
    evaluator = Evaluator()
    evaluator.load(
        {
            "flags": {
                "yes": flag(True),
                "text": {"state": "ENABLED", "variants": {"a": "hi", "b": ""}, "defaultVariant": "b"},
                "count": {"state": "ENABLED", "variants": {"a": 10}, "defaultVariant": "a"},
                "share": {"state": "ENABLED", "variants": {"a": 0.5}, "defaultVariant": "a"},
                "form": {"state": "ENABLED", "variants": {"a": {"rows": [1, 2]}}, "defaultVariant": "a"},
            },
            "metadata": {"set": "all", "owner": "nobody"},
        }
    )
    assert evaluator.bool("yes", False) is True
    assert evaluator.string("text", "code") == ""
    assert evaluator.int("count", 1) == 10
    assert evaluator.float("share", 0.1) == 0.5
    assert evaluator.object("form", {}) == {"rows": [1, 2]}
    found = evaluator.details("yes", False)
    assert (found.value, found.variant, found.reason, found.error) == (True, "on", Reason.STATIC, None)
    assert found.metadata == {"set": "all", "owner": "nobody"}


def test_an_integer_serves_as_a_float_and_stays_no_boolean() -> None:
    evaluator = load(count={"state": "ENABLED", "variants": {"a": 10}, "defaultVariant": "a"}, yes=flag(True))
    value = evaluator.float("count", 0.5)
    assert (value, type(value)) == (10.0, float)
    for kind, default in (("integer", 1), ("float", 0.5), ("string", "s"), ("object", {})):
        found = evaluator.details("yes", default, kind=kind)  # pyright: ignore[reportArgumentType]
        assert (found.value, found.error) == (default, ErrorCode.TYPE_MISMATCH)
    assert evaluator.details("count", False).error is ErrorCode.TYPE_MISMATCH
    assert evaluator.details("count", None).value == 10, "no code default: any type"


@pytest.mark.parametrize(
    ("definition", "value", "variant", "reason", "error"),
    [
        (flag(True, state="DISABLED"), "code", None, "DISABLED", None),
        (flag(True, defaultVariant=None), "code", None, "DEFAULT", None),
        (flag(True, defaultVariant=""), "code", None, "DEFAULT", None),
        (flag(True, defaultVariant="gone"), "code", None, "ERROR", "GENERAL"),
        (flag(True, variants={"true": True}, defaultVariant=True), True, "true", "STATIC", None),
        (flag(True, targeting={}), True, "on", "STATIC", None),
        (targeted({"if": [True, "on"]}), True, "on", "TARGETING_MATCH", None),
        (targeted({"if": [False, "on"]}), False, "off", "DEFAULT", None),
        (targeted({"if": [False, "on"]}, default=None), "code", None, "DEFAULT", None),
        (targeted({"==": [1, 1]}, {"true": True, "false": False}, "false"), True, "true", "TARGETING_MATCH", None),
        (targeted({"if": [True, "gone"]}), "code", None, "ERROR", "GENERAL"),
        (targeted({"/": [1, 0]}), "code", None, "ERROR", "GENERAL"),
        (targeted({"nobody": [1]}), "code", None, "ERROR", "PARSE_ERROR"),
        (targeted({"if": [True, "on", {"nobody": [1]}]}), True, "on", "TARGETING_MATCH", None),
        (targeted("on"), "code", None, "ERROR", "PARSE_ERROR"),
        (targeted({"$ref": "nobody"}), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, state="MAYBE"), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, state=[]), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, variants={}), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, variants=[1]), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, defaultVariant=3), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, metadata={"a": {}}), "code", None, "ERROR", "PARSE_ERROR"),
        (flag(True, metadata={"ferryman.hash": "v1"}), "code", None, "ERROR", "PARSE_ERROR"),
        ([], "code", None, "ERROR", "PARSE_ERROR"),
        (None, "code", None, "ERROR", "PARSE_ERROR"),
    ],
)
def test_what_a_definition_gives(definition: Any, value: Any, variant: Any, reason: str, error: str | None) -> None:
    evaluator = load(**{"the flag": definition, "beside": flag(True)})
    code_default = not value if isinstance(value, bool) else True
    found = evaluator.details("the flag", code_default)
    expected = code_default if value == "code" else value
    assert (found.value, found.variant, found.reason, found.error) == (expected, variant, reason, error)
    assert evaluator.bool("the flag", code_default) is expected
    assert evaluator.bool("beside", False), "the others work"
    assert bool(evaluator.snapshot.problems()) == (error == "PARSE_ERROR" and not (definition or {}).get("targeting"))


def test_an_evaluator_needs_no_network() -> None:
    code = "import sys, ferryman_flags; print(sorted({'http.client', 'ssl', 'socket', 'asyncio'} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_flag_that_is_not_there() -> None:
    found = load().details("gone", 7)
    assert (found.value, found.error, found.reason) == (7, ErrorCode.FLAG_NOT_FOUND, Reason.ERROR)
    assert "gone" in found.message


@pytest.mark.parametrize(
    "document", ["", "{", "[]", "3", b"\xff", "[" * 100_000, '{"flags": []}', '{"flags": {}, "metadata": 3}']
)
def test_a_document_that_is_none_changes_nothing(document: str | bytes) -> None:
    evaluator = load(a=flag(True))
    with pytest.raises(DefinitionError):
        evaluator.load(document)
    assert evaluator.bool("a", False)


@pytest.mark.parametrize(
    ("version", "operator", "other", "expected"),
    [
        ("2.0.0", "=", "2.0.0", True),
        ("2.0.0", "!=", "2.0.0", False),
        ("2.0.0-alpha", "<", "2.0.0", True),
        ("2.0.0-alpha.2", "<", "2.0.0-alpha.10", True),
        ("2.0.0-1", "<", "2.0.0-a", True),
        ("2.0.0-a", "<", "2.0.0-a.1", True),
        ("10.0.0", ">", "9.0.0", True),
        ("v1.0.0", "=", "1", True),
        ("1.2", ">=", "1.2.0", True),
        ("1.0.0+a", "=", "1.0.0+b", True),
        ("3.0.9", "~", "3.0.0", True),
        ("3.1.0", "~", "3.0.0", False),
        ("3.9.0", "^", "3.0.0", True),
        ("4.0.0", "^", "3.0.0", False),
        ("2.0.0.0", "=", "2.0.0", None),
        ("01.0.0", "=", "1.0.0", None),
        ("1.0.0", "===", "1.0.0", None),
        ("one", "=", "1.0.0", None),
        ("1" * 300, "=", "1.0.0", None),
    ],
)
def test_versions(version: str, operator: str, other: str, expected: bool | None) -> None:
    rule = {"sem_ver": [{"var": "version"}, operator, other]}
    evaluator = load(
        a=targeted({"if": [{"===": [rule, None]}, "null", rule, "yes", "no"]}, {n: n for n in ("null", "yes", "no")})
    )
    found = evaluator.string("a", "code", {"version": version})
    assert found == {None: "null", True: "yes", False: "no"}[expected]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"regex": [{"var": "mail"}, "@example\\.com$"]}, True),
        ({"regex": [{"var": "mail"}, "("]}, False),
        ({"regex": [{"var": "age"}, "4"]}, False),
        ({"regex": [{"var": "long"}, "x"]}, False),
        ({"cidr": [{"var": "ip"}, "10.0.0.0/8"]}, True),
        ({"cidr": [{"var": "ip"}, ["192.168.0.0/16", "10.1.0.0/16"]]}, True),
        ({"cidr": [{"var": "ip"}, "fd00::/8"]}, False),
        ({"cidr": [{"var": "mail"}, "10.0.0.0/8"]}, False),
        ({"cidr": [{"var": "ip"}, ["10.0.0.0/8", "nonsense"]]}, False),
        ({"date": [{"var": "born"}, "<", "2000-01-01"]}, True),
        ({"date": ["2026-01-01T00:00:00+02:00", "<", "2025-12-31T23:00:00Z"]}, True),
        ({"date": [{"var": "$flagd.timestamp"}, ">", 1_700_000_000]}, True),
        ({"date": [{"var": "$flagd.timestamp"}, "=", "2000-01-01"]}, False),
        ({"date": [{"var": "mail"}, "<", "2000-01-01"]}, False),
    ],
)
def test_our_own_operators(rule: Any, expected: bool) -> None:
    context = {"mail": "a@example.com", "age": 41, "ip": "10.1.2.3", "born": "1999-12-31T23:59:59Z", "long": "x" * 5000}
    assert load(a=targeted({"if": [rule, "on", "off"]})).bool("a", not expected, context) is expected


def test_references_stand_for_rules_also_in_one_another() -> None:
    document = {
        "flags": {
            "a": targeted({"if": [{"$ref": "staff"}, "on"]}),
            "b": targeted({"if": [{"$ref": "round"}, "on"]}),
            "c": flag(True),
        },
        "$evaluators": {
            "domain": {"ends_with": [{"var": "mail"}, "@example.com"]},
            "staff": {"and": [{"$ref": "domain"}, {"!": {"var": "left"}}]},
            "round": {"!": {"$ref": "about"}},
            "about": {"!": {"$ref": "round"}},
        },
    }
    evaluator = Evaluator()
    evaluator.load(document)
    assert evaluator.bool("a", False, {"mail": "x@example.com"})
    assert not evaluator.bool("a", True, {"mail": "x@example.com", "left": True})
    found = evaluator.details("b", False)
    assert found.error is ErrorCode.PARSE_ERROR
    assert "round -> about -> round" in found.message
    assert evaluator.bool("c", False)


def test_references_that_multiply_are_bounded() -> None:
    rules = {f"r{n}": {"and": [{"$ref": f"r{n - 1}"}] * 10} for n in range(1, 12)}
    evaluator = Evaluator()
    evaluator.load({"flags": {"a": targeted({"$ref": "r11"})}, "$evaluators": {"r0": {"!": 1}, **rules}})
    assert evaluator.details("a", True).error is ErrorCode.PARSE_ERROR
    assert evaluator.bool("a", True)
    began = time.thread_time()
    for _ in range(1000):
        assert evaluator.details("a", True).error is ErrorCode.PARSE_ERROR
        assert evaluator.bool("a", True)
    assert time.thread_time() - began < 5, "it is read once, not each time (then this takes minutes)"


def test_a_patch_reaches_the_flag_and_what_depends_on_a_rule() -> None:
    evaluator = Evaluator()
    rule = {"==": [{"var": "plan"}, "pro"]}
    evaluator.load(
        {"flags": {"a": targeted({"if": [{"$ref": "paid"}, "on"]}), "b": flag(True)}, "$evaluators": {"paid": rule}}
    )
    assert evaluator.bool("a", False, {"plan": "pro"})
    assert evaluator.bool("b", False)
    before = evaluator.snapshot
    assert evaluator.patch({}, evaluators={"paid": {"==": [{"var": "plan"}, "gold"]}}) == {"a"}
    assert not evaluator.bool("a", True, {"plan": "pro"})
    assert evaluator.bool("a", False, {"plan": "gold"})
    assert evaluator.snapshot.values.boolean["b"] is before.values.boolean["b"], "what did not change is kept"
    assert evaluator.patch({"b": flag(False), "c": flag(True), "a": None}) == {"a", "b", "c"}
    assert (evaluator.bool("b", True), evaluator.bool("c", False)) == (False, True)
    assert evaluator.details("a", False).error is ErrorCode.FLAG_NOT_FOUND
    assert before.flags.flags.keys() == {"a", "b"}, "a snapshot does not change"


def test_a_load_keeps_what_is_equal() -> None:
    document = {"flags": {"a": targeted({"if": [{"var": "x"}, "on"]}), "b": flag(True)}}
    evaluator = Evaluator()
    evaluator.load(document)
    evaluator.bool("a", False)
    function = evaluator.snapshot.values.boolean["a"]
    assert evaluator.load(json.dumps({"flags": {**document["flags"], "b": flag(False)}})) == {"b"}
    assert evaluator.snapshot.values.boolean["a"] is function


def test_an_object_is_the_callers_own() -> None:
    evaluator = load(a={"state": "ENABLED", "variants": {"v": {"rows": [1]}}, "defaultVariant": "v"})
    for ask in (
        lambda: evaluator.object("a", {}),
        lambda: evaluator.details("a", {}).value,
        lambda: evaluator.details("a", None).value,
    ):
        ask()["rows"].append(2)
        assert ask() == {"rows": [1]}


def test_the_bound_context_counts_where_none_is_given() -> None:
    evaluator = load(a=targeted({"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]}))
    assert not evaluator.bool("a", True)
    with bound({"plan": "pro"}):
        assert evaluator.bool("a", False)
        assert evaluator.bool("a", False, None)
        assert not evaluator.bool("a", True, {})
        with bound({"plan": "free"}):
            assert not evaluator.bool("a", True)
    assert not evaluator.bool("a", True)


def test_every_evaluation_is_counted_once() -> None:
    evaluator = load(
        a=targeted({"if": [{"==": [{"var": "x"}, 1]}, "on", {"in": ["z", {"var": "x"}]}, "gone"]}),
        s=flag(True, state="DISABLED"),
    )
    for context in [{"x": 1}] * 3 + [{}] * 2 + [{"x": "z"}]:
        evaluator.bool("a", False, context)
    evaluator.details("a", False, {"x": 1})
    evaluator.bool("s", False)
    evaluator.bool("none", False)
    counted = {(c.flag, c.variant, str(c.reason)): c.evaluations for c in evaluator.counters.drain()}
    assert counted == {
        ("a", "on", "TARGETING_MATCH"): 4,
        ("a", "off", "DEFAULT"): 2,
        ("a", None, "ERROR"): 1,
        ("s", None, "DISABLED"): 1,
        ("none", None, "ERROR"): 1,
    }
    assert evaluator.counters.drain() == []


def test_no_evaluation_of_eight_threads_is_lost() -> None:
    evaluator = load(a=flag(True))
    evaluator.bool("a", False)
    evaluator.counters.drain()
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.extend(count.evaluations for count in evaluator.counters.drain())

    def ask() -> None:
        for _ in range(20_000):
            evaluator.bool("a", False)

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in [reader, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    seen.extend(count.evaluations for count in evaluator.counters.drain())
    assert sum(seen) == 160_000


def test_readers_see_one_state_or_the_other() -> None:
    """While whole documents replace one another, two flags of one document are never seen mixed."""
    both = [{"flags": {"a": flag(on, metadata={"n": n}), "b": flag(on)}} for n, on in enumerate([True, False])]
    evaluator = Evaluator()
    evaluator.load(both[0])
    done, written = threading.Event(), itertools.count()

    def write() -> None:
        while not done.is_set():
            evaluator.load(both[next(written) % 2])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen: set[bool] = set()
        deadline = time.monotonic() + 60
        while len(seen) < 2 or next(written) < 200:
            snapshot = evaluator.snapshot
            pair = {snapshot.evaluate("boolean", key, None, {}).value for key in "ab"}
            assert len(pair) == 1
            seen |= pair
            assert evaluator.bool("a", False) in (True, False)
            assert time.monotonic() < deadline, "only one state was ever seen"
    finally:
        done.set()
        writer.join()
