"""Conditions as lists of cases: a case is a list of tests of one attribute each, and one case must hold.

Other systems know no nesting: their rules are alternatives of conjunctions. So a condition is brought into that form, within
limits, and what no test of an attribute can say is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from ferryman.flags.expression import SEGMENT
from ferryman.flags.logic import operands, operation
from ferryman.flags.shares import read_drawn

CASES_MAX = 64
TESTS_MAX = 64
Segments = Callable[[str], Any]
"""The condition of a segment, by its key. Raises KeyError."""

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_THERE = "there"
_ORDERED = frozenset({"<", "<=", ">", ">="})


class UntranslatableError(ValueError):
    """The other system has no words for something in a flag."""


class Test(NamedTuple):
    """One attribute against values. `operator`: ``in``, ``contains`` (a text has one of the values in it), ``starts_with``,
    ``ends_with``, ``<``, ``<=``, ``>``, ``>=``, ``regex``, ``cidr``, ``date`` and ``sem_ver``, whose sign is `sign`; ``share``
    (of users, by the attribute: a seed and a number of buckets). With `negated` the opposite, which also holds for who
    lacks the attribute."""

    attribute: str
    operator: str
    values: tuple[Any, ...]
    sign: str = ""
    negated: bool = False


Case = tuple[Test, ...]


def cases(logic: Any, segments: Segments) -> tuple[Case, ...]:
    """The cases of a condition; ``((),)`` holds always, ``()`` never. Raises `UntranslatableError`."""
    found = _cases(logic, segments, negated=False)
    return tuple(dict.fromkeys(_without_presence(case) for case in found if not _is_covered(case, found)))


def _without_presence(case: Case) -> Case:
    """Without tests that an attribute is there, where another test of it says so too."""
    tested = {test.attribute for test in case if test.operator != _THERE and not test.negated}
    left = tuple(test for test in case if test.operator != _THERE or test.negated or test.attribute not in tested)
    if any(test.operator == _THERE for test in left):
        raise UntranslatableError("whether an attribute is there")
    return left


def _is_covered(case: Case, found: tuple[Case, ...]) -> bool:
    """Whether it asks that an attribute is not there, and another case holds for those in any event."""
    for test in case:
        if test.operator == _THERE and test.negated:
            rest = {each for each in case if each != test}
            for other in found:
                more = set(other) - rest
                if more and all(t.negated and t.attribute == test.attribute and t.operator != _THERE for t in more):
                    return True
    return False


def both(one: tuple[Case, ...], other: tuple[Case, ...]) -> tuple[Case, ...]:
    """Cases of one and the other. Raises `UntranslatableError` for too many."""
    found = tuple(dict.fromkeys((*a, *b) for a in one for b in other))
    if len(found) > CASES_MAX or any(len(case) > TESTS_MAX for case in found):
        raise UntranslatableError(f"its conditions come to more than {CASES_MAX} cases")
    return found


def _cases(logic: Any, segments: Segments, *, negated: bool) -> tuple[Case, ...]:
    if isinstance(logic, bool):
        return ((),) if logic is not negated else ()
    found = operation(logic)
    if found is None:
        raise UntranslatableError("a condition is no test of an attribute")
    name, given = found[0], operands(found[1])
    share = read_drawn(logic)
    if share is not None:
        return ((Test(share.by, "share", (share.seed, share.size), negated=negated),),)
    if name in {"!", "!!"}:
        return _cases(given[0] if given else None, segments, negated=negated is (name == "!!"))
    if name == SEGMENT:
        try:
            return _cases(segments(str(found[1])), segments, negated=negated)
        except KeyError:
            raise UntranslatableError(f"there is no segment {found[1]}") from None
    if name in {"and", "or"}:
        parts = [_cases(each, segments, negated=negated) for each in given]
        return _all(parts) if (name == "and") is not negated else _either(parts)
    return ((_test(name, given, negated=negated),),)


def _all(parts: list[tuple[Case, ...]]) -> tuple[Case, ...]:
    made: tuple[Case, ...] = ((),)
    for part in parts:
        made = both(made, part)
    return made


def _either(parts: list[tuple[Case, ...]]) -> tuple[Case, ...]:
    made = tuple(dict.fromkeys(case for part in parts for case in part))
    if len(made) > CASES_MAX:
        raise UntranslatableError(f"its conditions come to more than {CASES_MAX} cases")
    return made


def _test(name: str, given: list[Any], *, negated: bool) -> Test:
    if name in {"==", "===", "!=", "!=="}:
        attribute, value = _sides(given)
        if value is None:
            return Test(attribute, _THERE, (), negated=negated is (name[0] == "!"))
        return Test(attribute, "in", (value,), negated=negated is (name[0] == "="))
    if name == "in":
        return _membership(given, negated=negated)
    if name in _ORDERED:
        if _attribute(given[0]) is None:
            name = _MIRRORED[name]
        attribute, value = _sides(given)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise UntranslatableError("something other than numbers is compared in order")
        return Test(attribute, name, (value,), negated=negated)
    if name in {"starts_with", "ends_with", "regex", "cidr"}:
        attribute, value = _sides(given)
        values = tuple(cast("list[Any]", value)) if isinstance(value, list) else (value,)
        return Test(attribute, name, values, negated=negated)
    if name in {"sem_ver", "date"} and len(given) == 3 and isinstance(given[1], str):
        attribute, value = _sides([given[0], given[2]])
        return Test(attribute, name, (value,), given[1], negated)
    raise UntranslatableError(f"the operator `{name}`")


def _membership(given: list[Any], *, negated: bool) -> Test:
    needle, where = (*given, None, None)[:2]
    attribute = _attribute(needle)
    if attribute is not None and isinstance(where, list):
        return Test(attribute, "in", tuple(cast("list[Any]", where)), negated=negated)
    attribute = _attribute(where)
    if attribute is not None and isinstance(needle, str):
        return Test(attribute, "contains", (needle,), negated=negated)
    raise UntranslatableError("`in` of two attributes")


def _sides(given: list[Any]) -> tuple[str, Any]:
    """The attribute and the constant of a comparison, in whichever order."""
    one, other = (*given, None, None)[:2]
    attribute, value = _attribute(one), other
    if attribute is None:
        attribute, value = _attribute(other), one
    if attribute is None or isinstance(value, dict):
        raise UntranslatableError("two attributes, or none, are compared")
    return attribute, value


def _attribute(node: Any) -> str | None:
    found = operation(node)
    if found is None or found[0] != "var":
        return None
    given = operands(found[1])
    return given[0] if len(given) == 1 and isinstance(given[0], str) else None
