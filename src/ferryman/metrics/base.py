"""The port behind which evidence is gathered."""

from __future__ import annotations

from typing import Protocol

import msgspec

BOUNDS_MS = tuple(round(1000 * 2 ** (i / 4)) / 1000 for i in range(57))
"""Upper bounds of classes of duration, four to an octave, from 1 ms to 16 s."""


class Counters(msgspec.Struct, frozen=True):
    """Raw, ever-growing counters of one revision since its source started: integers. `buckets` are per bucket (not
    cumulative), one more than the source's bounds. `codes` counts answers by status class such as ``5xx``."""

    requests: int
    errors: int
    buckets: tuple[int, ...]
    codes: dict[str, int] = {}


class MetricsSource(Protocol):
    """Reads what users of a service experienced, per revision."""

    bounds_ms: tuple[float, ...]

    async def read(self, service: str) -> dict[str, Counters]:
        """Counters per revision id; a revision without a request yet is absent. Raises `Unreachable`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
