"""The form of Unleash's server SDKs: ``GET /api/client/features``, response version 2.

A feature is on for who is served anything but `off`. A variant other than true is a variant of the strategy, its value the payload.
Strategies are alternatives, so who is served `off` by a rule is kept out of all that follow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet
from ferryman.flags.patterns import NoPatternError, from_python
from ferryman.flags.render.cases import Case, Test, UntranslatableError, both
from ferryman.flags.render.ways import Ways, ways
from ferryman.flags.slots import PER_PERCENT

Rendered = dict[str, Any]
VARIANT_WEIGHTS = 1000
_NUMBERS = {"<": "NUM_LT", "<=": "NUM_LTE", ">": "NUM_GT", ">=": "NUM_GTE"}
_TEXTS = {"starts_with": "STR_STARTS_WITH", "ends_with": "STR_ENDS_WITH", "contains": "STR_CONTAINS"}
_VERSIONS = {"=": "SEMVER_EQ", "<": "SEMVER_LT", ">": "SEMVER_GT", "<=": "SEMVER_LTE", ">=": "SEMVER_GTE"}
_NAMES = {TARGETING_KEY: "userId", "$flagd.timestamp": "currentTime"}
"""What Unleash's contexts call them."""
_DATES = {"<": "DATE_BEFORE", ">": "DATE_AFTER"}


def render(flag: Flag, whole: FlagSet, overrides: Mapping[str, str]) -> Rendered:
    """One feature. Raises `UntranslatableError`."""
    found = ways(flag, whole, overrides)
    strategies = _strategies(flag, found) if found.on else []
    return {
        "name": flag.key,
        "type": {"ops": "operational"}.get(flag.kind.value, flag.kind.value),
        "description": flag.description,
        "enabled": found.on and bool(strategies),
        "stale": False,
        "impressionData": False,
        "project": "default",
        "strategies": strategies,
        "variants": [],
        "dependencies": [_dependency(need.flag, need.variant, whole) for need in flag.needs],
    }


def _strategies(flag: Flag, found: Ways) -> list[Rendered]:
    made: list[Rendered] = []
    out: tuple[Case, ...] = ((),)  # not in any rule that serves `off`
    for number, way in enumerate(found.ways):
        if way.variant == flag.off:
            out = both(out, _none_of(way.cases))
            continue
        variants = _variants(flag, [(way.variant, VARIANT_WEIGHTS)])
        name = f"{flag.key}.{number}"
        made += [_way(case, variants, name) for case in both(way.cases, out)]
    if found.division:
        return [*made, *(each for case in out for each in _rollout(flag, found, case))]
    if found.otherwise != flag.off:
        variants = _variants(flag, [(found.otherwise, VARIANT_WEIGHTS)])
        made += [_way(case, variants, flag.key) for case in out]
    return made


def _way(case: Case, variants: list[Rendered], identity: str) -> Rendered:
    """A strategy for those in a case. A share of users is what a strategy has one of, and not the opposite of."""
    shares = [test for test in case if test.operator == "share"]
    if not shares:
        return _strategy("default", {}, case, variants, identity)
    if len(shares) > 1 or shares[0].negated:
        raise UntranslatableError("a condition has several shares of users, or all but a share")
    seed, size = shares[0].values
    return _flexible(size, shares[0].attribute, seed, tuple(t for t in case if t is not shares[0]), variants)


def _flexible(size: int, by: str, seed: str, case: Case, variants: list[Rendered]) -> Rendered:
    """A share of `size` buckets. Who lacks the attribute is not in it, so `default`, which then takes another, is not said."""
    if size % PER_PERCENT:
        raise UntranslatableError(f"{size / PER_PERCENT:g} % is no whole percentage")
    given = {"rollout": str(size // PER_PERCENT), "stickiness": _sticky(by), "groupId": seed}
    return _strategy("flexibleRollout", given, case, variants, seed)


def _sticky(by: str) -> str:
    return "userId" if by == TARGETING_KEY else by


def _rollout(flag: Flag, found: Ways, case: Case) -> list[Rendered]:
    sizes: dict[str, int] = {}
    for part in found.division:
        if part.variant != flag.off:
            sizes[part.variant] = sizes.get(part.variant, 0) + part.size
    exposed = sum(sizes.values())
    if not exposed:
        return []
    seed = flag.rollout.seed if flag.rollout is not None else flag.key
    shares = [(name, round(size * VARIANT_WEIGHTS / exposed)) for name, size in sizes.items()]
    return [_flexible(exposed, found.by, seed, case, _variants(flag, shares, _sticky(found.by)))]


def _strategy(name: str, given: Rendered, case: Case, variants: list[Rendered], identity: str) -> Rendered:
    return {
        "name": name,
        "id": identity,
        "parameters": given if name != "default" else {},
        "constraints": [_constraint(test) for test in case],
        "segments": [],
        "variants": variants,
    }


def _variants(flag: Flag, shares: list[tuple[str, int]], sticky: str = "default") -> list[Rendered]:
    if all(flag.value(name) is True for name, _ in shares):
        return []
    return [
        {
            "name": name,
            "weight": weight,
            "weightType": "variable",
            "stickiness": sticky,
            "payload": _payload(flag.value(name)),
        }
        for name, weight in shares
    ]


def _payload(value: Any) -> Rendered:
    if isinstance(value, str):
        return {"type": "string", "value": value}
    return {"type": "number" if _is_number(value) else "json", "value": json.dumps(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dependency(key: str, variant: str, whole: FlagSet) -> Rendered:
    other = whole.flags.get(key)
    if other is None or not other.has(variant):
        raise UntranslatableError(f"it needs {key}, which is not there")
    if variant == other.off:
        return {"feature": key, "enabled": False}
    if other.value(variant) is True:
        return {"feature": key, "enabled": True}
    return {"feature": key, "enabled": True, "variants": [variant]}


def _none_of(found: tuple[Case, ...]) -> tuple[Case, ...]:
    made: tuple[Case, ...] = ((),)
    for case in found:
        made = both(made, tuple((test._replace(negated=not test.negated),) for test in case))
    return made


def _constraint(test: Test) -> Rendered:
    name = _NAMES.get(test.attribute, test.attribute)
    made: Rendered = {"contextName": name, "inverted": test.negated, "caseInsensitive": False, "values": []}
    if "." in name:
        raise UntranslatableError(f"`{name}` is a part of an attribute")
    operator = test.operator
    if operator == "in" and len(test.values) == 1 and _is_number(test.values[0]):
        return {**made, "operator": "NUM_EQ", "value": _text(test.values[0])}
    if operator == "in":
        return {**made, "operator": "IN", "values": [_text(value) for value in test.values]}
    if operator in _TEXTS:
        return {**made, "operator": _TEXTS[operator], "values": [_text(value) for value in test.values]}
    if operator in _NUMBERS:
        return {**made, "operator": _NUMBERS[operator], "value": _text(test.values[0])}
    if operator == "sem_ver" and test.sign in _VERSIONS:
        return {**made, "operator": _VERSIONS[test.sign], "value": _text(test.values[0])}
    if operator == "date" and test.sign in _DATES and isinstance(test.values[0], str):
        return {**made, "operator": _DATES[test.sign], "value": test.values[0]}
    if operator == "cidr":
        return {**made, "operator": "IN_CIDR", "values": [_text(value) for value in test.values]}
    if operator == "regex":
        return {**made, "operator": "REGEX", "value": _pattern(test.values[0])}
    raise UntranslatableError(f"`{operator}{' ' + test.sign if test.sign else ''}` of `{test.attribute}`")


def _pattern(value: Any) -> str:
    try:
        return from_python(_text(value))
    except NoPatternError as error:
        raise UntranslatableError(str(error)) from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        raise UntranslatableError(f"{json.dumps(value)[:60]} is compared")
    return json.dumps(value)
