"""The form of LaunchDarkly's server SDKs: ``{flags, segments}``, as ``/sdk/latest-all`` and ``/all`` send it.

Their `negate` does not hold for who lacks the attribute, ours does: so a negated test is a segment of its own, whose clause can be
negated as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet
from ferryman.flags.render.cases import Case, Test, UntranslatableError, both
from ferryman.flags.render.ways import Ways, ways

_COMPARED = {"<": "lessThan", "<=": "lessThanOrEqual", ">": "greaterThan", ">=": "greaterThanOrEqual"}
_TEXTS = {"starts_with": "startsWith", "ends_with": "endsWith", "contains": "contains", "regex": "matches"}
_VERSIONS = {"=": "semVerEqual", "<": "semVerLessThan", ">": "semVerGreaterThan"}
_EITHER = {">=": (">", "="), "<=": ("<", "="), "!=": ("<", ">")}
"""Signs that are one of two others: there is no operator for them."""

_DATES = {"<": "before", ">": "after"}

Rendered = dict[str, Any]


def render(
    flag: Flag, whole: FlagSet, overrides: Mapping[str, str], version: int
) -> tuple[Rendered, dict[str, Rendered]]:
    """One flag, and the segments that it brings along. Raises `UntranslatableError`."""
    found = ways(flag, whole, overrides)
    index = {variant.name: number for number, variant in enumerate(flag.variants)}
    writer = _Writer(flag.key, version)
    rules = [
        {"id": f"{flag.key}-{number}", "variation": index[way.variant], "clauses": clauses, "trackEvents": False}
        for number, way in enumerate(found.ways)
        for clauses in (writer.clauses(each) for case in way.cases for each in _spelled(case))
    ]
    made: Rendered = {
        "key": flag.key,
        "version": version,
        "on": found.on,
        "salt": flag.rollout.seed if flag.rollout is not None else flag.key,
        "variations": [variant.value for variant in flag.variants],
        "offVariation": None if found.silent else index[flag.off],
        "fallthrough": _fallthrough(found, index, flag.off),
        "prerequisites": [_prerequisite(need.flag, need.variant, whole) for need in flag.needs],
        "targets": [],
        "contextTargets": [],
        "rules": rules,
        "clientSide": False,
        "trackEvents": False,
        "trackEventsFallthrough": False,
        "debugEventsUntilDate": None,
        "deleted": False,
    }
    return made, writer.segments


def _fallthrough(found: Ways, index: dict[str, int], off: str) -> Rendered:
    if not found.division:
        return {"variation": index[found.otherwise]}
    # Who lacks the attribute is in their bucket 0: what is not exposed comes first.
    ordered = sorted(found.division, key=lambda part: part.variant != off)
    weights = [{"variation": index[part.variant], "weight": part.size} for part in ordered]
    return {"rollout": {"variations": weights, **_place(found.by, "bucketBy")}}


def _prerequisite(key: str, variant: str, whole: FlagSet) -> Rendered:
    other = whole.flags.get(key)
    if other is None or not other.has(variant):
        raise UntranslatableError(f"it needs {key}, which is not there")
    return {"key": key, "variation": [each.name for each in other.variants].index(variant)}


def _place(attribute: str, field: str) -> Rendered:
    """An attribute of the user; with points in it, a part of one."""
    if attribute == TARGETING_KEY:
        return {field: "key", "contextKind": "user"}
    return {field: "/" + attribute.replace(".", "/") if "." in attribute else attribute, "contextKind": "user"}


class _Writer:
    """Clauses of one flag, and the segments that its negated tests are."""

    def __init__(self, flag: str, version: int) -> None:
        self.segments: dict[str, Rendered] = {}
        self._flag, self._version = flag, version

    def clauses(self, case: Case) -> list[Rendered]:
        """A case; all must hold."""
        return [self._clause(test) for test in case] or [_always()]

    def _clause(self, test: Test) -> Rendered:
        clause = _plain(test)
        if not test.negated:
            return clause
        name = f"{self._flag}--not-{len(self.segments)}"
        self.segments[name] = {
            "key": name,
            "version": self._version,
            "included": [],
            "excluded": [],
            "rules": [{"clauses": [clause]}],
            "salt": name,
            "deleted": False,
        }
        return {"attribute": "", "op": "segmentMatch", "values": [name], "negate": True}


def _always() -> Rendered:
    return {**_place(TARGETING_KEY, "attribute"), "op": "matches", "values": [""], "negate": False}


def _spelled(case: Case) -> tuple[Case, ...]:
    """The case with signs of versions that have an operator; where that takes two of them, two cases, or both in one."""
    made: tuple[Case, ...] = ((),)
    for test in case:
        signs = _EITHER.get(test.sign, (test.sign,)) if test.operator == "sem_ver" else (test.sign,)
        tests = tuple(test._replace(sign=sign) for sign in signs)
        made = both(made, (tests,) if test.negated else tuple((each,) for each in tests))
    return made


def _plain(test: Test) -> Rendered:
    """The clause of a test without its negation."""
    operator, values = test.operator, list(test.values)
    if operator in _COMPARED:
        said = _COMPARED[operator]
    elif operator in _TEXTS:
        said = _TEXTS[operator]
    elif operator == "in":
        said = "in"
    elif operator == "sem_ver" and test.sign in _VERSIONS:
        said = _VERSIONS[test.sign]
        values = [_whole_version(str(value)) for value in values]
    elif operator == "date" and test.sign in _DATES:
        said, values = _DATES[test.sign], [value if isinstance(value, str) else value * 1000 for value in values]
    else:
        raise UntranslatableError(f"`{operator}{' ' + test.sign if test.sign else ''}` of `{test.attribute}`")
    if any(isinstance(value, dict | list) for value in values):
        raise UntranslatableError(f"{json.dumps(values)[:60]} is compared with `{test.attribute}`")
    return {**_place(test.attribute, "attribute"), "op": said, "values": values, "negate": False}


def _whole_version(text: str) -> str:
    return text.removeprefix("v")
