"""Feeding the judge: raw counters and instance figures in, the judge's word out, with all that must survive a restart."""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.analysis.limits import Shown, broken_limit
from ferryman.analysis.panel import Panel
from ferryman.analysis.registry import DEFAULT
from ferryman.analysis.session import StateError
from ferryman.engine.stable_levels import Control
from ferryman.engine.traffic import quantile_ms, since
from ferryman.metrics.base import Counters
from ferryman.model.evidence import Header, History, StagePlan
from ferryman.model.plan import Phase
from ferryman.model.release import Analysis, Audience, FlagExposure, Release
from ferryman.model.rollout import Rollout, Track
from ferryman.model.seen import AnalysisSeen, Instance, InstanceState, RoutesSeen
from ferryman.store.base import Measurement

HISTORY_REQUESTS_MIN = 500
LIMIT_STAGE = -1
MISSING = "error"
LOG_ERRORS = "log_errors"
"""The name under which judges are told of error lines."""

NOTHING_YET = "nothing was measured yet"


class FeedState(msgspec.Struct):
    """What is written down after each block. Times are epoch seconds; `session` is the judge's own state.
    `base` are the candidate's counters when everybody had switched to it, and `before` is what stable had shown by
    then, from its `control`; `last` are the counters of the block before. `log_lines` are error lines by revision, never
    falling."""

    rollout: str
    attempt: int
    stage: int = -1
    stage_began: float = 0.0
    line_at: float = 0.0
    error_since: float | None = None
    error_seconds: float = 0.0
    verdict: str = "insufficient"
    reason: str = NOTHING_YET
    stage_from: dict[str, int] = {}
    base: Counters | None = None
    before: tuple[Shown, ...] = ()
    control: Control = msgspec.field(default_factory=Control)
    last: dict[str, Counters] = {}
    log_lines: dict[str, int] = {}
    session: str | None = None


class Sample(msgspec.Struct, frozen=True):
    """One reading of the metrics source at epoch second `at`; `error` says why there are no counters. `log_lines` are
    error lines by revision as the target counts them; they begin anew with each controller. `candidates` are the counters
    of several candidates, by name, that together are the candidate; empty where there is one."""

    at: float
    counters: dict[str, Counters]
    error: str = ""
    log_lines: dict[str, int] = {}
    candidates: dict[str, Counters] = {}


class EvidenceFeed:
    """The evidence of one service's current rollout."""

    def __init__(self, bounds_ms: tuple[float, ...], cpu_count: int) -> None:
        self._bounds = bounds_ms
        self._cpu_count = max(1, cpu_count)
        self._state: FeedState | None = None
        self._session: Panel | None = None
        self._lines_seen: dict[str, int] = {}

    @property
    def stage_from(self) -> dict[str, int]:
        """Requests and errors of either side when the present stage began."""
        return self._state.stage_from if self._state else {}

    def restore(self, text: str | None) -> None:
        """Continue what was written down, to the bit; what cannot be read begins anew."""
        self._state, self._session = None, None
        if not text:
            return
        try:
            self._state = msgspec.json.decode(text, type=FeedState)
            if self._state.session:
                self._session = Panel.load(self._state.session)
        except (msgspec.DecodeError, msgspec.ValidationError, StateError):
            self._state, self._session = None, None

    def dump(self) -> str | None:
        """What must be written down."""
        if self._state is None:
            return None
        self._state.session = self._session.dump() if self._session else None
        return msgspec.json.encode(self._state).decode()

    def due(self, rollout: Rollout | None, now: float) -> bool:
        """True when the next block should be read."""
        if rollout is None or not _judged(rollout):
            return False
        state = self._of(rollout)
        return now - state.line_at >= rollout.release.analysis.interval_seconds - 0.05

    @property
    def begun(self) -> bool:
        """True once there is a judge at work."""
        return self._session is not None

    def seen(self, rollout: Rollout | None, *, full: bool = True) -> AnalysisSeen | None:
        """The judge's present word on this rollout and attempt. What it stands on takes as long to put together as the
        word itself: unless `full`, it is there only where the word has changed since it was last recorded."""
        state = self._state
        if rollout is None or state is None or (state.rollout, state.attempt) != (rollout.id, rollout.attempt):
            return None
        if not rollout.release.analysis.enabled or not state.line_at:
            return None
        missing = state.line_at - state.error_since if state.error_since is not None else 0.0
        full = full or rollout.verdict != (state.stage, state.verdict)
        return AnalysisSeen(
            rollout=state.rollout,
            attempt=state.attempt,
            stage=state.stage,
            verdict=state.verdict,
            reason=state.reason,
            at=state.line_at,
            error_since=state.error_since,
            error_seconds=state.error_seconds + missing,
            candidate_requests=state.stage_from.get("candidate_requests", 0),
            evidence=self._session.record() if full and self._session and state.stage != LIMIT_STAGE else {},
        )

    def take(
        self,
        rollout: Rollout,
        sample: Sample,
        instances: tuple[Instance, ...],
        routes: RoutesSeen,
        before: Counters | None = None,
    ) -> Measurement | None:
        """Weigh one sample (`before`: what stable counted in the hour until now); returns what to write down, None when there was nothing to weigh."""
        state = self._of(rollout)
        self._clock_errors(state, sample)
        if rollout.stable is not None and routes.weights.get(rollout.stable, 0.0) > 0:
            state.control.note(sample.at, sample.counters.get(rollout.stable))
        weight = routes.weights.get(rollout.candidate, 0.0)
        if weight >= 100.0 or (rollout.current.stage is None and state.stage < 0):
            return self._limits(state, rollout, sample, weight)
        self._move_stage(state, rollout, sample, weight)
        if state.stage < 0 or rollout.attempt_at is None:
            self._before_first(state, sample)
            return None
        session = self._session or self._begin(rollout, before, tuple(sorted(sample.candidates)))
        line = self._line(state, rollout, sample, instances, weight)
        answer = session.observe(line)
        state.line_at = sample.at
        state.verdict = answer.verdict.value
        state.reason = str(answer.evidence.get("reason", ""))
        said = {"t": answer.t, "verdict": answer.verdict.value, "evidence": answer.evidence}
        return Measurement(rollout=rollout.id, attempt=rollout.attempt, at=sample.at, line=line, answer=said)

    def _before_first(self, state: FeedState, sample: Sample) -> None:
        """No stage has begun to be served. A source that says nothing is known as such from the beginning."""
        if sample.error:
            state.line_at, state.verdict, state.reason = sample.at, MISSING, sample.error
        elif state.line_at:
            state.line_at, state.verdict, state.reason = sample.at, "insufficient", NOTHING_YET

    def _of(self, rollout: Rollout) -> FeedState:
        if self._state is None or (self._state.rollout, self._state.attempt) != (rollout.id, rollout.attempt):
            self._state, self._session = FeedState(rollout=rollout.id, attempt=rollout.attempt), None
        return self._state

    def _clock_errors(self, state: FeedState, sample: Sample) -> None:
        """Keep book of how long evidence was missing: the stage's clock stands still meanwhile."""
        if sample.error:
            if state.error_since is None:
                state.error_since = sample.at
        elif state.error_since is not None:
            state.error_seconds += sample.at - state.error_since
            state.error_since = None

    def _move_stage(self, state: FeedState, rollout: Rollout, sample: Sample, weight: float) -> None:
        """A stage begins when its weight is served; until then the one before goes on."""
        stage = rollout.current.stage
        if stage is None or stage == state.stage or rollout.reached_at is None or weight <= 0:
            return
        state.stage, state.stage_began = stage, rollout.reached_at
        state.error_seconds = 0.0
        state.stage_from = {}
        for role, revision in (("stable", rollout.stable), ("candidate", rollout.candidate)):
            counters = sample.counters.get(revision or "")
            state.stage_from[f"{role}_requests"] = counters.requests if counters else 0
            state.stage_from[f"{role}_errors"] = counters.errors if counters else 0

    def _begin(self, rollout: Rollout, before: Counters | None, names: tuple[str, ...]) -> Panel:
        stages = tuple(StagePlan(weight, seconds or None) for weight, seconds in rollout.plan.stages())
        analysis = rollout.release.analysis
        history = None
        if before is not None and before.requests >= HISTORY_REQUESTS_MIN:
            history = History(before.requests, before.errors, before.buckets)
        self._session = Panel.begin(
            Header(
                rollout=f"{rollout.id}/{rollout.attempt}",
                bounds_ms=self._bounds,
                stages=stages or (StagePlan(50.0),),
                counters="cumulative",
                tick_seconds=analysis.interval_seconds,
                history=history,
                spec=judge_spec(rollout.release, len(names)),
            ),
            names,
        )
        return self._session

    def _line(
        self, state: FeedState, rollout: Rollout, sample: Sample, instances: tuple[Instance, ...], weight: float
    ) -> dict[str, Any]:
        line: dict[str, Any] = {
            "t": round(sample.at - (rollout.attempt_at or 0.0), 3),
            "stage": state.stage,
            "stage_t": round(max(0.0, sample.at - state.stage_began), 3),
            "weight": weight,
        }
        if sample.error:
            return {**line, "arms": None, "error": sample.error}
        arms = {
            "stable": self._arm(sample, rollout.stable, instances, rollout),
            "candidate": self._arm(sample, rollout.candidate, instances, rollout),
        }
        if sample.candidates:
            line["candidates"] = {name: self._counted(name, counters) for name, counters in sample.candidates.items()}
        return {**line, "arms": arms}

    def _counted(self, candidate: str, counters: Counters) -> dict[str, Any]:
        risen = self._risen(f"candidate {candidate}", counters)
        return {"requests": risen.requests, "errors": risen.errors, "buckets": list(risen.buckets)}

    def _arm(
        self, sample: Sample, revision: str | None, instances: tuple[Instance, ...], rollout: Rollout
    ) -> dict[str, Any]:
        zero = Counters(0, 0, (0,) * (len(self._bounds) + 1))
        counters = self._risen(revision or "", sample.counters.get(revision or "", zero))
        mine = [i for i in instances if i.revision == revision]
        serving = [i for i in mine if i.state in (InstanceState.READY, InstanceState.UNREADY)]
        arm: dict[str, Any] = {
            "requests": counters.requests,
            "errors": counters.errors,
            "buckets": list(counters.buckets),
            "instances": len(serving),
            "ready": sum(i.state is InstanceState.READY for i in serving),
            "restarts": sum(i.state is InstanceState.FAILED and i.since >= (rollout.attempt_at or 0.0) for i in mine),
        }
        cpu = [i.cpu_percent for i in serving if i.cpu_percent is not None]
        memory = [i.memory_bytes for i in serving if i.memory_bytes is not None]
        if weighs_logs(rollout.release.analysis):
            arm["events"] = {LOG_ERRORS: self._lines(revision or "", sample)}
        if cpu:
            arm["cpu"] = round(sum(cpu) / len(cpu) / self._cpu_count, 3)
        if memory:
            arm["memory"] = sum(memory) / len(memory)
        return arm

    def _lines(self, revision: str, sample: Sample) -> int:
        """Error lines of a revision, going on from what was written down when a controller before this one ended."""
        assert self._state is not None
        now = sample.log_lines.get(revision, 0)
        grown = max(0, now - self._lines_seen.get(revision, now))
        self._lines_seen[revision] = now
        total = self._state.log_lines.get(revision, 0) + grown
        self._state.log_lines = {**self._state.log_lines, revision: total}
        return total

    def _risen(self, revision: str, counters: Counters) -> Counters:
        """Only a source that began anew counts fewer requests; any other counter that fell is a reading out of step,
        and taking it for a restart would count the whole past a second time."""
        assert self._state is not None
        last = self._state.last.get(revision)
        if last is not None and counters.requests >= last.requests:
            counters = Counters(
                requests=counters.requests,
                errors=max(counters.errors, last.errors),
                buckets=tuple(map(max, counters.buckets, last.buckets)),
            )
        self._state.last = {**self._state.last, revision: counters}
        return counters

    def _limits(self, state: FeedState, rollout: Rollout, sample: Sample, weight: float) -> Measurement | None:
        """Everybody is on the candidate (or nobody yet): only absolute limits say something."""
        if weight < 100.0 or rollout.stable is None:
            return None
        state.line_at = sample.at
        if sample.error:
            return None
        now = sample.counters.get(rollout.candidate)
        if state.stage != LIMIT_STAGE or state.base is None:
            state.stage, state.base, state.error_seconds = LIMIT_STAGE, now, 0.0
            state.before = state.control.shown(sample.counters.get(rollout.stable), self._bounds)
            state.verdict, state.reason = "continue", "within the limits"
        if now is None:
            return None
        counted = since(now, state.base)
        met = Shown(counted.requests, counted.errors, quantile_ms(counted.buckets, self._bounds, 0.95))
        if broken := broken_limit(rollout.release.analysis.limits, met, state.before):
            state.verdict, state.reason = "fail", broken
        return None


def judge_spec(release: Release, candidates: int) -> dict[str, Any]:
    """The judge of a release and its options. Whoever meets a flag by name or segment comes on top of the percentage that is
    asked for, and each of several variants gets a part of it: then the share of the requests says nothing."""
    analysis, strategy = release.analysis, release.strategy
    spec: dict[str, Any] = {"judge": analysis.judge, **analysis.options}
    if not isinstance(strategy, FlagExposure) or analysis.judge != DEFAULT:
        return spec
    beside = candidates > 1 or any(isinstance(step, Audience) for step in strategy.steps)
    return {"share": "unchecked", **spec} if beside else spec


def weighs_logs(analysis: Analysis) -> bool:
    """Whether the release asks its judge to weigh error lines: `metrics: [..., custom]`, or a condition on them."""
    return "custom" in str(analysis.options.get("metrics", "")) or f"events.{LOG_ERRORS}" in str(analysis.options)


def _judged(rollout: Rollout) -> bool:
    """True where evidence can still change something."""
    forward = rollout.track is Track.FORWARD and rollout.running and rollout.phase is not Phase.FINISHING
    return (
        forward
        and rollout.release.analysis.enabled
        and rollout.stable is not None
        and rollout.plan.stable != rollout.candidate
    )
