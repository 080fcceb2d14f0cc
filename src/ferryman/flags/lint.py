"""What is allowed in flags and likely not meant, or not understood by every client."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from ferryman.flags.check import Finding, Path
from ferryman.flags.definition import Flag, FlagSet, Hash, Kind, Rule
from ferryman.flags.expression import parse_when
from ferryman.flags.logic import OWN, operators
from ferryman.flags.references import logic_of, segments_of, segments_of_segment

LONG_LIVED_DAYS = 366


def lint(whole: FlagSet, today: dt.date) -> Iterator[Finding]:
    """Warnings about flags and segments that pass every check. Codes: not_portable, old_hash, expired, far_away,
    never_exposed, unused."""
    for flag in whole.flags.values():
        yield from _flag(flag, today)
    for segment in whole.segments.values():
        yield from _portable(parse_when(segment.when), ("segments", segment.key))
    used = {name for flag in whole.flags.values() for name in segments_of(flag)}
    used |= {name for segment in whole.segments.values() for name in segments_of_segment(segment)}
    for name in sorted(whole.segments.keys() - used):
        yield Finding(("segments", name), "unused", f"no flag names the segment `{name}`", "delete it")


def _flag(flag: Flag, today: dt.date) -> Iterator[Finding]:
    at: Path = ("flags", flag.key)
    lists: list[tuple[Path, tuple[Rule, ...]]] = [((*at, "rules"), flag.rules)]
    for name, place in flag.environments.items():
        lists.append(((*at, "environments", name, "rules"), place.rules or ()))
    for path, rules in lists:
        for number, rule in enumerate(rules):
            yield from _portable(logic_of(rule), (*path, number, "when" if rule.when else "logic"))
    if flag.rollout is not None and flag.rollout.hash is Hash.V2:
        hint = "clients that hash by v3 meet other users: let them ask this controller, or change it by --rebucket"
        yield Finding((*at, "rollout", "hash"), "old_hash", "the flag hashes by v2", hint)
    if flag.expires:
        yield from _expiry(flag, dt.date.fromisoformat(flag.expires), today)
    if flag.kind is Kind.RELEASE and flag.rollout is None and flag.otherwise == flag.off and not flag.rules:
        yield Finding(at, "never_exposed", "nobody can ever meet another variant than `off`", "give it a `rollout`")


def _expiry(flag: Flag, expires: dt.date, today: dt.date) -> Iterator[Finding]:
    path: Path = ("flags", flag.key, "expires")
    if expires < today:
        hint = f"take `{flag.key}` out of the code, or give it more time"
        yield Finding(path, "expired", f"the flag expired on {expires}", hint)
    elif (expires - today).days > LONG_LIVED_DAYS:
        hint = "a flag that stays is one of kind ops or permission"
        yield Finding(path, "far_away", f"it expires in {(expires - today).days} days", hint)


def _portable(logic: Any, path: Path) -> Iterator[Finding]:
    for name in sorted(operators(logic) & OWN):
        hint = "clients of flagd take the flag for broken; those of ferryman-flags know it"
        yield Finding(path, "not_portable", f"the operator `{name}` is not one of flagd's", hint)
