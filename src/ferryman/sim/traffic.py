"""The users: how many come, whom they meet, what they experience; counted as a real source would, in whole numbers.

Nothing happens per request and nothing per second: whenever somebody looks or something changes, the time since the
last look is counted with what was served during it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import NormalDist

import msgspec

from ferryman.metrics.base import Counters
from ferryman.metrics.memory import BOUNDS_MS
from ferryman.sim.chance import binomial, poisson, spread
from ferryman.sim.kernel import Kernel

SPREAD = 0.8
TAIL_PART, TAIL_FROM_MS, TAIL_POWER = 0.02, 200.0, 1.5
QUANTUM = 1.02
BUCKETS = len(BOUNDS_MS) + 1
MEMORY_SECONDS = 120.0
"""How long the common drift remembers itself."""


class Load(msgspec.Struct, frozen=True):
    """Requests per second, share of errors (0 to 1), median latency in milliseconds; `drift` scales how far rate,
    errors and latency wander together for all revisions (0: not at all); `burst`: errors come in groups of this mean
    size."""

    rps: float = 50.0
    error_rate: float = 0.005
    latency_ms: float = 60.0
    drift: float = 0.0
    burst: float = 1.0


class Quality(msgspec.Struct, frozen=True):
    """How one revision differs: errors and latency as multiples, `extra_errors` a share of all requests on top."""

    error_ratio: float = 1.0
    latency_ratio: float = 1.0
    extra_errors: float = 0.0


@dataclass
class Count:
    """Everything that users of one revision met, since its source started. `excess` is how many of the errors a
    version without a fault would not have made."""

    requests: int = 0
    errors: int = 0
    excess: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def counters(self) -> Counters:
        """As a metrics source shows it."""
        return Counters(requests=self.requests, errors=self.errors, buckets=tuple(self.buckets))


@dataclass
class Traffic:
    """`weights` is what is served now, percent per revision. `outage_until`, with `outage_factor` on errors, harms all
    revisions alike."""

    kernel: Kernel
    load: Load = field(default_factory=Load)
    qualities: dict[str, Quality] = field(default_factory=dict[str, Quality])
    weights: dict[str, float] = field(default_factory=dict[str, float])
    counts: dict[str, Count] = field(default_factory=dict[str, Count])
    excess: float = 0.0
    outage_until: float = 0.0
    outage_factor: float = 20.0
    _at: float = 0.0
    _wander: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def __post_init__(self) -> None:
        self._at = self.kernel.now

    def count(self) -> None:
        """Bring the counters up to now."""
        seconds, self._at = self.kernel.now - self._at, self.kernel.now
        if seconds <= 0 or not self.weights or self.load.rps <= 0:
            return
        if self.load.drift:
            self._drift(seconds)
        rate, error_factor, latency_factor = (math.exp(level) for level in self._wander)
        if self.kernel.now < self.outage_until:
            error_factor *= self.outage_factor
        for revision, percent in self.weights.items():
            requests = poisson(self.kernel.chance, self.load.rps * rate * seconds * percent / 100.0)
            if requests:
                self._meet(revision, requests, error_factor, latency_factor)

    def serve(self, weights: dict[str, float]) -> None:
        """From now on users are shared out like this."""
        self.count()
        self.weights = dict(weights)

    def restart(self) -> None:
        """The source starts again: its counters begin at nothing."""
        self.count()
        self.counts.clear()

    def read(self) -> dict[str, Counters]:
        """What a metrics source answers now."""
        self.count()
        return {revision: count.counters() for revision, count in self.counts.items() if count.requests}

    def _meet(self, revision: str, requests: int, error_factor: float, latency_factor: float) -> None:
        quality = self.qualities.get(revision, Quality())
        count = self.counts.setdefault(revision, Count())
        usual = self.load.error_rate * error_factor
        errors = self._errors(requests, min(1.0, usual * quality.error_ratio + quality.extra_errors))
        count.requests += requests
        count.errors += errors
        self.excess += max(0.0, errors - requests * min(1.0, usual)) if quality != Quality() else 0.0
        stretch = self.load.latency_ms / 60.0 * latency_factor * quality.latency_ratio
        spread(self.kernel.chance, requests, _up_to(round(math.log(stretch) / math.log(QUANTUM))), count.buckets)

    def _errors(self, requests: int, rate: float) -> int:
        burst = self.load.burst
        if burst <= 1:
            return binomial(self.kernel.chance, requests, rate)
        groups = poisson(self.kernel.chance, requests * rate / burst)
        found = sum(1 + int(self.kernel.chance.expovariate(1.0 / (burst - 0.5))) for _ in range(groups))
        return min(requests, found)

    def _drift(self, seconds: float) -> None:
        keep = math.exp(-seconds / MEMORY_SECONDS)
        for place, width in enumerate((0.1, 0.3, 0.1)):
            shock = self.load.drift * width * math.sqrt(1 - keep * keep)
            self._wander[place] = keep * self._wander[place] + self.kernel.chance.gauss(0.0, shock)


_TABLES: dict[int, list[float]] = {}


def _up_to(quantum: int) -> list[float]:
    """Running sums over the buckets for a latency of `QUANTUM` to this power times the usual one: mostly lognormal
    around 60 ms, one in fifty from a heavy tail."""
    known = _TABLES.get(quantum)
    if known is None:
        stretch, normal = QUANTUM**quantum, NormalDist()
        below = [_below(bound / stretch, normal) for bound in BOUNDS_MS]
        known = _TABLES[quantum] = list(accumulate([*_steps(below)]))
        known[-1] = 1.0
    return known


def _below(milliseconds: float, normal: NormalDist) -> float:
    tail = 1.0 - (TAIL_FROM_MS / milliseconds) ** TAIL_POWER if milliseconds > TAIL_FROM_MS else 0.0
    return (1 - TAIL_PART) * normal.cdf(math.log(milliseconds / 60.0) / SPREAD) + TAIL_PART * tail


def _steps(below: list[float]) -> list[float]:
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]
