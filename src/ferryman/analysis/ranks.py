"""The Mann-Whitney test as a confidence interval of the shift between two samples.

Normal approximation with continuity and tie correction, after Hollander and Wolfe, "Nonparametric statistical methods",
and the confidence interval of R's `wilcox.test`: the shifts at which the standardised statistic meets the two-sided
critical values, found exactly. The Hodges-Lehmann estimate is the median of all differences.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist, median

import msgspec


class ShiftInterval(msgspec.Struct, frozen=True):
    """How far the first sample lies above the second: interval and Hodges-Lehmann estimate, in the samples' unit."""

    low: float
    high: float
    estimate: float


def shift_interval(xs: Sequence[float], ys: Sequence[float], confidence: float) -> ShiftInterval | None:
    """Interval of the shift x - y at a two-sided `confidence` (0..1); samples must not be empty and must be finite.
    None when all values are tied at some shift that has to be tried, so that there is no scale to measure by."""
    least, most = min(xs) - max(ys), max(xs) - min(ys)
    if least == most:
        return ShiftInterval(least, least, least)
    critical = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    shifts = sorted({x - y for x in xs for y in ys})
    low, high = _crossing(xs, ys, critical, shifts), _crossing(xs, ys, -critical, shifts)
    if low is None or high is None:
        return None
    return ShiftInterval(low, high, median(x - y for x in xs for y in ys))


def deviate(xs: Sequence[float], ys: Sequence[float], shift: float) -> float | None:
    """The standardised rank sum of x - shift among y; it falls as the shift grows. None when all values are tied."""
    moved = [x - shift for x in xs]
    tied = Counter([*moved, *ys])
    rank: dict[float, float] = {}
    below = 0
    for value in sorted(tied):
        rank[value] = below + (tied[value] + 1) / 2.0
        below += tied[value]
    n, m = len(moved), len(ys)
    size = n + m
    lead = sum(rank[value] for value in moved) - n * (n + 1) / 2.0 - n * m / 2.0
    ties = sum(count**3 - count for count in tied.values()) / (size * (size - 1))
    variance = n * m / 12.0 * (size + 1 - ties)
    if variance <= 0:
        return None
    continuity = math.copysign(0.5, lead) if lead else 0.0
    return (lead - continuity) / math.sqrt(variance)


def _crossing(xs: Sequence[float], ys: Sequence[float], target: float, shifts: list[float]) -> float | None:
    """The shift at which the deviate falls through `target`; an end of the range when it does not.

    The deviate is a staircase whose steps are the differences of the two samples (`shifts`, rising), so the answer is
    one of them, exactly. A search by an absolute tolerance, as elsewhere, answers nearby instead: noise for a metric
    whose values are small, and a shift where there is none.
    """
    at_low, at_high = deviate(xs, ys, shifts[0]), deviate(xs, ys, shifts[-1])
    if at_low is None or at_high is None:
        return None
    if at_low <= target:
        return shifts[0]
    if at_high >= target:
        return shifts[-1]
    low, high = 0, len(shifts) - 1
    while low < high:
        middle = (low + high) // 2
        after = deviate(xs, ys, (shifts[middle] + shifts[middle + 1]) / 2.0)
        if after is None:
            return None
        low, high = (middle + 1, high) if after > target else (low, middle)
    return shifts[low]
