"""What users of a service experienced lately, from raw counters: rates and percentiles for people to look at."""

from __future__ import annotations

from collections import deque

import msgspec

from ferryman.metrics.base import Counters

WINDOW_SECONDS = 10.0
SAMPLES_MAX = 64
HISTORY_SECONDS = 3600.0
HISTORY_STEP_SECONDS = 60.0


class Rates(msgspec.Struct, frozen=True):
    """One revision over the window. None: no request in it."""

    requests_per_second: float
    error_percent: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    total_requests: int


class Traffic:
    """The last samples of one service."""

    def __init__(self, bounds_ms: tuple[float, ...]) -> None:
        self._bounds = bounds_ms
        self._samples: deque[tuple[float, dict[str, Counters]]] = deque(maxlen=SAMPLES_MAX)
        self._minutes: deque[tuple[float, dict[str, Counters]]] = deque()

    def add(self, at: float, counters: dict[str, Counters]) -> None:
        """Keep a sample taken at epoch second `at`; older ones than the window go."""
        self._samples.append((at, counters))
        while len(self._samples) > 2 and self._samples[1][0] <= at - WINDOW_SECONDS:
            self._samples.popleft()
        if not self._minutes or at - self._minutes[-1][0] >= HISTORY_STEP_SECONDS:
            self._minutes.append((at, counters))
            while len(self._minutes) > 1 and self._minutes[1][0] <= at - HISTORY_SECONDS:
                self._minutes.popleft()

    def history(self, revision: str) -> Counters | None:
        """What was counted during the last hour, or since this began to look; None when the revision is not known."""
        now = self.latest.get(revision)
        if now is None or not self._minutes:
            return None
        return since(now, self._minutes[0][1].get(revision))

    @property
    def latest(self) -> dict[str, Counters]:
        """The last sample."""
        return self._samples[-1][1] if self._samples else {}

    @property
    def sampled_at(self) -> float:
        """When the last sample was taken; 0 for never."""
        return self._samples[-1][0] if self._samples else 0.0

    def rates(self, revision: str) -> Rates | None:
        """Rates over the window; None before two samples are there."""
        if len(self._samples) < 2:
            return None
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        new = last.get(revision)
        if new is None or ended <= began:
            return None
        grown = since(new, first.get(revision))
        requests = grown.requests
        return Rates(
            requests_per_second=requests / (ended - began),
            error_percent=100.0 * grown.errors / requests if requests else None,
            p50_ms=quantile_ms(grown.buckets, self._bounds, 0.5),
            p95_ms=quantile_ms(grown.buckets, self._bounds, 0.95),
            p99_ms=quantile_ms(grown.buckets, self._bounds, 0.99),
            total_requests=new.requests,
        )


def since(new: Counters, old: Counters | None) -> Counters:
    """What was counted between two samples. A counter that fell began anew: all of its value is new."""
    if old is None or new.requests < old.requests:
        return new
    return Counters(
        requests=new.requests - old.requests,
        errors=max(0, new.errors - old.errors),
        buckets=tuple(max(0, a - b) for a, b in zip(new.buckets, old.buckets, strict=True)),
    )


def quantile_ms(buckets: tuple[int, ...], bounds_ms: tuple[float, ...], q: float) -> float | None:
    """Linear inside its bucket; the last bound for what lies beyond it. None without a request."""
    total = sum(buckets)
    if not total:
        return None
    below, low, rank = 0, 0.0, q * total
    for count, high in zip(buckets, (*bounds_ms, bounds_ms[-1]), strict=False):
        if count and below + count >= rank:
            return low + (high - low) * (rank - below) / count
        below, low = below + count, high
    return bounds_ms[-1]
