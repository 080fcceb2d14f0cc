"""Absolute limits, for where there is no concurrent stable version to compare with: after everybody has switched.

What stable itself showed just before raises them: going back to a version that was no better helps nobody. What begins
after the switch, though, may be the candidate's doing or not; nothing can tell, and the limit counts as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ferryman.model.release import Limits

ERRORS_WORSE = 1.5
P95_WORSE = 1.25
"""So many times what stable showed is no worse than stable: the margins of the judge's later stages."""


class Shown(msgspec.Struct, frozen=True):
    """What users met: `p95_ms` in milliseconds, None without a request."""

    requests: int = 0
    errors: int = 0
    p95_ms: float | None = None


def broken_limit(limits: Limits, now: Shown, before: Sequence[Shown] = ()) -> str | None:
    """Which limit `now` breaks, what was counted since the switch, as a reason to go back; None for none. `before` is
    what stable showed in its last times with users; the worst of them counts.

    Under `min_samples` requests nothing is said. The error limit is held against the lower end of a 99 % interval
    (Wilson's score), so that a handful of errors right after the switch takes nobody back.
    """
    if now.requests < limits.min_samples:
        return None
    known = [shown for shown in before if shown.requests >= limits.min_samples]
    usual = max((100.0 * shown.errors / shown.requests for shown in known), default=0.0)
    most, why = _raised(limits.error_percent, ERRORS_WORSE, usual, "%")
    if 100.0 * wilson_low(now.errors, now.requests) > most:
        percent = 100.0 * now.errors / now.requests
        return f"error rate {percent:.1f}% of {now.requests:,} requests is above the limit of {why}"
    if limits.p95_ms is None or now.p95_ms is None:
        return None
    slow, why = _raised(limits.p95_ms, P95_WORSE, max((s.p95_ms or 0.0 for s in known), default=0.0), " ms")
    return f"p95 {now.p95_ms:.0f} ms is above the limit of {why}" if now.p95_ms > slow else None


def _raised(limit: float, worse: float, usual: float, unit: str) -> tuple[float, str]:
    """The limit that counts, and how it is told."""
    if worse * usual <= limit:
        return limit, f"{limit:g}{unit}"
    return worse * usual, f"{worse:g}x the {usual:.3g}{unit} of the version before"


def wilson_low(k: int, n: int, z: float = 2.326) -> float:
    """Lower end of Wilson's score interval for k of n; `z` normal deviate of the one-sided confidence (2.326: 99 %)."""
    if n <= 0:
        return 0.0
    p = k / n
    centre = p + z * z / (2 * n)
    spread = z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    return max(0.0, (centre - spread) / (1 + z * z / n))
