"""What a flag is, as its authors write it. Percentages go from 0 to 100 in steps of 0.001."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any, cast

import msgspec

KEY_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
"""Keys of flags and segments: OFREP clients put them into a path without quoting."""

ENVIRONMENT_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
VARIANT_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"
DEFAULT_ENVIRONMENT = "prod"
TARGETING_KEY = "targetingKey"
DEPTH_MAX = 32
FLAG_BYTES_MAX = 64 * 1024
FLAGS_MAX = 20_000
"""In one file."""

FILE_CHARACTERS_MAX = 8 * 1024 * 1024

VARIANTS_MAX = 100
RULES_MAX = 200
ALLOWED_MAX = 5000


class Kind(StrEnum):
    """Why there is a flag, which decides what it may have and how it ends."""

    RELEASE = "release"
    OPS = "ops"
    EXPERIMENT = "experiment"
    PERMISSION = "permission"


class Hash(StrEnum):
    """How a key becomes a bucket: v3 hashes canonical CBOR, v2 the text itself."""

    V3 = "v3"
    V2 = "v2"


class Variant(msgspec.Struct, frozen=True):
    """One answer of a flag. All of one flag are of one JSON type."""

    name: str
    value: Any


class Need(msgspec.Struct, frozen=True):
    """The flag serves `off` unless `flag` serves the variant `variant` to the same user."""

    flag: str
    variant: str


class Rule(msgspec.Struct, frozen=True):
    """Who meets `serve` whatever the rollout says: those whose key is in `allow`, and those for whom `when` holds. With
    both, both must be so. `logic` is `when` written as JSONLogic. `driven`: a rollout put it there, and takes it away."""

    serve: str
    allow: tuple[str, ...] = ()
    when: str = ""
    logic: Any = None
    driven: bool = False


class Share(msgspec.Struct, frozen=True, array_like=True):
    """A variant's part of the users at full exposure."""

    variant: str
    percent: float


class Namespace(msgspec.Struct, frozen=True):
    """A range of one seed that experiments divide among them, so that nobody is in two of them."""

    name: str
    start_percent: float
    end_percent: float


class Rollout(msgspec.Struct, frozen=True):
    """How far a flag is rolled out: `exposure_percent` of each variant's users meet it, the rest meet `off`. `by` is the
    attribute that decides the side of a user; the order of `split` is that of the slots."""

    seed: str
    split: tuple[Share, ...]
    exposure_percent: float = 100.0
    by: str = TARGETING_KEY
    hash: Hash = Hash.V3
    namespace: Namespace | None = None


class Breaker(msgspec.Struct, frozen=True):
    """Trips the flag to `off` when `metric` (one of `ferryman.flags.breaker.METRICS`), or the value of the PromQL `query`, is
    above `above` for `for_seconds`; tries again after `recover_seconds`. One of the two is empty."""

    metric: str
    above: float
    for_seconds: float
    recover_seconds: float
    query: str = ""


class Place(msgspec.Struct, frozen=True):
    """What one environment has of its own; None: as in the flag."""

    enabled: bool | None = None
    rules: tuple[Rule, ...] | None = None
    exposure_percent: float | None = None
    default: str | None = None


class Imported(msgspec.Struct, frozen=True):
    """The flag as another system had it: `body` is JSON. Clients of that system are sent it as long as the rest of the flag has
    the `digest` that it had then."""

    system: str
    digest: str
    body: str


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """One flag. `off` is what the unexposed, the killed and the tripped get; `default` is for who no rule and no rollout
    decides about. `expires` is a date (YYYY-MM-DD)."""

    key: str
    kind: Kind
    variants: tuple[Variant, ...]
    off: str
    default: str = ""
    enabled: bool = True
    description: str = ""
    owner: str = ""
    expires: str = ""
    schema: Any = None
    needs: tuple[Need, ...] = ()
    rules: tuple[Rule, ...] = ()
    rollout: Rollout | None = None
    breaker: Breaker | None = None
    environments: dict[str, Place] = {}
    imported: Imported | None = None

    @property
    def otherwise(self) -> str:
        """The variant of `default`."""
        return self.default or self.off

    def value(self, variant: str) -> Any:
        """The value of a variant. Raises KeyError."""
        return {v.name: v.value for v in self.variants}[variant]

    def has(self, variant: str) -> bool:
        """Whether there is such a variant."""
        return any(v.name == variant for v in self.variants)


class Segment(msgspec.Struct, frozen=True):
    """A named condition that rules refer to, by `segment("name")`."""

    key: str
    when: str


class FlagSet(msgspec.Struct, frozen=True):
    """All flags and segments of one environment, by key."""

    flags: dict[str, Flag] = {}
    segments: dict[str, Segment] = {}


def in_environment(flag: Flag, environment: str) -> Flag:
    """The flag as it is in one environment, with no environments in it any more."""
    place = flag.environments.get(environment, Place())
    rollout = flag.rollout
    if rollout is not None and place.exposure_percent is not None:
        rollout = msgspec.structs.replace(rollout, exposure_percent=place.exposure_percent)
    there = msgspec.structs.replace(
        flag,
        enabled=flag.enabled if place.enabled is None else place.enabled,
        rules=flag.rules if place.rules is None else place.rules,
        default=flag.default if place.default is None else place.default,
        rollout=rollout,
        environments={},
    )
    return with_digest(there) if is_as_imported(flag) else msgspec.structs.replace(there, imported=None)


def is_as_imported(flag: Flag) -> bool:
    """Whether nobody edited it since it was imported."""
    return flag.imported is not None and flag.imported.digest == digest_of(flag)


def with_digest(flag: Flag) -> Flag:
    """The flag, imported as it is now."""
    if flag.imported is None:
        return flag
    return msgspec.structs.replace(flag, imported=msgspec.structs.replace(flag.imported, digest=digest_of(flag)))


def digest_of(flag: Flag) -> str:
    """Of everything in it but `imported`, also by later programs: what a field is that is left out does not matter."""
    written = msgspec.to_builtins(msgspec.structs.replace(flag, imported=None))
    said = {name: value if name == "variants" else _said(value) for name, value in written.items()}
    named = {name: value for name, value in said.items() if value not in _UNSAID}
    return hashlib.sha256(msgspec.json.encode(named, order="sorted")).hexdigest()[:32]


_UNSAID: tuple[Any, ...] = (None, "", False, [], {})


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        inside = {name: _said(each) for name, each in cast("dict[str, Any]", value).items()}
        return {name: each for name, each in inside.items() if each not in _UNSAID}
    return [_said(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


SHARED = ("kind", "variants", "off")


def shared_differences(one: Flag, other: Flag) -> tuple[str, ...]:
    """What environments must have in common and these two have not: names of fields."""
    found = [name for name in SHARED if getattr(one, name) != getattr(other, name)]
    if one.rollout and other.rollout and one.rollout.seed != other.rollout.seed:
        found.append("rollout.seed")
    return tuple(found)
