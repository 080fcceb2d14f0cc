"""A flag as the ways in which it decides, in order: what every form of another system is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet, Rollout, Rule
from ferryman.flags.expression import parse_when
from ferryman.flags.references import logic_of
from ferryman.flags.render.cases import Case, Segments, Test, both, cases
from ferryman.flags.slots import Part, parts


class Way(NamedTuple):
    """Who is in one of the `cases` is served `variant`."""

    cases: tuple[Case, ...]
    variant: str


class Ways(NamedTuple):
    """`on` is whether the flag decides at all: otherwise it serves `off`, or with `silent` what the program has in its code.
    Whom no way decides about falls to `division` by the attribute `by`, or without it to `otherwise`."""

    on: bool
    silent: bool
    ways: tuple[Way, ...]
    division: tuple[Part, ...]
    by: str
    otherwise: str


def ways(flag: Flag, whole: FlagSet, overrides: Mapping[str, str]) -> Ways:
    """Of a flag of one environment, needs apart. Raises `UntranslatableError`."""
    if flag.key in overrides:
        return Ways(False, False, (), (), TARGETING_KEY, flag.off)
    if not flag.enabled:
        return Ways(False, True, (), (), TARGETING_KEY, flag.off)
    by = flag.rollout.by if flag.rollout is not None else TARGETING_KEY
    found = tuple(Way(_rule_cases(rule, by, _segments(whole)), rule.serve) for rule in flag.rules)
    return Ways(True, False, found, _division(flag.rollout, flag.off), by, flag.otherwise)


def _division(rollout: Rollout | None, off: str) -> tuple[Part, ...]:
    return () if rollout is None else parts(rollout, off)


def _rule_cases(rule: Rule, by: str, segments: Segments) -> tuple[Case, ...]:
    logic = logic_of(rule)
    found: tuple[Case, ...] = ((),) if logic is None else cases(logic, segments)
    return both(((Test(by, "in", rule.allow),),), found) if rule.allow else found


def _segments(whole: FlagSet) -> Segments:
    def logic(key: str) -> Any:
        return parse_when(whole.segments[key].when)

    return logic
