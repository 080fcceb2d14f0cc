"""What a judge reads and answers: headers, blocks of evidence, verdicts.

Shared by the engine, which produces evidence, and by the judges, which weigh it. Times are seconds, weights percent,
latencies milliseconds. `stable` is the concurrent control, `candidate` the version on trial.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec


class Verdict(StrEnum):
    """`fail`: roll back, and it never changes again. `pass`: the evidence to leave this stage is complete now.
    `continue`: keep waiting. `insufficient`: nothing to weigh. `error`: provider or input unusable."""

    CONTINUE = "continue"
    PASS = "pass"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"
    ERROR = "error"


class StagePlan(msgspec.Struct, frozen=True):
    """A stage as planned: the candidate's share in percent, and seconds (None: open-ended)."""

    weight: float
    seconds: float | None = None


class History(msgspec.Struct, frozen=True):
    """The stable version during the hour before the rollout; `buckets` per bucket, not cumulative."""

    requests: int
    errors: int
    buckets: tuple[int, ...] = ()


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge is told before the first line.

    `bounds_ms` are the upper bounds of the latency buckets, rising; a histogram has one bucket more. `counters` is
    "increments" (since the line before) or "cumulative" (raw, ever growing). `spec` names the judge and its options.
    """

    rollout: str
    bounds_ms: tuple[float, ...]
    stages: tuple[StagePlan, ...]
    counters: str = "increments"
    tick_seconds: float | None = None
    history: History | None = None
    spec: dict[str, Any] = {}


# Beyond this a float no longer holds every whole number; no counter of a service comes near.
COUNT_MAX = 2**53
Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_MAX)]


class Arm(msgspec.Struct, frozen=True, kw_only=True, rename={"cpu_percent": "cpu", "memory_bytes": "memory"}):
    """One version in one block. Counts are increments; the rest are readings at its end, None when not known.

    `cpu_percent` of the limit, mean over instances; `memory_bytes` per instance; `ready` of `instances` answer their
    health check; `p95_ms` for sources that know percentiles only; `events` are counts of further bad events by name.
    """

    requests: Count
    errors: Count
    buckets: list[Count]
    cpu_percent: float | None = None
    memory_bytes: float | None = None
    instances: float | None = None
    ready: float | None = None
    p95_ms: float | None = None
    restarts: Count = 0
    oom_kills: Count = 0
    events: dict[str, Count] = {}


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Both versions over one stretch of time.

    It lasted `seconds` and ended at `t` (since the rollout began), `stage_t` (since the stage began). `begin` is when
    it began, since the stage began. `stage_end`: the stage's planned seconds ran out inside it.
    """

    t: float
    seconds: float
    stage: int
    stage_t: float
    begin: float
    weight_percent: float
    stage_end: bool
    stable: Arm
    candidate: Arm


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which the provider had no data; `error` is what it said."""

    t: float
    stage: int
    stage_t: float
    error: str


class Answer(msgspec.Struct, frozen=True):
    """The judge's word on one line. `t` is the line's own, None when it had none. `evidence` is plain JSON data: always
    `reason` and `dropped`; a full record when the verdict changes, on a stage's last line and every 60 s."""

    t: float | None
    verdict: Verdict
    evidence: dict[str, Any]
