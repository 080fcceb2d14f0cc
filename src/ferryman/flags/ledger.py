"""What the journal `flags` adds up to: the flags of every environment, what was killed or tripped, and who did it. A fold.

The number of an entry is the config version of what it wrote. Kills and trips are kept apart from what people intended: the
newest version counts again when they end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from ferryman.flags.definition import Flag, FlagSet, Segment
from ferryman.flags.references import Dependants
from ferryman.flags.requests import Requests
from ferryman.flags.slots import division, exposed_buckets
from ferryman.model.generation import Generation

STREAM = "flags"


class Change(msgspec.Struct, frozen=True):
    """What a write does to one environment; None takes a flag or segment away. Segments are their conditions."""

    environment: str
    flags: dict[str, Flag | None] = {}
    segments: dict[str, str | None] = {}


class Driver(msgspec.Struct, frozen=True):
    """The rollout that wrote, its service, and the generation in which it did."""

    service: str
    rollout: str
    generation: Generation


class Written(msgspec.Struct, frozen=True):
    """Body of ``flags_written``. `parent` is the config version that the writer had seen; `rebucket` says that exposed
    users might move; `reverted` is the version that came back, `request` the number of the request that people agreed to,
    0 for none; `driver` the rollout that did it."""

    changes: tuple[Change, ...]
    parent: int
    reason: str = ""
    rebucket: bool = False
    reverted: int = 0
    request: int = 0
    driver: Driver | None = None


class Overridden(msgspec.Struct, frozen=True):
    """Body of ``flag_killed``, ``flag_unkilled``, ``flag_tripped`` and ``flag_recovered``."""

    environment: str
    flag: str
    reason: str = ""


class Fenced(msgspec.Struct, frozen=True):
    """Body of ``flag_fenced``: from here on no older generation of that service writes to the flag."""

    environment: str
    flag: str
    driver: Driver


BODIES: dict[str, type[Written | Overridden | Fenced]] = {
    "flags_written": Written,
    "flag_killed": Overridden,
    "flag_unkilled": Overridden,
    "flag_tripped": Overridden,
    "flag_recovered": Overridden,
    "flag_fenced": Fenced,
}
OVERRIDES = {"flag_killed": "killed", "flag_tripped": "tripped"}
ENDS = {"flag_unkilled": "killed", "flag_recovered": "tripped"}


class Override(msgspec.Struct, frozen=True):
    """Why a flag serves `off` whatever was intended. `kind`: killed or tripped."""

    kind: str
    since: float
    by: str
    reason: str
    version: int


class Done(NamedTuple):
    """One thing done to one flag. `position` is the entry's in the journals."""

    version: int
    position: int
    at: float
    actor: str
    kind: str
    reason: str


class Recorded(NamedTuple):
    """An entry of the journal."""

    version: int
    position: int
    at: float
    actor: str
    kind: str
    body: dict[str, Any]


@dataclass
class Environment:
    """One environment. `version` is of the last change to it; `versions` of each flag that is or was there; `exposed` are
    the flags that users ever met; `drivers` are the rollouts that last wrote to a flag, by flag and service."""

    name: str
    version: int = 0
    flags: dict[str, Flag] = field(default_factory=dict[str, Flag])
    segments: dict[str, Segment] = field(default_factory=dict[str, Segment])
    versions: dict[str, int] = field(default_factory=dict[str, int])
    overrides: dict[str, dict[str, Override]] = field(default_factory=dict[str, dict[str, Override]])
    history: dict[str, list[Done]] = field(default_factory=dict[str, list[Done]])
    exposed: set[str] = field(default_factory=set[str])
    drivers: dict[str, dict[str, Driver]] = field(default_factory=dict[str, dict[str, Driver]])
    uses: Dependants = field(default_factory=Dependants)

    @property
    def whole(self) -> FlagSet:
        """Flags and segments."""
        return FlagSet(self.flags, self.segments)

    def override(self, key: str) -> Override | None:
        """The one that counts: a kill before a trip."""
        found = self.overrides.get(key, {})
        return found.get("killed") or found.get("tripped")

    def created_at(self, key: str) -> float:
        """When a flag was there again, the last time (epoch seconds); 0 for none."""
        return next((done.at for done in reversed(self.history.get(key, [])) if done.kind == "created"), 0.0)

    def drove(self, key: str, driver: Driver) -> None:
        """A rollout wrote to a flag, or is the only one of its service that may."""
        self.drivers.setdefault(key, {})[driver.service] = driver

    def in_force(self) -> dict[str, str]:
        """Flag -> kind of its override."""
        return {key: next(iter(sorted(kinds))) for key, kinds in self.overrides.items() if kinds}


class Touched(NamedTuple):
    """What an entry changed in one environment."""

    environment: str
    flags: frozenset[str]
    segments: frozenset[str]


@dataclass
class Ledger:
    """All environments, by name, and the config version of the last entry."""

    version: int = 0
    environments: dict[str, Environment] = field(default_factory=dict[str, Environment])
    requests: Requests = field(default_factory=Requests)

    def environment(self, name: str) -> Environment:
        """One of them; a new one is empty."""
        found = self.environments.get(name)
        return found if found is not None else Environment(name)

    def apply(self, entry: Recorded) -> tuple[Touched, ...]:
        """What follows from one more entry; kinds of a newer version count for nothing but their number."""
        self.version = entry.version
        if entry.kind == "change_requested":
            self.requests.asked(entry.version, entry.at, entry.actor, entry.body)
        elif entry.kind in {"change_approved", "change_denied"}:
            self.requests.answered(entry.at, entry.actor, entry.body, agreed=entry.kind == "change_approved")
        kind = BODIES.get(entry.kind)
        if kind is None:
            return ()
        body = msgspec.convert(entry.body, kind)
        if isinstance(body, Fenced):
            # Nothing that is served changes, so no version does.
            self.environments.setdefault(body.environment, Environment(body.environment)).drove(body.flag, body.driver)
            return ()
        if isinstance(body, Written):
            self.requests.applied(body.request)
            return tuple(self._write(change, entry, body) for change in body.changes)
        return (self._override(body, entry),)

    def _open(self, name: str, version: int) -> Environment:
        environment = self.environments.setdefault(name, Environment(name))
        environment.version = version
        return environment

    def _write(self, change: Change, entry: Recorded, body: Written) -> Touched:
        environment = self._open(change.environment, entry.version)
        # New dictionaries: what was handed out stays as it was.
        flags, segments = dict(environment.flags), dict(environment.segments)
        for key, flag in change.flags.items():
            kind = "removed" if flag is None else "written" if key in flags else "created"
            if flag is None:
                flags.pop(key, None)
                environment.overrides.pop(key, None)
                environment.exposed.discard(key)
            else:
                flags[key] = flag
                if exposed_buckets(division(flag)):
                    environment.exposed.add(key)
            environment.uses.put_flag(key, flag)
            environment.versions[key] = entry.version
            if body.driver is not None:
                environment.drove(key, body.driver)
            self._note(environment, key, entry, kind, body.reason)
        for key, when in change.segments.items():
            if when is None:
                segments.pop(key, None)
            else:
                segments[key] = Segment(key, when)
            environment.uses.put_segment(key, segments.get(key))
        environment.flags, environment.segments = flags, segments
        return Touched(change.environment, frozenset(change.flags), frozenset(change.segments))

    def _override(self, body: Overridden, entry: Recorded) -> Touched:
        environment = self._open(body.environment, entry.version)
        kinds = dict(environment.overrides.get(body.flag, {}))
        if entry.kind in OVERRIDES:
            kind = OVERRIDES[entry.kind]
            kinds[kind] = Override(kind, entry.at, entry.actor, body.reason, entry.version)
        else:
            kinds.pop(ENDS[entry.kind], None)
        environment.overrides[body.flag] = kinds
        self._note(environment, body.flag, entry, entry.kind.removeprefix("flag_"), body.reason)
        return Touched(body.environment, frozenset({body.flag}), frozenset())

    @staticmethod
    def _note(environment: Environment, key: str, entry: Recorded, kind: str, reason: str) -> None:
        done = Done(entry.version, entry.position, entry.at, entry.actor, kind, reason)
        environment.history.setdefault(key, []).append(done)


def body_of(body: msgspec.Struct) -> dict[str, Any]:
    """A body as the journal takes it."""
    return msgspec.to_builtins(body)
