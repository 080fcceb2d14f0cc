"""A metrics source that says what it was told: for tests and simulations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ferryman.metrics.base import BOUNDS_MS, Counters
from ferryman.model.errors import Unreachable


class MemoryMetrics:
    """Counters set by hand or counted up request by request. `delay_seconds` passes before each answer; with `down`
    there is none."""

    def __init__(self, *, bounds_ms: tuple[float, ...] = BOUNDS_MS, delay_seconds: float = 0.0) -> None:
        self.bounds_ms = bounds_ms
        self.delay_seconds = delay_seconds
        self.down = False
        self._counters: dict[str, dict[str, Counters]] = {}

    def set(self, service: str, counters: Mapping[str, Counters]) -> None:
        """What the next `read` returns."""
        self._counters[service] = dict(counters)

    def add(self, service: str, revision: str, *, requests: int, errors: int = 0, latency_ms: float = 1.0) -> None:
        """Count `requests`, of them `errors` with 5xx, each taking `latency_ms`. Raises ValueError for errors beyond
        requests."""
        if not 0 <= errors <= requests:
            raise ValueError(f"{errors} errors in {requests} requests")
        seen = self._counters.setdefault(service, {})
        old = seen.get(revision, Counters(0, 0, (0,) * (len(self.bounds_ms) + 1)))
        place = sum(latency_ms > bound for bound in self.bounds_ms)
        buckets = tuple(count + requests * (index == place) for index, count in enumerate(old.buckets))
        codes = dict(old.codes)
        for code, count in (("2xx", requests - errors), ("5xx", errors)):
            if count:
                codes[code] = codes.get(code, 0) + count
        seen[revision] = Counters(old.requests + requests, old.errors + errors, buckets, codes)

    def restart(self) -> None:
        """The source starts again: every counter is gone."""
        self._counters.clear()

    async def read(self, service: str) -> dict[str, Counters]:
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.down:
            raise Unreachable("metrics_unreachable", f"the counters of {service} cannot be read: told to be down")
        return {revision: found for revision, found in self._counters.get(service, {}).items() if found.requests}

    async def close(self) -> None:
        return
