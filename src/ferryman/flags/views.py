"""What people and programs are shown of flags: plain values, ready for JSON. Times are epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ferryman.flags.breaker import BreakerView
from ferryman.flags.definition import Flag
from ferryman.flags.ledger import Environment, Override
from ferryman.flags.references import users_of_flag
from ferryman.flags.slots import BUCKETS, division, exposed_buckets

HISTORY_MAX = 20


class DoneView(msgspec.Struct, frozen=True):
    """One thing done to a flag. `kind`: created, written, removed, killed, unkilled, tripped or recovered."""

    version: int
    at: float
    actor: str
    kind: str
    reason: str = ""


class FlagSummary(msgspec.Struct, frozen=True):
    """One flag in a list. `state`: enabled, disabled, killed or tripped. `exposed_percent` is of the users whom no rule
    decides about; `version` is the config version of its last change. `evaluated_at` is when programs last said that they
    evaluated it, of long ago the day; None: not within memory."""

    key: str
    kind: str
    state: str
    exposed_percent: float
    version: int
    changed_at: float
    changed_by: str
    owner: str = ""
    expires: str = ""
    description: str = ""
    evaluated_at: float | None = None


class FlagsView(msgspec.Struct, frozen=True):
    """The flags of one environment, by key. `trouble` says what is wrong with the log: flags are served on then, and not
    written. `unasked` are those that no program evaluated for 30 days."""

    environment: str
    version: int
    flags: tuple[FlagSummary, ...]
    segments: dict[str, str]
    trouble: str = ""
    unasked: tuple[str, ...] = ()


class FlagView(msgspec.Struct, frozen=True):
    """One flag. `definition` is what was intended, `served` flagd JSON as programs get it; `history` are the last things
    done to it, newest last; `breaker` is how its circuit breaker stands, None where none is watched."""

    environment: str
    summary: FlagSummary
    definition: Flag
    served: dict[str, Any]
    override: Override | None
    history: tuple[DoneView, ...]
    needed_by: tuple[str, ...] = ()
    breaker: BreakerView | None = None


class EnvironmentView(msgspec.Struct, frozen=True):
    """One environment. `version` is the config version of its last change."""

    name: str
    version: int
    flags: int
    killed: int
    trouble: str = ""


Evaluated = Mapping[str, float]
"""When each flag was last evaluated, by key."""

UNKNOWN: Evaluated = MappingProxyType({})


def flags_view(environment: Environment, trouble: str, evaluated: Evaluated, unasked: tuple[str, ...]) -> FlagsView:
    """All of one environment."""
    summaries = tuple(summary(environment, flag, evaluated) for _, flag in sorted(environment.flags.items()))
    segments = {key: segment.when for key, segment in sorted(environment.segments.items())}
    return FlagsView(environment.name, environment.version, summaries, segments, trouble, unasked)


def flag_view(
    environment: Environment,
    flag: Flag,
    served: dict[str, Any],
    evaluated: Evaluated = UNKNOWN,
    breaker: BreakerView | None = None,
) -> FlagView:
    """One of them."""
    return FlagView(
        environment=environment.name,
        summary=summary(environment, flag, evaluated),
        definition=flag,
        served=served,
        override=environment.override(flag.key),
        history=history(environment, flag.key)[-HISTORY_MAX:],
        needed_by=users_of_flag(flag.key, environment.flags.values()),
        breaker=breaker,
    )


def summary(environment: Environment, flag: Flag, evaluated: Evaluated = UNKNOWN) -> FlagSummary:
    """One flag in a list."""
    override = environment.override(flag.key)
    last = environment.history[flag.key][-1]
    exposed = 0 if override else exposed_buckets(division(flag))
    return FlagSummary(
        key=flag.key,
        kind=flag.kind.value,
        state=override.kind if override else "enabled" if flag.enabled else "disabled",
        exposed_percent=exposed * 100.0 / BUCKETS,
        version=last.version,
        changed_at=last.at,
        changed_by=last.actor,
        owner=flag.owner,
        expires=flag.expires,
        description=flag.description,
        evaluated_at=evaluated.get(flag.key),
    )


def history(environment: Environment, key: str) -> tuple[DoneView, ...]:
    """Everything done to a flag, oldest first; also to one that is gone."""
    done = environment.history.get(key, [])
    return tuple(DoneView(each.version, each.at, each.actor, each.kind, each.reason) for each in done)


def environment_view(environment: Environment, trouble: str) -> EnvironmentView:
    """One environment."""
    return EnvironmentView(
        environment.name, environment.version, len(environment.flags), len(environment.in_force()), trouble
    )
