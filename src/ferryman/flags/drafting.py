"""A write before it is made: what the flags would be then, what is wrong with that, and what users would notice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ferryman.flags.check import Finding, check_set
from ferryman.flags.definition import Flag, FlagSet, Kind, Segment, in_environment, shared_differences
from ferryman.flags.ledger import Change, Ledger
from ferryman.flags.plan import ChangePlan, plan_change
from ferryman.flags.references import users_of_flag, users_of_segment


class Draft(NamedTuple):
    """What a write would do. `changes` are those that change anything, `findings` what forbids it, `plans` one for each
    flag in each environment; `fixed` names the experiments whose division users have met already."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    plans: tuple[ChangePlan, ...]
    fixed: tuple[str, ...]

    @property
    def unsettling(self) -> tuple[ChangePlan, ...]:
        """The plans that take the word of somebody who knows what they do."""
        return tuple(plan for plan in self.plans if plan.needs_rebucket or plan.flag in self.fixed)


def changes_of(defined: FlagSet, environments: Sequence[str]) -> tuple[Change, ...]:
    """A file's flags and segments as they are in each of these environments."""
    segments: dict[str, str | None] = {key: segment.when for key, segment in defined.segments.items()}
    return tuple(
        Change(name, {key: in_environment(flag, name) for key, flag in defined.flags.items()}, segments)
        for name in environments
    )


def draft(ledger: Ledger, wanted: Sequence[Change]) -> Draft:
    """What it comes to, seen from how things are now."""
    changes = tuple(change for each in wanted if (change := _real(ledger, each)).flags or change.segments)
    findings: list[Finding] = []
    plans: list[ChangePlan] = []
    fixed: set[str] = set()
    for change in changes:
        here = ledger.environment(change.environment)
        after = _after(here.whole, change)
        in_use = tuple(_in_use(here.whole, after, change))
        findings += in_use
        if not in_use:
            # Whoever refers to something from now on is among the changed, and found by that.
            affected = here.uses.of(change.flags, change.segments)
            findings += check_set(after, change.environment, affected)
        for key, flag in change.flags.items():
            before = here.flags.get(key)
            plans.append(plan_change(before, flag, change.environment))
            if flag is not None and before is not None and key in here.exposed and _divided_anew(before, flag):
                fixed.add(key)
    findings += _shared(ledger, changes)
    return Draft(changes, tuple(findings), tuple(plans), tuple(sorted(fixed)))


def _real(ledger: Ledger, change: Change) -> Change:
    """Without what is so already."""
    here = ledger.environment(change.environment)
    flags = {key: flag for key, flag in change.flags.items() if here.flags.get(key) != flag}
    segments = {
        key: when
        for key, when in change.segments.items()
        if when != (here.segments[key].when if key in here.segments else None)
    }
    return Change(change.environment, flags, segments)


def _after(whole: FlagSet, change: Change) -> FlagSet:
    flags = {key: flag for key, flag in {**whole.flags, **change.flags}.items() if flag is not None}
    named: Mapping[str, str | None] = change.segments
    segments = {key: segment for key, segment in whole.segments.items() if key not in named}
    segments |= {key: Segment(key, when) for key, when in named.items() if when is not None}
    return FlagSet(flags, segments)


def _in_use(before: FlagSet, after: FlagSet, change: Change) -> Iterator[Finding]:
    """Deleting what others refer to."""
    for key, flag in change.flags.items():
        users = users_of_flag(key, after.flags.values()) if flag is None and key in before.flags else ()
        if users:
            message = f"the flag `{key}` is needed by {', '.join(users)}"
            yield Finding(("flags", key), "not_allowed", message, "change those first")
    for key, when in change.segments.items():
        users = users_of_segment(key, after) if when is None and key in before.segments else ()
        if users:
            message = f"the segment `{key}` is used by {', '.join(users)}"
            yield Finding(("segments", key), "not_allowed", message, "change those first")


def _divided_anew(before: Flag, after: Flag) -> bool:
    """Whether an experiment would divide its users in another way than they met."""
    one, other = before.rollout, after.rollout
    if before.kind is not Kind.EXPERIMENT or one is None or other is None:
        return False
    return other != msgspec.structs.replace(one, exposure_percent=other.exposure_percent)


def _shared(ledger: Ledger, changes: Iterable[Change]) -> Iterator[Finding]:
    """Kind, variants, `off` and seed are the same in all environments of a flag."""
    changed: dict[tuple[str, str], Flag | None] = {}
    for change in changes:
        changed |= {(change.environment, key): flag for key, flag in change.flags.items()}
    names = sorted({name for name, _ in changed} | ledger.environments.keys())
    for key in sorted({key for _, key in changed}):
        all_of_it = ((name, changed.get((name, key), ledger.environment(name).flags.get(key))) for name in names)
        there = [(name, flag) for name, flag in all_of_it if flag is not None]
        for name, flag in there[1:]:
            different = shared_differences(there[0][1], flag)
            if different:
                message = f"`{key}` would differ between {there[0][0]} and {name} in {', '.join(different)}"
                hint = "environments share these: write to all of them at once"
                yield Finding(("flags", key, different[0].partition(".")[0]), "not_allowed", message, hint)
                break
