"""The numbers that decided, out of the record that a judge leaves in an event."""

from __future__ import annotations

from typing import Any, cast

from ferryman.model.notice import Figure

FIGURES_MAX = 6
# Counts of events out of requests, as the record names their metrics; whatever else is counted keeps its own name.
_RATES = {"errors": "error_rate", "latency": "slow_requests"}
_UNITS = {"error_rate": "%", "slow_requests": "%", "p95_ms": "ms", "cpu_percent": "%", "memory_bytes": "bytes"}


def figures(evidence: dict[str, Any]) -> tuple[Figure, ...]:
    """The metrics of an evidence record that both versions have figures for, the first `FIGURES_MAX`."""
    found: list[Figure] = []
    for name, value in _map(evidence.get("metrics")).items():
        record = _map(value)
        figure = _counted(name, record) or _measured(name, record)
        if figure is not None:
            found.append(figure)
    return tuple(found[:FIGURES_MAX])


def _counted(name: str, record: dict[str, Any]) -> Figure | None:
    """Both sides as k of n."""
    candidate, stable = _map(record.get("candidate")), _map(record.get("stable"))
    n, k = _number(candidate.get("n")), _number(candidate.get("k"))
    if not n or k is None:
        return None
    m, j = _number(stable.get("n")), _number(stable.get("k"))
    return Figure(
        name=_RATES.get(name, name),
        candidate=100.0 * k / n,
        stable=100.0 * j / m if m and j is not None else None,
        unit="%",
        margin=_number(record.get("margin")),
        n=int(n),
    )


def _measured(name: str, record: dict[str, Any]) -> Figure | None:
    """Both sides as a reading."""
    candidate, stable = _number(record.get("candidate")), _number(record.get("stable"))
    if candidate is None or name not in _UNITS:
        return None
    rate = 100.0 if name == "error_rate" else 1.0
    reading = None if stable is None else rate * stable
    return Figure(name, rate * candidate, reading, _UNITS[name], _number(record.get("margin")))


def figure_text(figure: Figure) -> str:
    """As people read it: ``error_rate 4.1% > 1.5x 0.6% (n=1,204)``."""
    told = f"{figure.name} {_amount(figure.candidate, figure.unit)}"
    if figure.stable is not None:
        times = f"{figure.margin:g}x " if figure.margin is not None else ""
        told += f" {'>' if figure.broken else '<='} {times}{_amount(figure.stable, figure.unit)}"
    return told if figure.n is None else f"{told} (n={figure.n:,})"


def _amount(value: float, unit: str) -> str:
    if unit == "%":
        return f"{value:.1f}%" if value >= 1.0 or value == 0.0 else f"{value:.2f}%"
    if unit == "bytes":
        return f"{value / 1e6:.0f} MB"
    return f"{value:.0f} {unit}"


def _map(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
