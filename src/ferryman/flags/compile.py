"""A flag of one environment as flagd JSON: `state, variants, defaultVariant, targeting, metadata` and nothing else.

Order: killed or tripped, disabled, needs, rules (the first that matches), rollout, default. Segments and needs are inlined,
because clients of flagd lose their whole set over a key that they do not know, and a `$ref` is one more thing to lose it
over. What buckets carries its own seed, so that it divides users in the same way wherever it is inlined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferryman.flags.definition import Flag, FlagSet, Hash, Need, Rollout, Rule
from ferryman.flags.expression import parse_when
from ferryman.flags.logic import nodes, replaced
from ferryman.flags.references import logic_of
from ferryman.flags.slots import Part, parts

NODES_MAX = 50_000
"""Nodes of one compiled targeting, everything inlined."""

Compiled = dict[str, Any]


class TooLargeError(ValueError):
    """What a flag needs, inlined again and again, has more than `NODES_MAX` nodes."""


def compile_flag(flag: Flag, whole: FlagSet, overrides: Mapping[str, str]) -> Compiled:
    """The flag as it is sent out. `whole` holds what it refers to, checked before; `overrides` says which flags are
    ``killed`` or ``tripped``. Raises `TooLargeError`, `ExpressionError`, KeyError for what is not there."""
    override = overrides.get(flag.key, "")
    made: Compiled = {
        "state": "ENABLED" if flag.enabled or override else "DISABLED",
        "variants": {variant.name: variant.value for variant in flag.variants},
        "defaultVariant": flag.off if override else flag.otherwise,
    }
    if not override:
        targeting = _Inliner(whole, overrides).targeting(flag)
        if isinstance(targeting, str):
            made["defaultVariant"] = targeting
        else:
            made["targeting"] = targeting
    made["metadata"] = _metadata(flag, "", override) if override else _metadata(flag, _hash(flag, whole), "")
    return made


def compile_all(whole: FlagSet, overrides: Mapping[str, str]) -> dict[str, Compiled]:
    """Every flag of a set, by key."""
    return {key: compile_flag(flag, whole, overrides) for key, flag in sorted(whole.flags.items())}


def hashes_of(flag: Flag, whole: FlagSet) -> frozenset[Hash]:
    """The generations of hashing that a flag needs, its needs inlined. An evaluator knows one for each flag."""
    found: set[Hash] = set()
    seen, waiting = {flag.key}, [flag]
    while waiting:
        one = waiting.pop()
        if one.rollout is not None:
            found.add(one.rollout.hash)
        for need in one.needs:
            if need.flag not in seen and need.flag in whole.flags:
                seen.add(need.flag)
                waiting.append(whole.flags[need.flag])
    return frozenset(found)


def _hash(flag: Flag, whole: FlagSet) -> str:
    return next(iter(sorted(hashes_of(flag, whole))), "")


def rollout_logic(rollout: Rollout, off: str) -> Any:
    """Who has no key gets `off`: all of them would share one bucket otherwise."""
    divided = parts(rollout, off)
    inside: Any = divided[0].variant if len(divided) == 1 else {"fractional": [_key(rollout), *map(_weight, divided)]}
    return inside if inside == off else {"if": [{"!!": [{"var": rollout.by}]}, inside, off]}


def _key(rollout: Rollout) -> Any:
    return {"cat": [rollout.seed, ".", {"var": rollout.by}]}


def _weight(part: Part) -> list[Any]:
    return [part.variant, part.size]


def rule_logic(rule: Rule, by: str) -> Any:
    """The condition of a rule, its segments not yet inlined; True for one without a condition."""
    conditions: list[Any] = [{"in": [{"var": by}, list(rule.allow)]}] if rule.allow else []
    logic = logic_of(rule)
    if logic is not None:
        conditions.append(logic)
    return True if not conditions else conditions[0] if len(conditions) == 1 else {"and": conditions}


class _Inliner:
    """Targeting with everything in it, within a bound."""

    def __init__(self, whole: FlagSet, overrides: Mapping[str, str]) -> None:
        self._whole = whole
        self._overrides = overrides
        self._nodes = 0

    def targeting(self, flag: Flag) -> Any:
        """A tree, or the name of a variant where it is the same for everybody."""
        branches: list[Any] = []
        for need in flag.needs:
            met = self._met(need)
            if met is False:
                return flag.off
            if met is not True:
                branches += [{"!": [met]}, flag.off]
        by = flag.rollout.by if flag.rollout else "targetingKey"
        for rule in flag.rules:
            condition = replaced(rule_logic(rule, by), self._segment)
            if condition is True:
                return self._counted(_branched(branches, rule.serve))
            branches += [condition, rule.serve]
        last = flag.otherwise if flag.rollout is None else rollout_logic(flag.rollout, flag.off)
        return self._counted(_branched(branches, last))

    def _met(self, need: Need) -> Any:
        other = self._whole.flags[need.flag]
        if other.key in self._overrides:
            return other.off == need.variant
        if not other.enabled:
            return False
        found = self.targeting(other)
        return found == need.variant if isinstance(found, str) else {"==": [found, need.variant]}

    def _segment(self, key: str) -> Any:
        return self._counted(replaced(parse_when(self._whole.segments[key].when), self._segment))

    def _counted(self, logic: Any) -> Any:
        self._nodes += sum(1 for _ in nodes(logic))
        if self._nodes > NODES_MAX:
            raise TooLargeError(f"with all that it refers to it has more than {NODES_MAX} parts")
        return logic


def _branched(branches: list[Any], last: Any) -> Any:
    if not branches:
        return last
    results = {each for each in branches[1::2] if isinstance(each, str)}
    return last if isinstance(last, str) and results == {last} else {"if": [*branches, last]}


def _metadata(flag: Flag, hashing: str, override: str) -> dict[str, Any]:
    rollout = flag.rollout
    facts = {
        "kind": flag.kind.value,
        "off": flag.off,
        "owner": flag.owner,
        "expires": flag.expires,
        "hash": str(hashing),
        "seed": rollout.seed if rollout else "",
        "override": override,
    }
    return {f"ferryman.{name}": value for name, value in facts.items() if value}
