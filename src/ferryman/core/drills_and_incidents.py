"""What outlives a rollout: the last drill of a version, and incidents until somebody has written about them."""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.model.plan import Phase
from ferryman.model.release import Drill
from ferryman.model.rollout import DRILL, DrillRecord, Incident, Rollout, Service

KEPT_INCIDENTS = 20
NO_RESULT = frozenset({"abort", "supersede"})
"""Causes by which a drill ends without having shown anything."""


def remembered(service: Service, done: Rollout, at: float) -> Service:
    """The service with what a rollout that has just ended leaves behind."""
    if done.kind == DRILL:
        return _drilled(service, done, at)
    label = _taken_back(service, done)
    if label is None:
        return service
    incidents = {**service.incidents, done.id: Incident(at, label, done.reason)}
    return replace(service, incidents=dict(list(incidents.items())[-KEPT_INCIDENTS:]))


def _drilled(service: Service, done: Rollout, at: float) -> Service:
    cause = done.cause.kind if done.cause else ""
    if done.stable is None or cause in NO_RESULT:
        return service
    strategy = done.release.strategy
    record = DrillRecord(
        rollout=done.id,
        at=at,
        passed=done.phase is Phase.ROLLED_BACK and cause == DRILL,
        target=service.label(done.candidate),
        reason=done.reason,
        ready_seconds=done.ready_seconds,
        rollback_seconds=done.rollback_seconds,
        share_percent=strategy.traffic_percent if isinstance(strategy, Drill) else 0.0,
    )
    return replace(service, drills={**service.drills, done.stable: record})


def _taken_back(service: Service, done: Rollout) -> str | None:
    """The label of the version that users met and that was taken back; None where that is not what happened."""
    if done.kind == "undo" and done.phase is Phase.PROMOTED and done.stable is not None:
        return service.label(done.stable)
    back = done.phase in (Phase.ROLLED_BACK, Phase.FAILED) and done.candidate != done.stable
    return service.label(done.candidate) if back and done.max_exposure_percent > 0 and done.stable else None


def postmortem_written(service: Service, rollout: str, url: str) -> Service:
    """The incident is written about."""
    known = service.incidents.get(rollout)
    if known is None:
        return service
    return replace(service, incidents={**service.incidents, rollout: replace(known, postmortem=url)})
