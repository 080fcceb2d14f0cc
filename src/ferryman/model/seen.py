"""What is true now, as far as anybody can tell: one observation of a service."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from ferryman.model.generation import Generation
from ferryman.model.world import FlagShare


class InstanceState(StrEnum):
    """Life of an instance. `unready`: it was ready and is not now. `failed`: it ended unasked or never came up."""

    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    DRAINING = "draining"
    FAILED = "failed"
    GONE = "gone"


LIVE_STATES = frozenset({InstanceState.STARTING, InstanceState.READY, InstanceState.UNREADY, InstanceState.DRAINING})


class Instance(msgspec.Struct, frozen=True):
    """One instance. Times are epoch seconds; `connections` is the number of established client connections, None when
    unknown. `cpu_percent` is of one core, `memory_bytes` resident."""

    id: str
    revision: str
    state: InstanceState
    started_at: float
    since: float
    host: str = "127.0.0.1"
    port: int | None = None
    connections: int | None = None
    reason: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None


class RouteStatus(StrEnum):
    """`applied`: every listener serves the last table written. `absent`: no table was ever written."""

    APPLIED = "applied"
    PENDING = "pending"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    ABSENT = "absent"


class RoutesSeen(msgspec.Struct, frozen=True):
    """What the data plane serves: the acknowledged table. `endpoints` are instance ids per revision."""

    status: RouteStatus = RouteStatus.ABSENT
    generation: Generation | None = None
    weights: dict[str, float] = {}
    endpoints: dict[str, frozenset[str]] = {}
    matches: int = 0
    preview: str | None = None
    reason: str = ""


class FlagSeen(msgspec.Struct, frozen=True):
    """How far a feature flag is exposed, as it is served. `override` is killed or tripped, "" for neither, and `reason` who
    did it and why; `missing`: there is no such flag any more, or none that can be rolled out."""

    share: FlagShare
    version: int = 0
    override: str = ""
    reason: str = ""
    missing: bool = False


class AnalysisSeen(msgspec.Struct, frozen=True):
    """The judge's present word on one attempt of one rollout. `verdict`: continue, pass, fail, insufficient or error; `stage` is the
    judge's. `error_since` is set while evidence is missing, `error_seconds` sums that over the stage."""

    rollout: str
    attempt: int
    stage: int
    verdict: str
    reason: str
    at: float
    error_since: float | None = None
    error_seconds: float = 0.0
    candidate_requests: int = 0
    evidence: dict[str, Any] = {}


class CheckSeen(msgspec.Struct, frozen=True):
    """Outcome of a check run by the engine: `state` running, passed or failed."""

    key: str
    state: str
    detail: str = ""


class Seen(msgspec.Struct, frozen=True):
    """One observation of a service at epoch second `at`."""

    at: float
    instances: tuple[Instance, ...] = ()
    routes: RoutesSeen = RoutesSeen()
    analysis: AnalysisSeen | None = None
    checks: tuple[CheckSeen, ...] = ()
    flags: tuple[FlagSeen, ...] = ()
