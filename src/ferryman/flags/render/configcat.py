"""The form of ConfigCat's SDKs: ``config_v6.json``, without their hashing of values.

A test of an attribute that the user lacks makes them skip the rule, negated or not. So a negated test is a flag of its own, on which
the rule depends. Their attributes Identifier, Email and Country are ours targetingKey, email and country.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet
from ferryman.flags.render.cases import Case, Test, UntranslatableError
from ferryman.flags.render.ways import Ways, ways
from ferryman.flags.slots import PER_PERCENT

Rendered = dict[str, Any]
BOOL, TEXT, WHOLE, NUMBER = 0, 1, 2, 3
_FIELDS = {BOOL: "b", TEXT: "s", WHOLE: "i", NUMBER: "d"}
_NAMES = {TARGETING_KEY: "Identifier", "email": "Email", "country": "Country"}
_TEXTS = {"in": 0, "contains": 2, "starts_with": 30, "ends_with": 32}
_VERSIONS = {"=": 4, "!=": 5, "<": 6, "<=": 7, ">": 8, ">=": 9}
_NUMBERS = {"<": 12, "<=": 13, ">": 14, ">=": 15}
_EQUAL_NUMBER = 10
_EQUALS, _EQUALS_NOT = 0, 1
"""How a rule depends on another flag."""


def render(flag: Flag, whole: FlagSet, overrides: Mapping[str, str]) -> dict[str, Rendered]:
    """One setting by its key, and those that it brings along; none for a flag whose clients take their own default. Raises
    `UntranslatableError`."""
    found = ways(flag, whole, overrides)
    if found.silent:
        return {}
    writer = _Writer(flag)
    rules = [_need(need.flag, need.variant, whole, writer) for need in flag.needs]
    for way in found.ways:
        served = writer.value(way.variant)
        rules += [{"c": writer.conditions(case), "s": served} for case in way.cases]
    made: Rendered = {"t": writer.kind, **writer.value(found.otherwise if found.on else flag.off), "r": rules}
    if found.division:
        made |= {"a": _name(found.by), "p": _shares(found, flag.off, writer), **writer.value(flag.off)}
    return {flag.key: made, **writer.brought}


def _shares(found: Ways, off: str, writer: _Writer) -> list[Rendered]:
    sizes: dict[str, int] = {}
    for part in found.division:
        sizes[part.variant] = sizes.get(part.variant, 0) + part.size
    for variant, size in sizes.items():
        if size % PER_PERCENT:
            raise UntranslatableError(f"{size / PER_PERCENT:g} % of `{variant}` is no whole percentage")
    ordered = sorted(sizes, key=lambda variant: variant == off)
    return [{"p": sizes[variant] // PER_PERCENT, **writer.value(variant)} for variant in ordered]


def _need(key: str, variant: str, whole: FlagSet, writer: _Writer) -> Rendered:
    other = whole.flags.get(key)
    if other is None or not other.has(variant):
        raise UntranslatableError(f"it needs {key}, which is not there")
    value = {_FIELDS[_kind(other)]: other.value(variant)}
    return {"c": [{"p": {"f": key, "c": _EQUALS_NOT, "v": value}}], "s": writer.value(writer.flag.off)}


class _Writer:
    """Values and conditions of one flag; `brought` are the flags that its negated tests are."""

    def __init__(self, flag: Flag) -> None:
        self.flag = flag
        self.kind = _kind(flag)
        self.brought: dict[str, Rendered] = {}

    def value(self, variant: str) -> Rendered:
        """A served value with its name."""
        return {"v": {_FIELDS[self.kind]: self.flag.value(variant)}, "i": variant}

    def conditions(self, case: Case) -> list[Rendered]:
        """A case; all must hold. Of none, a condition that everybody meets."""
        return [self._condition(test) for test in case] or [
            {"p": {"f": self._helper(None), "c": _EQUALS, "v": {"b": True}}}
        ]

    def _condition(self, test: Test) -> Rendered:
        if not test.negated:
            return _plain(test)
        return {"p": {"f": self._helper(test._replace(negated=False)), "c": _EQUALS, "v": {"b": False}}}

    def _helper(self, test: Test | None) -> str:
        """A flag that is true for whom the test holds; without one, for all."""
        name = f"{self.flag.key}--is-{len(self.brought)}"
        rules = [] if test is None else [{"c": [_plain(test)], "s": {"v": {"b": True}, "i": "yes"}}]
        self.brought[name] = {"t": BOOL, "v": {"b": test is None}, "i": "no", "r": rules}
        return name


def _kind(flag: Flag) -> int:
    values = [variant.value for variant in flag.variants]
    if all(isinstance(value, bool) for value in values):
        return BOOL
    if all(isinstance(value, str) for value in values):
        return TEXT
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return WHOLE
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return NUMBER
    raise UntranslatableError("its values are objects")


def _name(attribute: str) -> str:
    if "." in attribute:
        raise UntranslatableError(f"`{attribute}` is a part of an attribute")
    return _NAMES.get(attribute, attribute)


def _plain(test: Test) -> Rendered:
    name, operator, values = _name(test.attribute), test.operator, list(test.values)
    condition: Rendered
    if operator in _TEXTS and all(isinstance(value, str) for value in values):
        condition = {"c": _TEXTS[operator], "l": values}
    elif operator == "in" and len(values) == 1 and _is_number(values[0]):
        condition = {"c": _EQUAL_NUMBER, "d": values[0]}
    elif operator in _NUMBERS:
        condition = {"c": _NUMBERS[operator], "d": values[0]}
    elif operator == "sem_ver" and test.sign in {"=", "!="}:
        condition = {"c": _VERSIONS[test.sign], "l": values}
    elif operator == "sem_ver" and test.sign in _VERSIONS:
        condition = {"c": _VERSIONS[test.sign], "s": values[0]}
    else:
        sign = f" {test.sign}" if test.sign else ""
        raise UntranslatableError(f"`{operator}{sign}` of `{test.attribute}` with {values!r:.60}")
    return {"u": {"a": name, **condition}}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
