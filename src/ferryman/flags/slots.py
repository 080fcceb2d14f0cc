"""Which users meet which variant: fixed slots, so that growth only appends.

The buckets 0 to `BUCKETS` - 1 are divided among the variants by the final split, and a variant fills its own slot from the
start as exposure grows. So a user who was exposed never moves, whatever the number of variants; filling the slots one
behind the other instead would move them at every step.
"""

from __future__ import annotations

from typing import NamedTuple

from ferryman.flags.definition import Flag, Rollout

BUCKETS = 100_000
"""0.001 % each."""

PER_PERCENT = BUCKETS // 100


class Part(NamedTuple):
    """Buckets from `start` to below `end`, and what they get. `exposed`: by their own slot, not as the rest."""

    start: int
    end: int
    variant: str
    exposed: bool

    @property
    def size(self) -> int:
        """Number of buckets."""
        return self.end - self.start


def buckets(percent: float) -> int:
    """A share of 0 to 100 percent in buckets, to the nearest."""
    return round(percent * PER_PERCENT)


def is_exact(percent: float) -> bool:
    """Whether a percentage is a whole number of buckets."""
    return abs(percent * PER_PERCENT - round(percent * PER_PERCENT)) < 1e-6


def parts(rollout: Rollout, off: str) -> tuple[Part, ...]:
    """The division of all buckets, without gaps, neighbours alike joined. Shares that do not sum to 100 leave the rest to
    `off`; what reaches beyond the end is cut."""
    begin, end = 0, BUCKETS
    if rollout.namespace is not None:
        begin, end = buckets(rollout.namespace.start_percent), buckets(rollout.namespace.end_percent)
    room, exposure = end - begin, buckets(rollout.exposure_percent)
    found: list[Part] = [Part(0, begin, off, exposed=False)]
    share_before = 0
    for variant, percent in ((share.variant, share.percent) for share in rollout.split):
        share = share_before + buckets(percent)
        # Edges by multiplication, not by adding up widths: in a namespace no bucket is lost to rounding.
        start, stop = begin + share_before * room // BUCKETS, begin + min(share, BUCKETS) * room // BUCKETS
        filled = start + (stop - start) * exposure // BUCKETS
        found += [Part(start, filled, variant, exposed=True), Part(filled, stop, off, exposed=False)]
        share_before = min(share, BUCKETS)
    found.append(Part(begin + share_before * room // BUCKETS, BUCKETS, off, exposed=False))
    return _joined(found)


def whole(variant: str, off: str) -> tuple[Part, ...]:
    """Everybody gets one variant."""
    return (Part(0, BUCKETS, variant, exposed=variant != off),)


def division(flag: Flag) -> tuple[Part, ...]:
    """What the buckets of a flag get whom no rule decides about."""
    if not flag.enabled:
        return (Part(0, BUCKETS, flag.off, exposed=False),)
    return whole(flag.otherwise, flag.off) if flag.rollout is None else parts(flag.rollout, flag.off)


def part_of(divided: tuple[Part, ...], bucket: int) -> Part:
    """The part that a bucket lies in."""
    low, high = 0, len(divided) - 1
    while low < high:
        middle = (low + high) // 2
        if bucket >= divided[middle].end:
            low = middle + 1
        else:
            high = middle
    return divided[low]


def exposed_buckets(divided: tuple[Part, ...]) -> int:
    """How many buckets are exposed."""
    return sum(part.size for part in divided if part.exposed)


def _joined(found: list[Part]) -> tuple[Part, ...]:
    kept: list[Part] = []
    for part in found:
        if part.size == 0:
            continue
        last = kept[-1] if kept else None
        if last is not None and (last.variant, last.exposed) == (part.variant, part.exposed):
            kept[-1] = last._replace(end=part.end)
        else:
            kept.append(part)
    return tuple(kept)
