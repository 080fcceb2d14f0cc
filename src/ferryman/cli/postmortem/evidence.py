"""The judge's record behind a verdict, as rows of a table."""

from __future__ import annotations

from typing import Any

from ferryman.cli.views.evidence import Metric, read_evidence
from ferryman.cli.views.text import count, percent

HEADS = ("metric", "new version", "version before", "ratio", "interval", "limit", "evidence of harm")


def evidence_rows(body: dict[str, Any]) -> list[tuple[str, ...]]:
    """Heads and a row for each metric; empty where the judge left no record."""
    record = body.get("evidence")
    evidence = read_evidence(record) if isinstance(record, dict) else None  # pyright: ignore[reportUnknownArgumentType]
    if evidence is None or not evidence.metrics:
        return []
    return [HEADS, *(_row(metric) for metric in evidence.metrics)]


def _row(metric: Metric) -> tuple[str, ...]:
    low = "0" if metric.low is None else f"{metric.low:.2f}"
    high = "∞" if metric.high is None else f"{metric.high:.2f}"
    known = metric.low is not None or metric.high is not None
    return (
        metric.name,
        _of(metric.candidate_percent, metric.candidate_n),
        _of(metric.stable_percent, metric.stable_n),
        "-" if metric.ratio is None else f"{metric.ratio:.2f}x",
        f"[{low}, {high}]" if known else "-",
        "-" if metric.margin is None else f"{metric.margin:g}x",
        "-" if metric.harm is None else f"{metric.harm:.0%} of what takes it back",
    )


def _of(share: float | None, n: int | None) -> str:
    return "-" if share is None else f"{percent(share)} of {count(n or 0)}"
