"""What a circuit breaker looks at, out of what programs report of the requests that met a flag."""

from __future__ import annotations

from collections import deque

from ferryman.engine.flags.evaluations import DURATION_BOUNDS_MS, Tally
from ferryman.engine.traffic import quantile_ms

WINDOW_SECONDS = 30.0
"""Over so long: programs report every ten seconds."""

REQUESTS_MIN = 10
"""Fewer requests in that time are no data, but for their own number."""

QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


class Window:
    """What grew lately. `note` is told totals that never fall, at epoch seconds that never go back."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Tally]] = deque()

    def clear(self) -> None:
        """Nothing from before counts any more."""
        self._samples.clear()

    def note(self, total: Tally, now: float) -> None:
        """One more sample."""
        self._samples.append((now, total))
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()

    def value(self, metric: str) -> float | None:
        """One of `ferryman.flags.breaker.METRICS` over the window; None for no data."""
        if len(self._samples) < 2:
            return None
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        requests = last.requests - first.requests
        if metric == "requests_per_second":
            return requests / (ended - began) if requests > 0 and ended - began >= WINDOW_SECONDS / 3 else None
        if requests < REQUESTS_MIN:
            return None
        if metric == "error_percent":
            return 100.0 * (last.failures - first.failures) / requests
        grown = tuple(one - before for one, before in zip(last.durations, first.durations, strict=True))
        return quantile_ms(grown, DURATION_BOUNDS_MS, QUANTILES[metric]) if metric in QUANTILES else None
