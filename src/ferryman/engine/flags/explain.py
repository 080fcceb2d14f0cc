"""Why a user gets what they get: each thing that is asked in turn, and the bucket and the slot that decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ferryman.flags.compile import Compiled, rule_logic
from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet, Rollout, Rule
from ferryman.flags.expression import parse_when
from ferryman.flags.hashing import bucket_of
from ferryman.flags.logic import replaced
from ferryman.flags.slots import part_of, parts
from ferryman_flags import Evaluator
from ferryman_flags.values import text, truthy


class Asked(msgspec.Struct, frozen=True):
    """One question. `what` names it, `said` is the answer in words; `decided`: by it."""

    what: str
    said: str
    decided: bool = False


class Explanation(msgspec.Struct, frozen=True):
    """What one flag serves to one user and why. `bucket` and `until` are the user's bucket and the end of the slot that it
    lies in, of `BUCKETS`; None where no rollout was asked."""

    flag: str
    value: Any
    variant: str | None
    reason: str
    error: str
    asked: tuple[Asked, ...]
    bucket: int | None = None
    until: int | None = None


def explain(
    flag: Flag, whole: FlagSet, overrides: Mapping[str, str], compiled: Mapping[str, Compiled], context: dict[str, Any]
) -> Explanation:
    """Evaluate and say why. `compiled` holds the flags as they are served."""
    evaluator = Evaluator()
    evaluator.load({"flags": dict(compiled)})
    found = evaluator.details(flag.key, None, context)
    reading = _Reading(flag, whole, evaluator, context)
    asked = tuple(reading.asked(overrides.get(flag.key, "")))
    return Explanation(
        flag=flag.key,
        value=found.value,
        variant=found.variant,
        reason=str(found.reason),
        error=str(found.error or ""),
        asked=asked,
        bucket=reading.bucket,
        until=reading.until,
    )


class _Reading:
    """The questions in their order, up to the one that decides."""

    def __init__(self, flag: Flag, whole: FlagSet, evaluator: Evaluator, context: dict[str, Any]) -> None:
        self._flag = flag
        self._whole = whole
        self._evaluator = evaluator
        self._context = context
        self.bucket: int | None = None
        self.until: int | None = None

    def asked(self, override: str) -> list[Asked]:
        flag = self._flag
        if override:
            return [Asked("override", f"the flag is {override}: {flag.off} for everybody", decided=True)]
        if not flag.enabled:
            return [Asked("state", "disabled: the default in the program's own code", decided=True)]
        found: list[Asked] = []
        for need in flag.needs:
            other = self._evaluator.details(need.flag, None, self._context).variant
            met = other == need.variant
            said = f"{need.flag} is {other}" + ("" if met else f", not {need.variant}: {flag.off}")
            found.append(Asked("need", said, decided=not met))
            if not met:
                return found
        for number, rule in enumerate(flag.rules, 1):
            fits = self._fits(rule)
            said = f"{_words(rule)}: {rule.serve if fits else 'no'}"
            found.append(Asked(f"rule {number}", said, decided=fits))
            if fits:
                return found
        found.append(self._rollout(flag.rollout) if flag.rollout else Asked("default", flag.otherwise, decided=True))
        return found

    def _fits(self, rule: Rule) -> bool:
        by = self._flag.rollout.by if self._flag.rollout else TARGETING_KEY
        return truthy(self._value(replaced(rule_logic(rule, by), self._segment)))

    def _segment(self, key: str) -> Any:
        return replaced(parse_when(self._whole.segments[key].when), self._segment)

    def _value(self, logic: Any) -> bool:
        probe = {
            "state": "ENABLED",
            "variants": {"yes": True, "no": False},
            "defaultVariant": "no",
            "targeting": {"if": [logic, "yes", "no"]},
        }
        self._evaluator.patch({"": probe})
        return self._evaluator.bool("", default=False, context=self._context)

    def _rollout(self, rollout: Rollout) -> Asked:
        value = looked_up(self._context, rollout.by)
        if not truthy(value):
            return Asked("rollout", f"{rollout.by} is not there: {self._flag.off}", decided=True)
        self.bucket = bucket_of(rollout, text(value))
        part = part_of(parts(rollout, self._flag.off), self.bucket)
        self.until = part.end
        side = "exposed" if part.exposed else "not exposed"
        return Asked(
            "rollout", f"bucket {self.bucket} of {part.start} to {part.end}, {side}: {part.variant}", decided=True
        )


def looked_up(context: Mapping[str, Any], path: str) -> Any:
    """The attribute at a dotted path; None when there is none."""
    found: Any = context
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return found  # pyright: ignore[reportUnknownVariableType]


def _words(rule: Rule) -> str:
    allowed = f"one of {len(rule.allow)} allowed" if rule.allow else ""
    condition = rule.when or ("its logic" if rule.logic is not None else "")
    return " and ".join(part for part in (allowed, condition) if part) or "everybody"
