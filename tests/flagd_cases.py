"""What flagd's specification says of its definitions, case by case.

Sources: flagd.dev/reference (flag definitions, custom operations, in-process provider specification), jsonlogic.com
(operations). Where users fall is computed by `flagd_hashes`, with nothing of ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from flagd_hashes import v2, v3


class Case(NamedTuple):
    flag: dict[str, Any]
    value: Any
    """Of the same type as `default`; the `default` itself where the code default is meant."""
    reason: str = "TARGETING_MATCH"
    context: Mapping[str, Any] = MappingProxyType({})
    default: Any = "code"
    variant: str | None = None
    """None: not looked at, unless the code default is meant."""
    error: str | None = None
    key: str = "the-flag"
    hash: str = "v3"
    metadata: dict[str, Any] | None = None


def flag(variants: Mapping[str, Any], default: Any = None, targeting: Any = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"state": "ENABLED", "variants": dict(variants), **more}
    if default is not None:
        made["defaultVariant"] = default
    if targeting is not None:
        made["targeting"] = targeting
    return made


def texts(*names: str, default: Any = "rest", targeting: Any = None, **more: Any) -> dict[str, Any]:
    """A flag of texts, each variant called as it is."""
    return flag({name: name for name in (*names, "rest")}, default, targeting, **more)


TRUTH = {"yes": True, "no": False}
SHARED = {
    "is_staff": {"ends_with": [{"var": "mail"}, "@firm.example"]},
    "is_boss": {"and": [{"$ref": "is_staff"}, {"==": [{"var": "rank"}, 1]}]},
}
SET_METADATA = {"origin": "shop", "revision": 7}
WHOLE = {"rows": 3, "title": "Hello", "nested": {"open": True, "parts": [1, 2.5, None]}}
STAFF: dict[str, Any] = {"mail": "ana@firm.example"}


def plain() -> Iterator[Case]:
    """A flag without targeting gives its default variant."""
    for value, code in (
        (True, False),
        (False, True),
        ("hi", "code"),
        ("", "code"),
        (12, 1),
        (0, 1),
        (2**31 - 1, 1),
        (-(2**53) + 1, 1),
        (0.5, 0.1),
        (0.0, 0.1),
        (10.0, 0.1),
        (WHOLE, {}),
        ({}, {"code": 1}),
        ([1, "two"], {"code": 1}),
    ):
        given = flag({"one": value, "other": code}, "one")
        yield Case(given, value, "STATIC", default=code, variant="one")
        yield Case({**given, "targeting": {}}, value, "STATIC", default=code, variant="one")
        yield Case({**given, "targeting": None}, value, "STATIC", default=code, variant="one")
        yield Case({**given, "state": "DISABLED"}, code, "DISABLED", default=code)
        yield Case({**given, "defaultVariant": None}, code, "DEFAULT", default=code)
        yield Case({**given, "defaultVariant": ""}, code, "DEFAULT", default=code)
        yield Case(flag({"one": value}), code, "DEFAULT", default=code)
        aimed = {**given, "targeting": {"if": [{"$ref": "is_staff"}, "one"]}, "defaultVariant": "other"}
        yield Case(aimed, value, context=STAFF, default=code, variant="one")
        yield Case(aimed, code, "DEFAULT", default=code, variant="other")
    yield Case(flag({"n": 3}, "n"), 3.0, "STATIC", default=0.5, variant="n")
    yield Case(flag({"true": True, "false": False}, True), True, "STATIC", default=False, variant="true")


def of_the_wrong_type() -> Iterator[Case]:
    """TYPE_MISMATCH and the code default. A boolean is no number (flagd-core 2.0.0 lets it be a float)."""
    of: dict[str, Any] = {"boolean": True, "string": "hi", "integer": 3, "float": 0.5, "object": {"a": 1}}
    codes: dict[str, Any] = {"boolean": False, "string": "code", "integer": 1, "float": 0.1, "object": {"c": 1}}
    fits = {("integer", "float")}
    for kind, value in of.items():
        for asked, code in codes.items():
            if kind != asked and (kind, asked) not in fits:
                yield Case(flag({"v": value}, "v"), code, "ERROR", default=code, error="TYPE_MISMATCH")
                aimed = flag({"v": value, "w": value}, "w", {"if": [True, "v"]})
                yield Case(aimed, code, "ERROR", default=code, error="TYPE_MISMATCH")


def targeted() -> Iterator[Case]:
    """What targeting may say, and what of it is an error."""
    both = {"yes": "Y", "no": "N", "1": "one", "true": "T"}
    for rule, value, reason, error in (
        ({"if": [True, "yes", "no"]}, "Y", "TARGETING_MATCH", None),
        ({"if": [False, "yes", "no"]}, "N", "TARGETING_MATCH", None),
        ({"if": [False, "yes"]}, "N", "DEFAULT", None),
        ({"if": [True, None, "yes"]}, "N", "DEFAULT", None),
        ({"if": [False, "no", False, "no", "yes"]}, "Y", "TARGETING_MATCH", None),
        ({"if": [True, 1]}, "one", "TARGETING_MATCH", None),
        ({"==": [1, 1]}, "T", "TARGETING_MATCH", None),
        ({"if": [True, "gone"]}, "code", "ERROR", "GENERAL"),
        ({"==": [1, 2]}, "code", "ERROR", "GENERAL"),
        ({"frobnicate": [1]}, "code", "ERROR", "PARSE_ERROR"),
        ({"$ref": "nobody"}, "code", "ERROR", "PARSE_ERROR"),
        ({"if": [{"$ref": "nobody"}, "yes", "no"]}, "code", "ERROR", "PARSE_ERROR"),
    ):
        yield Case(flag(both, "no", rule), value, reason, error=error)
    yield Case(flag(both, "gone"), "code", "ERROR", error="GENERAL")
    boss = flag(both, "no", {"if": [{"$ref": "is_boss"}, "yes"]})
    yield Case(boss, "Y", context={**STAFF, "rank": 1})
    yield Case(boss, "N", "DEFAULT", context=STAFF)
    key = flag(both, "no", {"if": [{"==": [{"var": "targetingKey"}, "ana"]}, "yes"]})
    yield Case(key, "Y", context={"targetingKey": "ana"})
    yield Case(key, "N", "DEFAULT", context={"targetingKey": "ben"})
    yield Case(key, "N", "DEFAULT")
    named = flag(both, "no", {"if": [{"==": [{"var": "$flagd.flagKey"}, "odd key/ä"]}, "yes"]})
    yield Case(named, "Y", key="odd key/ä")
    yield Case(named, "N", "DEFAULT", context={"$flagd": {"flagKey": "odd key/ä"}})
    clock = flag(both, "no", {"if": [{">": [{"var": "$flagd.timestamp"}, {"var": "at"}]}, "yes"]})
    now = int(time.time())
    yield Case(clock, "Y", context={"at": now - 3600})
    yield Case(clock, "N", "DEFAULT", context={"at": now + 3600})


def compared_as_texts() -> Iterator[Case]:
    for operator, yes, no in (("starts_with", "abcdef", "xabc"), ("ends_with", "xyzabc", "abcx")):
        rule = {operator: [{"var": "id"}, "abc"]}
        given = texts("hit", "miss", "null", targeting={"if": [{"===": [rule, None]}, "null", rule, "hit", "miss"]})
        yield Case(given, "hit", context={"id": yes})
        yield Case(given, "hit", context={"id": "abc"})
        yield Case(given, "miss", context={"id": no})
        yield Case(given, "miss", context={"id": "ABCABC"})
        for odd in (123, True, None, ["abc"], {"abc": 1}):
            yield Case(given, "null", context={"id": odd})
        for wrong in (["abc"], ["abc", "a", "b"], []):
            yield Case(texts("hit", targeting={operator: wrong}), "rest", "DEFAULT")


def compared_as_versions() -> Iterator[Case]:
    for given, operator, other, holds in (
        ("2.0.0", "=", "2.0.0", True),
        ("2.0.1", "!=", "2.0.0", True),
        ("2.0.0-rc.1", "<", "2.0.0", True),
        ("2.0.0-rc.2", "<", "2.0.0-rc.11", True),
        ("2.10.0", ">", "2.9.9", True),
        ("2.0.0", ">=", "2.0.0", True),
        ("2.0.0", "<=", "1.9.9", False),
        ("3.9.1", "^", "3.0.0", True),
        ("4.0.0", "^", "3.0.0", False),
        ("3.0.9", "~", "3.0.0", True),
        ("3.1.0", "~", "3.0.0", False),
        ("v1.0.0", "=", "1.0.0", True),
        ("V1.0.0", "=", "v1.0.0", True),
        ("1", "^", "1.7", True),
        ("1.4", "=", "1.4.0", True),
        (1, "=", "1.0.0", True),
        (1.2, "~", "1.2", True),
        (1.0, "^", "1", True),
        ("1.0.0+one", "=", "1.0.0+two", True),
        ("1.0.0.0", "=", "1.0.0", None),
        ("one", "=", "1.0.0", None),
        ("1.0.0", "==", "1.0.0", None),
        (None, "=", "1.0.0", None),
        ("", "=", "1.0.0", None),
    ):
        rule = {"sem_ver": [{"var": "version"}, operator, other]}
        aimed = texts("yes", "no", "null", targeting={"if": [{"===": [rule, None]}, "null", rule, "yes", "no"]})
        yield Case(aimed, {True: "yes", False: "no", None: "null"}[holds], context={"version": given})
    for wrong in (["1.0.0", "="], ["1.0.0"], [], ["1.0.0", "=", "1.0.0", "2.0.0"]):
        yield Case(texts("yes", targeting={"sem_ver": wrong}), "rest", "DEFAULT")


FOUR = {"spring": 25, "summer": 25, "autumn": 25, "winter": 25}
UNEVEN = {"spring": 1, "summer": 7, "autumn": 0, "winter": 92}
MANY = {f"slot{n}": 1 for n in range(25)}


def divided(weights: Mapping[str, int], by: Any = None, **more: Any) -> dict[str, Any]:
    slots = [[name, weight] for name, weight in weights.items()]
    return texts(*weights, targeting={"fractional": [by, *slots] if by is not None else slots}, **more)


def bucketed() -> Iterator[Case]:
    """`fractional`, both generations: by default, by an attribute, by a seed, in nested attributes."""
    seeded = {"cat": ["season.", {"var": "user.name"}]}
    own = {"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}
    for n in range(12):
        user = f"person-{n}@firm.example"
        context: dict[str, Any] = {"targetingKey": user, "user": {"name": user}}
        for weights in (FOUR, UNEVEN, MANY):
            for generation, implicit, text in (
                ("v3", v3(["the-flag", user], weights), v3),
                ("v2", v2(f"the-flag{user}", weights), v2),
            ):
                yield Case(divided(weights), implicit, context=context, hash=generation)
                yield Case(
                    divided(weights, {"var": "targetingKey"}), text(user, weights), context=context, hash=generation
                )
                yield Case(divided(weights, seeded), text(f"season.{user}", weights), context=context, hash=generation)
                yield Case(divided(weights, own), text(f"the-flag{user}", weights), context=context, hash=generation)
    stored = divided(FOUR, metadata={"ferryman.hash": "v2"})
    yield Case(stored, v2("the-flaguser", FOUR), context={"targetingKey": "user"})
    stored = divided(FOUR, metadata={"ferryman.hash": "v3"})
    yield Case(stored, v3(["the-flag", "user"], FOUR), context={"targetingKey": "user"}, hash="v2")


UNITS: tuple[Any, ...] = (
    *(True, False, "", "true", "null", "0", "é" * 12, "字" * 8, "a" * 23, "a" * 24, "a" * 255, "a" * 256, "\0", "😀"),
    *(0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53, -1, -24, -25, -256, -257, -(2**31) - 1),
    *(
        0.5,
        -0.1,
        1.5e300,
        5e-324,
        65504.5,
        6.103515625e-05,
        5.960464477539063e-08,
        3.4028234663852886e38,
        3.5e38,
        1e-40,
    ),
    *({}, {"b": 1, "a": 2}, {"aa": 1, "z": 2}, {"": None}, {"ä": [1, {"x": []}], "k": {"m": True}}, {"a": [[[]]]}),
)
INTEGRAL: tuple[tuple[float, int], ...] = ((1.0, 1), (-2.0, -2), (0.0, 0), (-0.0, 0), (1e18, 10**18), (2.0**63, 2**63))


def bucketed_by_any_type() -> Iterator[Case]:
    """v3 takes any JSON value as what to bucket by; a float without a fraction is the integer."""
    given = divided(MANY, {"var": "unit"})
    for unit in UNITS:
        yield Case(given, v3(unit, MANY), context={"unit": unit})
    for written, meant in INTEGRAL:
        yield Case(given, v3(meant, MANY), context={"unit": written})
        yield Case(given, v3({"n": meant}, MANY), context={"unit": {"n": written}})


def divided_oddly() -> Iterator[Case]:
    """Shorthand, computed names and weights, a division as a condition, and what makes it null."""
    ana = {"targetingKey": "ana"}
    halves = {"a": 1, "b": 1}
    ana_has = v3("ana", halves)
    short = texts("a", "b", targeting={"fractional": [["a"], ["b", 1]]})
    yield Case(short, v3(["the-flag", "ana"], halves), context=ana)
    yield Case(texts("a", targeting={"fractional": [["a", 1]]}), "a", context=ana)
    key = {"var": "targetingKey"}
    named = texts("a", "b", targeting={"fractional": [key, [{"var": "mine"}, 1], [{"var": "mine"}, 1]]})
    yield Case(named, "b", context={**ana, "mine": "b"})
    yield Case(named, "code", "ERROR", context={**ana, "mine": "gone"}, error="GENERAL")
    yield Case(named, "rest", "DEFAULT", context=ana)
    chosen = {"if": [{"==": [{"var": "tier"}, "gold"]}, "a", "b"]}
    computed = texts("a", "b", targeting={"fractional": [key, [chosen, 1], [chosen, 1]]})
    yield Case(computed, "a", context={**ana, "tier": "gold"})
    yield Case(computed, "b", context=ana)
    heavy = texts("a", "b", targeting={"fractional": [key, ["a", {"if": [{"var": "vip"}, 100, 0]}], ["b", 1]]})
    yield Case(heavy, v3("ana", {"a": 100, "b": 1}), context={**ana, "vip": True})
    yield Case(heavy, "b", context=ana)
    nested = texts("a", "b", "c", targeting={"fractional": [key, [{"fractional": [{"var": "id"}, ["c"]]}], ["b"]]})
    yield Case(nested, {"a": "c", "b": "b"}[ana_has], context={**ana, "id": 1})
    for on, value in ((100, "a"), (0, "b")):
        condition = {"fractional": [[False, 100 - on], [True, on]]}
        yield Case(texts("a", "b", targeting={"if": [condition, "a", "b"]}), value, context=ana)
    yield Case(texts("a", "b", targeting={"fractional": [key, ["a", -50], ["b", 1]]}), "b", context=ana)
    for parts in (
        [key, ["a", 0], ["b", 0]],
        [{"var": "missing"}, ["a", 1], ["b", 1]],
        [key, ["a", 0.5], ["b", 1]],
        [key, ["a", "1"], ["b", 1]],
        [key, ["a", 2**31 - 1], ["b", 1]],
        [key, ["a", 1, 1]],
        [key],
        [],
    ):
        yield Case(texts("a", "b", targeting={"fractional": parts}), "rest", "DEFAULT", context=ana)
    for nobody in ({}, {"targetingKey": 12345}, {"targetingKey": True}, {"other": "x"}):
        yield Case(short, "rest", "DEFAULT", context=nobody)


LOGIC: tuple[tuple[Any, Any], ...] = (
    ({"var": "user.name"}, "Ana"),
    ({"var": ["user.age", 7]}, 7),
    ({"var": ["user.name", 7]}, "Ana"),
    ({"var": "tags.1"}, "b"),
    ({"var": "user.none.deeper"}, None),
    ({"missing": ["plan", "none", "user.name"]}, "none"),
    ({"missing_some": [1, ["none", "nothing"]]}, "none,nothing"),
    ({"missing_some": [1, ["none", "plan"]]}, ""),
    ({"==": [1, "1"]}, True),
    ({"===": [1, "1"]}, False),
    ({"!=": [1, 2]}, True),
    ({"!==": [1, "1"]}, True),
    ({"==": [0, False]}, True),
    ({"!": [[]]}, True),
    ({"!": "0"}, False),
    ({"!!": ["0"]}, True),
    ({"!!": {"var": "nothing"}}, False),
    ({"or": [False, "", "last"]}, "last"),
    ({"or": ["first", "last"]}, "first"),
    ({"and": [True, "last"]}, "last"),
    ({"and": [0, "last"]}, 0),
    ({"<": [1, {"var": "age"}, 99]}, True),
    ({"<": [50, {"var": "age"}, 99]}, False),
    ({"<=": [41, {"var": "age"}, 41]}, True),
    ({">": ["10", 9]}, True),
    ({">=": [3, 3]}, True),
    ({"<": [None, 1]}, True),
    ({"max": [1, 5, 3]}, 5),
    ({"min": [4, 2, 3]}, 2),
    ({"+": [1, 2, 3]}, 6),
    ({"-": [7, 3]}, 4),
    ({"*": [2, 3, 4]}, 24),
    ({"%": [7, 3]}, 1),
    ({"in": ["b", {"var": "tags"}]}, True),
    ({"in": ["z", {"var": "tags"}]}, False),
    ({"in": ["Sp", "Spring"]}, True),
    ({"cat": ["I am ", {"var": "user.name"}, "!"]}, "I am Ana!"),
    ({"substr": ["abcdef", 2]}, "cdef"),
    ({"substr": ["abcdef", -2]}, "ef"),
    ({"substr": ["abcdef", 1, -1]}, "bcde"),
    ({"merge": [["a"], "b", ["c", "d"]]}, "a,b,c,d"),
    ({"map": [{"var": "counts"}, {"*": [{"var": ""}, 10]}]}, "10,20,30"),
    ({"filter": [{"var": "counts"}, {">": [{"var": ""}, 1]}]}, "2,3"),
    (
        {"reduce": [{"var": "counts"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]},
        6,
    ),
    ({"all": [{"var": "counts"}, {">": [{"var": ""}, 0]}]}, True),
    ({"some": [{"var": "counts"}, {">": [{"var": ""}, 2]}]}, True),
    ({"none": [{"var": "counts"}, {">": [{"var": ""}, 3]}]}, True),
    ({"all": [[], {">": [{"var": ""}, 0]}]}, False),
    ({"?:": [True, "a", "b"]}, "a"),
)
ABOUT: dict[str, Any] = {"user": {"name": "Ana"}, "tags": ["a", "b"], "plan": "pro", "age": 41, "counts": [1, 2, 3]}


def reasoned() -> Iterator[Case]:
    """Every operation of JSONLogic: its result, strictly."""
    for rule, result in LOGIC:
        found = {"cat": [rule]} if isinstance(result, str) else rule
        same = {"===": [found, result]}
        yield Case(texts("right", "wrong", targeting={"if": [same, "right", "wrong"]}), "right", context=ABOUT)


def told() -> Iterator[Case]:
    """Metadata: that of the flag over that of the set."""
    both = {**SET_METADATA, "revision": 8, "ratio": 0.5, "kept": True}
    own = {"revision": 8, "ratio": 0.5, "kept": True}
    for more, reason in (({}, "STATIC"), ({"targeting": {"if": [True, "yes"]}}, "TARGETING_MATCH")):
        yield Case(flag(TRUTH, "yes", **more), True, reason, default=False, metadata=SET_METADATA)
        yield Case(flag(TRUTH, "yes", metadata=own, **more), True, reason, default=False, metadata=both)
    disabled = flag(TRUTH, "yes", metadata=own) | {"state": "DISABLED"}
    yield Case(disabled, False, "DISABLED", default=False, metadata=both)
    yield Case(flag(TRUTH, metadata=own), False, "DEFAULT", default=False, metadata=both)


AREAS = (
    plain,
    of_the_wrong_type,
    targeted,
    compared_as_texts,
    compared_as_versions,
    bucketed,
    bucketed_by_any_type,
    divided_oddly,
    reasoned,
    told,
)


def document_of(case: Case) -> str:
    return json.dumps({"flags": {case.key: case.flag}, "$evaluators": SHARED, "metadata": SET_METADATA}, indent=1)
