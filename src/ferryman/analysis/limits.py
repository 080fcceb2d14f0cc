"""Absolute limits, for where there is no concurrent stable version to compare with: after everybody has switched."""

from __future__ import annotations

from ferryman.model.release import Limits


def broken_limit(limits: Limits, *, requests: int, errors: int, p95_ms: float | None) -> str | None:
    """Which limit what was counted since the switch breaks, as a reason to go back; None for none.

    Under `min_samples` requests nothing is said. The error limit is held against the lower end of a 99 % interval
    (Wilson's score), so that a handful of errors right after the switch takes nobody back.
    """
    if requests < limits.min_samples:
        return None
    rate = errors / requests
    if 100.0 * wilson_low(errors, requests) > limits.error_percent:
        return f"error rate {100 * rate:.1f}% of {requests:,} requests is above the limit of {limits.error_percent:g}%"
    if limits.p95_ms is not None and p95_ms is not None and p95_ms > limits.p95_ms:
        return f"p95 {p95_ms:.0f} ms is above the limit of {limits.p95_ms:g} ms"
    return None


def wilson_low(k: int, n: int, z: float = 2.326) -> float:
    """Lower end of Wilson's score interval for k of n; `z` normal deviate of the one-sided confidence (2.326: 99 %)."""
    if n <= 0:
        return 0.0
    p = k / n
    centre = p + z * z / (2 * n)
    spread = z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    return max(0.0, (centre - spread) / (1 + z * z / n))
