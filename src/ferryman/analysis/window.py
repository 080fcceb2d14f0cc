"""Sums over a stretch of time, and the figures that rule-based judges read from them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from ferryman.model.evidence import Arm, Block

PERCENTILES = {"p50_ms": 0.5, "p75_ms": 0.75, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}
FIGURES = ("requests", "error_rate", "success_rate", *PERCENTILES, "cpu_percent", "memory_bytes")
EVENT_FIGURE = re.compile(r"events\.[\w.-]+")


class ArmSums(msgspec.Struct, array_like=True):
    """One version: counts, and gauges as sum and number of readings."""

    requests: int = 0
    errors: int = 0
    buckets: list[int] = []
    cpu_sum: float = 0.0
    cpu_readings: int = 0
    memory_sum: float = 0.0
    memory_readings: int = 0
    events: dict[str, int] = {}

    def add(self, arm: Arm) -> None:
        """Add a block."""
        self.requests += arm.requests
        self.errors += arm.errors
        self._add_buckets(arm.buckets)
        if arm.cpu_percent is not None:
            self.cpu_sum += arm.cpu_percent
            self.cpu_readings += 1
        if arm.memory_bytes is not None:
            self.memory_sum += arm.memory_bytes
            self.memory_readings += 1
        for name, number in arm.events.items():
            self.events[name] = self.events.get(name, 0) + number

    def join(self, other: ArmSums) -> None:
        """Add another stretch."""
        self.requests += other.requests
        self.errors += other.errors
        self._add_buckets(other.buckets)
        self.cpu_sum += other.cpu_sum
        self.cpu_readings += other.cpu_readings
        self.memory_sum += other.memory_sum
        self.memory_readings += other.memory_readings
        for name, number in other.events.items():
            self.events[name] = self.events.get(name, 0) + number

    def _add_buckets(self, buckets: list[int]) -> None:
        if not self.buckets:
            self.buckets = list(buckets)
        elif buckets:
            self.buckets = [before + now for before, now in zip(self.buckets, buckets, strict=True)]

    def figure(self, name: str, bounds: Sequence[float]) -> float | None:
        """The figure of that name (`FIGURES`, or `events.NAME`: events per request); None without data for it."""
        if name == "requests":
            return float(self.requests)
        if name in PERCENTILES:
            return quantile(self.buckets, bounds, PERCENTILES[name])
        if name == "cpu_percent":
            return self.cpu_sum / self.cpu_readings if self.cpu_readings else None
        if name == "memory_bytes":
            return self.memory_sum / self.memory_readings if self.memory_readings else None
        if not self.requests:
            return None
        if name.startswith("events."):
            return self.events.get(name.removeprefix("events."), 0) / self.requests
        rate = self.errors / self.requests
        return rate if name == "error_rate" else 1.0 - rate


class Window(msgspec.Struct, array_like=True):
    """Both versions over one stretch of `seconds`."""

    stable: ArmSums = msgspec.field(default_factory=ArmSums)
    candidate: ArmSums = msgspec.field(default_factory=ArmSums)
    seconds: float = 0.0

    def add(self, block: Block) -> None:
        self.stable.add(block.stable)
        self.candidate.add(block.candidate)
        self.seconds += block.seconds

    def join(self, other: Window) -> None:
        self.stable.join(other.stable)
        self.candidate.join(other.candidate)
        self.seconds += other.seconds

    def silent(self) -> str | None:
        """Which version served nothing, if any."""
        if self.candidate.requests and self.stable.requests:
            return None
        return f"stable served {self.stable.requests}, candidate {self.candidate.requests} requests"


def quantile(buckets: Sequence[int], bounds: Sequence[float], part: float) -> float | None:
    """The value that `part` of the requests do not exceed, linear inside its bucket; the last bound for the bucket
    above all bounds. None without requests."""
    up_to = list(accumulate(buckets))
    if not bounds or not up_to or not up_to[-1]:
        return None
    index = bisect_left(up_to, part * up_to[-1])
    if index >= len(bounds):
        return bounds[-1]
    low, before = (bounds[index - 1], up_to[index - 1]) if index else (0.0, 0)
    inside = (part * up_to[-1] - before) / max(buckets[index], 1)
    return low + (bounds[index] - low) * inside
