"""What people and programs are shown of a service: plain values, ready for JSON. Times are epoch seconds."""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.model.revision import Revision


class SideView(msgspec.Struct, frozen=True):
    """One revision as it runs now. `role`: stable, candidate or old. Rates are over the last ten seconds, None where
    nothing was measured; `stage_requests` and `stage_errors` count from the start of the judge's present stage."""

    revision: str
    label: str
    role: str
    wanted: int
    ready: int
    live: int
    weight_asked: float
    weight_seen: float
    requests_per_second: float | None = None
    error_percent: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cpu_percent: float | None = None
    memory_bytes: float | None = None
    total_requests: int = 0
    stage_requests: int = 0
    stage_errors: int = 0
    reasons: tuple[str, ...] = ()


class StepView(msgspec.Struct, frozen=True):
    """One step of the track being walked. `state`: done, current or ahead."""

    name: str
    phase: str
    state: str
    exposure_percent: float
    gates: tuple[str, ...] = ()


class GivenView(msgspec.Struct, frozen=True):
    """One person's approval or denial."""

    at: float
    by: str
    role: str
    reason: str = ""


class ApprovalView(msgspec.Struct, frozen=True):
    """An approval that was asked for in this attempt: `needed` people of `role` or above, `given` so far. `state`: open,
    granted or denied. `until` is when an open one counts as denied (None: never). `key` names it in approve and deny."""

    key: str
    step: int
    step_name: str
    role: str
    needed: int
    given: tuple[GivenView, ...]
    state: str
    since: float
    until: float | None = None
    denied: GivenView | None = None


class IncidentView(msgspec.Struct, frozen=True):
    """Users met the version `label`, which was taken back at epoch second `at`, in that rollout. `postmortem` is where
    somebody wrote about it, "" while nobody did."""

    rollout: str
    at: float
    label: str
    postmortem: str = ""


class RolloutView(msgspec.Struct, frozen=True):
    """One rollout. `verdict` is the judge's present word; `evidence` its record; `waiting_for` is why nothing moves and
    `next` what comes then; `until` is when time alone will move it; `eta_seconds` to promotion if all goes well. `held` is
    what will keep it from meeting more users when this step is done, "" for nothing."""

    id: str
    number: int
    kind: str
    strategy: str
    attempt: int
    candidate: str
    stable: str | None
    phase: str
    track: str
    step: int
    steps: tuple[StepView, ...]
    exposure_percent: float
    max_exposure_percent: float
    created_at: float
    created_by: str
    started_at: float | None = None
    ended_at: float | None = None
    reached_at: float | None = None
    pause_kind: str | None = None
    pause_reason: str | None = None
    pause_since: float | None = None
    pause_by: str | None = None
    cause_kind: str | None = None
    cause_reason: str | None = None
    reason: str = ""
    rollback_seconds: float | None = None
    ready_seconds: float | None = None
    superseded_by: str | None = None
    verdict: str | None = None
    verdict_reason: str = ""
    evidence: dict[str, Any] = {}
    waiting_for: str = ""
    next: str = ""
    until: float | None = None
    eta_seconds: float | None = None
    approvals: tuple[ApprovalView, ...] = ()
    emergency: bool = False
    incident: IncidentView | None = None
    held: str = ""


class EventView(msgspec.Struct, frozen=True):
    """One entry of the log; `text` says it in a line, `body` holds all of it."""

    position: int
    service: str
    seq: int
    rollout: str
    at: float
    actor: str
    kind: str
    text: str
    body: dict[str, Any] = {}
    hash: str = ""


class InstanceView(msgspec.Struct, frozen=True):
    """One instance."""

    id: str
    label: str
    state: str
    started_at: float
    port: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    reason: str = ""


class FreezeView(msgspec.Struct, frozen=True):
    """No more users meet any candidate: by whom, why, since when, until when (None: until lifted)."""

    by: str
    reason: str
    since: float
    until: float | None = None


class ServiceView(msgspec.Struct, frozen=True):
    """Everything the status of a service shows. `healthy` is True when what is wanted is what is there; `trouble` says
    what is not. `url` is where users connect. `standing` names what a verb would act on: handed back with a verb, the verb
    is refused when things have moved on since. `unheard` says which channels fail to tell people of this service: that makes
    it no less healthy. `incident` is the newest that nobody has written about."""

    service: str
    at: float
    healthy: bool
    trouble: str
    serving: str | None
    down: bool
    url: str | None
    preview_url: str | None
    rollout: RolloutView | None
    sides: tuple[SideView, ...]
    instances: tuple[InstanceView, ...]
    legal: tuple[str, ...]
    queue: tuple[str, ...] = ()
    recent: tuple[EventView, ...] = ()
    position: int = 0
    freeze: FreezeView | None = None
    standing: str = ""
    unheard: tuple[str, ...] = ()
    incident: IncidentView | None = None


class AnswerView(msgspec.Struct, frozen=True):
    """The answer to a verb. `changed` is False when there was nothing to do. `held` is what keeps the rollout from meeting
    more users all the same ("" for nothing), `held_until` when that ends by itself (epoch seconds)."""

    service: str
    text: str
    rollout: str | None
    changed: bool
    held: str = ""
    held_until: float | None = None


class RolloutSummary(msgspec.Struct, frozen=True):
    """One line of the history, from events alone. `cause_kind` is why it went back; `ready_seconds` how long the first
    instances took to be ready."""

    id: str
    number: int
    kind: str
    strategy: str
    candidate: str
    stable: str | None
    outcome: str
    reason: str
    created_at: float
    created_by: str
    ended_at: float | None
    seconds: float | None
    rollback_seconds: float | None
    max_exposure_percent: float
    attempt: int
    cause_kind: str | None = None
    ready_seconds: float | None = None


class RolloutDetail(msgspec.Struct, frozen=True):
    """What one rollout was about: its content and its plan, with the reason given for it. Secrets are names only."""

    summary: RolloutSummary
    revision: Revision
    replicas: int
    steps: tuple[StepView, ...]
    notes: tuple[str, ...] = ()
    incident: IncidentView | None = None


class SideSeries(msgspec.Struct, frozen=True):
    """One side over time: what happened since the point before. None where nothing was measured."""

    requests_per_second: tuple[float | None, ...] = ()
    error_percent: tuple[float | None, ...] = ()
    p50_ms: tuple[float | None, ...] = ()
    p95_ms: tuple[float | None, ...] = ()
    p99_ms: tuple[float | None, ...] = ()
    cpu_percent: tuple[float | None, ...] = ()
    memory_bytes: tuple[float | None, ...] = ()


class MetricSeries(msgspec.Struct, frozen=True):
    """What one metric says, at the moments of its own `at` (when the verdict changed, and once a minute). By side the
    share of bad events in the stage, in percent, or the figure itself where a judge weighs figures; their ratio with its
    interval; and the evidence: `log_e` for harm, `promote_log_e` for going on."""

    at: tuple[float, ...] = ()
    stable: tuple[float | None, ...] = ()
    candidate: tuple[float | None, ...] = ()
    ratio: tuple[float | None, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    log_e: tuple[float | None, ...] = ()
    promote_log_e: tuple[float | None, ...] = ()


class MeasurementSeries(msgspec.Struct, frozen=True):
    """What the judge saw and said of a rollout, in columns of one length (`metrics` have their own). `measured` counts
    all lines there are. `log_e` is the evidence of harm: at `fail_at` the rollout is taken back. `promote` is the
    evidence for going on, with `at`: the stage passes at `pass_at`. The limits are None where the judge has none."""

    rollout: str
    measured: int
    at: tuple[float, ...] = ()
    attempt: tuple[int, ...] = ()
    stage: tuple[int | None, ...] = ()
    weight_percent: tuple[float | None, ...] = ()
    verdict: tuple[str, ...] = ()
    stable: SideSeries = SideSeries()
    candidate: SideSeries = SideSeries()
    log_e: tuple[float | None, ...] = ()
    fail_at: float | None = None
    promote: MetricSeries = MetricSeries()
    pass_at: float | None = None
    metrics: dict[str, MetricSeries] = {}
