"""Where latency is cut into fast and slow: bounds of the histogram, chosen once, before anything is tested."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from statistics import median

import msgspec

from ferryman.analysis.betting.settings import PROMOTE_LATENCY

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
P95 = 0.95
# With a typical step between bounds above this, a shift of 15 % hides inside one bucket.
FINE_STEP = 1.3
# A bound that should equal b * factor may differ in its last digits.
SLACK = 1e-3


class Cuts(msgspec.Struct, frozen=True, array_like=True):
    """Indices into the bounds. A stable request is slow above `stable[j]`, a candidate one above `candidate[j]`: the
    stable quantile, and the first bound that is the margin higher. `p95` cuts the stable version for promotion,
    `promote[i]` the candidate in stage i (the last serves later stages)."""

    stable: tuple[int, ...]
    candidate: tuple[int, ...]
    p95: int
    promote: tuple[int, ...]
    fine: bool


def is_fine(bounds: tuple[float, ...], buckets: list[int]) -> bool:
    """Whether a shift of 15 % shows. A source that counts in fewer buckets of its own, and puts them among these bounds, leaves
    empty what lies between: of what is used, no two then stand closer than its own step."""
    steps = [high / low for low, high in pairwise(bounds)]
    used = [bound for bound, count in zip(bounds, buckets, strict=False) if count]
    seen = [high / low for low, high in pairwise(used)]
    return bool(steps) and median(steps) < FINE_STEP and (not seen or min(seen) < FINE_STEP)


def choose_cuts(bounds: tuple[float, ...], buckets: list[int], margin: float) -> Cuts:
    """Cuts for a histogram of the stable version. `buckets` must hold at least one request.

    For harm the candidate's cut is rounded up, for promotion down: both against the claim that is tested.
    """
    total, cumulative = sum(buckets), list(accumulate(buckets))
    last = max(len(bounds) - 2, 0)

    def quantile(part: float) -> int:
        return min(bisect_left(cumulative, part * total), last)

    fine = is_fine(bounds, buckets)
    stable = tuple(sorted({quantile(part) for part in QUANTILES}))
    p95 = quantile(P95)
    if not fine:
        return Cuts(stable, stable, p95, (p95,), fine)
    top = len(bounds) - 1
    candidate = tuple(min(bisect_left(bounds, bounds[cut] * margin * (1 - SLACK)), top) for cut in stable)
    promote = tuple(bisect_right(bounds, bounds[p95] * factor * (1 + SLACK)) - 1 for factor in PROMOTE_LATENCY)
    return Cuts(stable, candidate, p95, promote, fine)
