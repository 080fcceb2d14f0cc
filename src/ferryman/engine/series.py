"""What the judge saw and said of a rollout, from lines and answers to columns for charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from ferryman.engine.traffic import quantile_ms
from ferryman.model.view import MeasurementSeries, MetricSeries, SideSeries
from ferryman.store.base import MEASUREMENTS_PER_ROLLOUT_MAX, Measurement, Store

QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
NO_FIGURES: Mapping[str, float | None] = dict.fromkeys(
    ("requests_per_second", "error_percent", *QUANTILES, "cpu_percent", "memory_bytes")
)


async def read_series(store: Store, rollout: str, bounds_ms: tuple[float, ...], points: int) -> MeasurementSeries:
    """The series of what the store has of a rollout."""
    found = await store.measurements(rollout, limit=MEASUREMENTS_PER_ROLLOUT_MAX)
    return measurement_series(rollout, found, bounds_ms, points)


def measurement_series(
    rollout: str, found: Sequence[Measurement], bounds_ms: tuple[float, ...], points: int
) -> MeasurementSeries:
    """At most `points` of the measurements, evenly chosen, first and last among them. The counters in the lines only
    grow, so nothing between two chosen ones is lost."""
    chosen = [found[n] for n in _evenly(len(found), points)]
    records = [m for m in found if "metrics" in _evidence(m)]
    newest = _evidence(records[-1]) if records else {}
    promote: dict[str, Any] = newest.get("promote") or {}
    return MeasurementSeries(
        rollout=rollout,
        measured=len(found),
        at=tuple(m.at for m in chosen),
        attempt=tuple(m.attempt for m in chosen),
        stage=tuple(m.line.get("stage") for m in chosen),
        weight_percent=tuple(m.line.get("weight") for m in chosen),
        verdict=tuple(str(m.answer.get("verdict", "")) for m in chosen),
        stable=_side("stable", chosen, bounds_ms),
        candidate=_side("candidate", chosen, bounds_ms),
        log_e=tuple(_evidence(m).get("log_e") for m in chosen),
        fail_at=newest.get("log_limit"),
        promote=_promote(records),
        pass_at=promote.get("log_limit"),
        metrics={name: _metric(name, records) for name in newest.get("metrics", {})},
    )


def _evenly(count: int, points: int) -> list[int]:
    if count <= points:
        return list(range(count))
    return [round(n * (count - 1) / (points - 1)) for n in range(points)]


def _evidence(measurement: Measurement) -> dict[str, Any]:
    return measurement.answer.get("evidence") or {}


def _side(side: str, chosen: Sequence[Measurement], bounds_ms: tuple[float, ...]) -> SideSeries:
    figures: list[Mapping[str, float | None]] = []
    before: Measurement | None = None
    for measurement in chosen:
        arm = _arm(measurement, side)
        same = before is not None and before.attempt == measurement.attempt
        earlier = _arm(before, side) if same and before is not None else None
        seconds = measurement.at - before.at if before is not None else 0.0
        figures.append({**NO_FIGURES, **_risen(arm, earlier, seconds, bounds_ms), **_levels(arm)})
        before = measurement if arm is not None else before
    return SideSeries(**{name: tuple(each[name] for each in figures) for name in NO_FIGURES})


def _arm(measurement: Measurement | None, side: str) -> dict[str, Any] | None:
    arms = measurement.line.get("arms") if measurement is not None else None
    return arms.get(side) if arms else None


def _levels(arm: dict[str, Any] | None) -> dict[str, float | None]:
    return {"cpu_percent": arm.get("cpu"), "memory_bytes": arm.get("memory")} if arm else {}


def _risen(
    arm: dict[str, Any] | None, before: dict[str, Any] | None, seconds: float, bounds_ms: tuple[float, ...]
) -> dict[str, float | None]:
    """What happened between two readings of growing counters; nothing is known where they began anew."""
    if arm is None or before is None or seconds <= 0:
        return {}
    requests, errors = arm["requests"] - before["requests"], arm["errors"] - before["errors"]
    if requests < 0 or errors < 0:
        return {}
    buckets = tuple(max(0, new - old) for new, old in zip(arm["buckets"], before["buckets"], strict=True))
    return {
        "requests_per_second": requests / seconds,
        "error_percent": 100.0 * errors / requests if requests else None,
        **{name: quantile_ms(buckets, bounds_ms, q) for name, q in QUANTILES.items()},
    }


def _metric(name: str, records: Iterable[Measurement]) -> MetricSeries:
    told = [(m.at, metric) for m in records if (metric := _evidence(m)["metrics"].get(name)) is not None]
    intervals = [metric.get("interval") or (None, None) for _, metric in told]
    return MetricSeries(
        at=tuple(at for at, _ in told),
        stable=tuple(_figure(metric.get("stable")) for _, metric in told),
        candidate=tuple(_figure(metric.get("candidate")) for _, metric in told),
        ratio=tuple(metric.get("ratio") for _, metric in told),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
        log_e=tuple(metric.get("log_e") for _, metric in told),
        promote_log_e=tuple(metric.get("promote_log_e") for _, metric in told),
    )


def _figure(told: object) -> float | None:
    """Bad events of all, in percent; or what a judge tells without counting."""
    if isinstance(told, Mapping):
        tally = cast("Mapping[str, float]", told)
        return 100.0 * tally["k"] / tally["n"] if tally.get("n") else None
    return told if isinstance(told, int | float) else None


def _promote(records: Iterable[Measurement]) -> MetricSeries:
    told = [(m.at, promote.get("log_e")) for m in records if (promote := _evidence(m).get("promote"))]
    return MetricSeries(at=tuple(at for at, _ in told), promote_log_e=tuple(log_e for _, log_e in told))
