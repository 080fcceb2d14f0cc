"""The judge's record of a stage, as far as it can be shown. Judges differ in what they record: what is missing is None."""

from __future__ import annotations

from typing import Any, cast

import msgspec

METRICS_MAX = 6


class Metric(msgspec.Struct, frozen=True):
    """One metric. Rates are percent of the requests, `n` requests of this stage; `harm` is how far its own evidence of
    harm has come on the way to the limit (0 to 1)."""

    name: str
    harm: float | None
    candidate_percent: float | None
    stable_percent: float | None
    candidate_n: int | None
    stable_n: int | None
    ratio: float | None
    low: float | None
    high: float | None
    margin: float | None


class Evidence(msgspec.Struct, frozen=True):
    """`harm`: evidence against the candidate over what takes it back. `passing`: evidence for it over what lets it go
    on. Both from 0 to 1, None where the judge has no such figure."""

    harm: float | None
    passing: float | None
    harm_log: float | None
    harm_limit: float | None
    passing_log: float | None
    passing_limit: float | None
    expected_seconds: float | None
    guard: str | None
    metrics: tuple[Metric, ...]


def read_evidence(record: dict[str, Any]) -> Evidence | None:
    """What can be shown of a judge's record; None when that is nothing."""
    harm_log, harm_limit = _number(record.get("log_e")), _number(record.get("log_limit"))
    promote = _map(record.get("promote"))
    passing_log, passing_limit = _number(promote.get("log_e")), _number(promote.get("log_limit"))
    metrics = tuple(
        _metric(name, _map(value), harm_limit)
        for name, value in list(_map(record.get("metrics")).items())[:METRICS_MAX]
    )
    if harm_log is None and passing_log is None and not metrics:
        return None
    guard = record.get("guard")
    return Evidence(
        harm=_part(harm_log, harm_limit),
        passing=_part(passing_log, passing_limit),
        harm_log=harm_log,
        harm_limit=harm_limit,
        passing_log=passing_log,
        passing_limit=passing_limit,
        expected_seconds=_number(record.get("expected_seconds")),
        guard=str(guard) if guard else None,
        metrics=metrics,
    )


def _metric(name: str, value: dict[str, Any], harm_limit: float | None) -> Metric:
    candidate, stable = _map(value.get("candidate")), _map(value.get("stable"))
    ends = value.get("interval")
    pair = (
        cast("list[object]", ends) if isinstance(ends, list) and len(cast("list[object]", ends)) == 2 else [None, None]
    )
    return Metric(
        name=name,
        harm=_part(_number(value.get("log_e")), harm_limit),
        candidate_percent=_percent(candidate),
        stable_percent=_percent(stable),
        candidate_n=_whole(candidate.get("n")),
        stable_n=_whole(stable.get("n")),
        ratio=_number(value.get("ratio")),
        low=_number(pair[0]),
        high=_number(pair[1]),
        margin=_number(value.get("margin")),
    )


def _part(value: float | None, limit: float | None) -> float | None:
    if value is None or not limit or limit <= 0:
        return None
    return min(1.0, max(0.0, value / limit))


def _percent(side: dict[str, Any]) -> float | None:
    n, k = _number(side.get("n")), _number(side.get("k"))
    return 100.0 * k / n if n and k is not None else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return round(number) if number is not None else None


def _map(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
