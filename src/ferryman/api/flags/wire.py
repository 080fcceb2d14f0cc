"""What goes over the wire about flags. Shared by the server and its clients. Times are epoch seconds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ferryman.api.wire import Reason
from ferryman.flags.definition import ENVIRONMENT_PATTERN, Flag
from ferryman.flags.plan import ChangePlan
from ferryman.model.errors import Problem

Environment = Annotated[str, Meta(pattern=f"^{ENVIRONMENT_PATTERN}$", max_length=40)]
Parent = Annotated[int, Meta(ge=0, le=2**53)]
Percentage = Annotated[float, Meta(ge=0, le=100)]
DOCUMENT_CHARACTERS_MAX = 256 * 1024


class EnvironmentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which environment; a token of one needs not say."""

    environment: Environment | None = None


class FlagsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A flags file for some environments. Left out: `prod` and those that the file names. `parent` is the config version
    that was looked at: a flag that was changed after it is not overwritten."""

    document: Annotated[str, Meta(max_length=DOCUMENT_CHARACTERS_MAX)]
    parent: Parent
    file: Annotated[str, Meta(max_length=1000)] = "flags.yaml"
    environments: Annotated[tuple[Environment, ...], Meta(max_length=100)] = ()
    reason: Reason = ""
    rebucket: bool = False
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagsPlanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A flags file, to see what it would do."""

    document: Annotated[str, Meta(max_length=DOCUMENT_CHARACTERS_MAX)]
    file: Annotated[str, Meta(max_length=1000)] = "flags.yaml"
    environments: Annotated[tuple[Environment, ...], Meta(max_length=100)] = ()


class FlagChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn one thing of a flag in one environment. What is left out stays. With `dry_run` nothing is written."""

    parent: Parent
    exposure_percent: Percentage | None = None
    enabled: bool | None = None
    reason: Reason = ""
    rebucket: bool = False
    dry_run: bool = False
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagDeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kill, unkill: why."""

    reason: Reason = ""
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagRemoval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take a flag out of an environment."""

    parent: Parent
    reason: Reason = ""
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagRevert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Write a flag again as it was in `version`; 0: in the one before."""

    parent: Parent
    version: Parent = 0
    reason: Reason = ""
    rebucket: bool = False
    dry_run: bool = False
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagsAnswer(msgspec.Struct, frozen=True):
    """What a write did, or would do: one plan for each flag and environment that changes. `version` is 0 when nothing was
    written. `needs_rebucket` names what would not be written without that word."""

    version: int
    plans: tuple[ChangePlan, ...]
    needs_rebucket: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


class FlagVersion(msgspec.Struct, frozen=True):
    """A flag as it was written in one config version; None: taken away."""

    environment: str
    flag: str
    version: int
    definition: Flag | None


class ContextRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user for whom a flag is evaluated: attributes, `targetingKey` among them."""

    context: dict[str, Any] = {}


class FlagSetView(msgspec.Struct, frozen=True):
    """The flags of one environment as flagd JSON."""

    environment: str
    version: int
    flags: dict[str, Any]


class ExposureCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a variant was served in a minute (epoch second of its beginning). `variant` "": the code default."""

    flag: Annotated[str, Meta(max_length=128)]
    variant: Annotated[str, Meta(max_length=63)]
    reason: Annotated[str, Meta(max_length=40)]
    minute: Annotated[int, Meta(ge=0, le=2**40)]
    n: Annotated[int, Meta(ge=0, le=2**40)]


class ExposuresRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counters of one program since it last sent them, and the config version that it had."""

    version: Parent
    counts: Annotated[tuple[ExposureCount, ...], Meta(max_length=1000)]


class ExposuresTaken(msgspec.Struct, frozen=True):
    """How many of them counted."""

    taken: int
