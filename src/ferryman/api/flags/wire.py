"""What goes over the wire about flags. Shared by the server and its clients. Times are epoch seconds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ferryman.api.wire import Reason
from ferryman.engine.flags.evaluations import DURATION_CLASSES
from ferryman.flags.definition import ENVIRONMENT_PATTERN, FILE_CHARACTERS_MAX, Flag
from ferryman.flags.plan import ChangePlan
from ferryman.model.errors import Problem

Environment = Annotated[str, Meta(pattern=f"^{ENVIRONMENT_PATTERN}$", max_length=40)]
Parent = Annotated[int, Meta(ge=0, le=2**53)]
Percentage = Annotated[float, Meta(ge=0, le=100)]
DOCUMENT_BYTES_MAX = 3 * FILE_CHARACTERS_MAX // 2
"""Of a request with a file in it."""

COUNTS_MAX = 10_000
FlagName = Annotated[str, Meta(max_length=128)]
VariantName = Annotated[str, Meta(max_length=63)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
EpochSeconds = Annotated[float, Meta(ge=0, le=1e12)]


class EnvironmentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which environment; a token of one needs not say."""

    environment: Environment | None = None


class FlagsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A flags file for some environments. Left out: `prod` and those that the file names. `parent` is the config version
    that was looked at: a flag that was changed after it is not overwritten."""

    document: Annotated[str, Meta(max_length=FILE_CHARACTERS_MAX)]
    parent: Parent
    file: Annotated[str, Meta(max_length=1000)] = "flags.yaml"
    environments: Annotated[tuple[Environment, ...], Meta(max_length=100)] = ()
    reason: Reason = ""
    rebucket: bool = False
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagsPlanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A flags file, to see what it would do."""

    document: Annotated[str, Meta(max_length=FILE_CHARACTERS_MAX)]
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
    written. `needs_rebucket` names what would not be written without that word. `request` is not 0 when people must agree
    first: the number under which it waits."""

    version: int
    plans: tuple[ChangePlan, ...]
    needs_rebucket: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    request: int = 0


class RequestAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody's word about a write that waits. `digest` is that of what was looked at."""

    digest: Annotated[str, Meta(max_length=64)]
    reason: Reason = ""
    actor: Annotated[str, Meta(max_length=100)] = ""


class FlagVersion(msgspec.Struct, frozen=True):
    """A flag as it was written in one config version; None: taken away."""

    environment: str
    flag: str
    version: int
    definition: Flag | None


class FlagDifference(msgspec.Struct, frozen=True):
    """What a write changed in a flag since it was written before, in config version `before` (0: there was none), as lines of
    a flags file in the form of a unified diff."""

    before: int
    after: int
    text: str


class ContextRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user for whom a flag is evaluated: attributes, `targetingKey` among them."""

    context: dict[str, Any] = {}


class FlagSetView(msgspec.Struct, frozen=True):
    """The flags of one environment as flagd JSON."""

    environment: str
    version: int
    flags: dict[str, Any]


class EvaluationCount(msgspec.Struct, frozen=True):
    """Evaluations of one flag with one outcome. `variant` None: the default in the program's own code."""

    flag: FlagName
    variant: VariantName | None
    reason: Annotated[str, Meta(max_length=40)]
    evaluations: Count


class VariantOutcome(msgspec.Struct, frozen=True):
    """Requests in which a variant was given, and how they fared. `durations[i]` counts those of at most 2^(i/4) ms
    that are in no earlier class; the last, beyond 16 s, is open; what is left out is 0."""

    flag: FlagName
    variant: VariantName | None
    requests: Count
    failures: Count
    durations: Annotated[tuple[Count, ...], Meta(max_length=DURATION_CLASSES)] = ()


class SampledExposure(msgspec.Struct, frozen=True):
    """Who was given which variant: the beginning of a hash of the user's key."""

    flag: FlagName
    variant: VariantName | None
    key: Annotated[str, Meta(max_length=64)]


class EvaluationsReport(msgspec.Struct, frozen=True):
    """What one program counted between `since` and `until` (epoch seconds by its clock), and the config version that it
    had at the end; None if it never had one. Programs may be newer than the controller: here, and nowhere else, fields that it
    does not know are passed over."""

    version: Parent | None
    since: EpochSeconds
    until: EpochSeconds
    counts: Annotated[tuple[EvaluationCount, ...], Meta(max_length=COUNTS_MAX)] = ()
    outcomes: Annotated[tuple[VariantOutcome, ...], Meta(max_length=COUNTS_MAX)] = ()
    exposures: Annotated[tuple[SampledExposure, ...], Meta(max_length=100)] = ()


class EvaluationsTaken(msgspec.Struct, frozen=True):
    """How many of them counted: not those of flags that are not there."""

    taken: int


class EvaluationsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when on, in epoch seconds; left out: the last hour. `by` is what is added up."""

    since: EpochSeconds | None = None
    by: Literal["minute", "day"] = "minute"
