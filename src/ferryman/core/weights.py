"""Sharing out 100 percent of the traffic over what is ready."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.model.seen import Seen
from ferryman.model.world import Bounds, World

WEIGHT_STEP_PERCENT = 0.1
_TENTHS = 1000  # weights are whole tenths of a percent


def needed(weight_percent: float, bounds: Bounds) -> float:
    """Ready instances that a share of the traffic needs: max(1, w/100 * minAvailable * capacityFloor)."""
    if weight_percent <= 0:
        return 0.0
    return max(1.0, weight_percent / 100.0 * bounds.min_available * bounds.capacity_floor - 1e-9)


@dataclass(frozen=True)
class Shares:
    """What is asked, what is served now (percent per revision), ready instances per revision, the revision whose
    exposure is limited, and `capacity`: the ready instances that 100 percent of the traffic need."""

    asked: dict[str, float]
    current: dict[str, float]
    ready: dict[str, int]
    limited: str | None
    capacity: float

    def carried(self, revision: str) -> float:
        """The largest weight (percent) that the ready instances of a revision may carry."""
        ready = self.ready.get(revision, 0)
        if ready < 1:
            return 0.0
        return 100.0 if self.capacity <= 0 else min(100.0, 100.0 * ready / self.capacity)

    def ceiling(self, revision: str) -> float:
        """The largest weight a revision may have at all: the limited one no more than asked, or than it has."""
        if revision != self.limited:
            return 100.0
        return max(self.asked.get(revision, 0.0), self.current.get(revision, 0.0))


def shares_of(world: World, seen: Seen, ready: dict[str, int]) -> Shares:
    """The question that a wanted world, an observation and ready instances per revision put."""
    return Shares(
        asked=world.weights,
        current={r: w for r, w in seen.routes.weights.items() if w > 0},
        ready=ready,
        limited=world.limited,
        capacity=world.bounds.min_available * world.bounds.capacity_floor,
    )


def share_out(shares: Shares, *, follow_ready: bool, atomic: bool) -> dict[str, float]:
    """Weights in steps of 0.1 that sum to 100.0, or {} when nothing ready may be routed."""
    if follow_ready:
        return rounded(_following(shares), shares.limited)
    asked = {r: w for r, w in shares.asked.items() if w > 0}
    if all(w <= shares.carried(r) + 1e-6 for r, w in asked.items()):
        return rounded(asked, shares.limited)
    if atomic and any(shares.ready.get(r) for r in shares.current):
        return rounded(shares.current, shares.limited)
    return rounded(_clipped(shares, asked), shares.limited)


def _following(shares: Shares) -> dict[str, float]:
    """Weights in the proportion of the ready instances; a limited revision that is asked to leave never grows."""
    total = sum(shares.ready.values())
    if not total:
        return shares.current
    found = {r: 100.0 * n / total for r, n in shares.ready.items() if n}
    limited = shares.limited
    if limited in found and shares.asked.get(limited, 0.0) <= 0 and len(found) > 1:
        top = min(found[limited], shares.current.get(limited, 0.0))
        others = {r: w for r, w in found.items() if r != limited}
        scale = (100.0 - top) / sum(others.values())
        found = {limited: top, **{r: w * scale for r, w in others.items()}}
    return {r: w for r, w in found.items() if w > 0}


def _clipped(shares: Shares, asked: dict[str, float]) -> dict[str, float]:
    """As near to what is asked as capacity lets it be; the rest goes where there is room and where it is already."""
    found = {r: min(w, shares.carried(r)) for r, w in asked.items()}
    spare = 100.0 - sum(found.values())
    # Room among those asked for first (stable before the limited one), then among those who serve now and are to leave:
    # on as few of them as can carry it, so that the others can go.
    leaving = sorted(shares.current.keys() - asked.keys(), key=lambda r: (r == shares.limited, -shares.carried(r), r))
    places = [*sorted(asked, key=lambda r: r == shares.limited), *leaving]
    for revision in places:
        room = min(shares.carried(revision), shares.ceiling(revision)) - found.get(revision, 0.0)
        if room > 0 and spare > 0:
            taken = min(room, spare)
            found[revision] = found.get(revision, 0.0) + taken
            spare -= taken
    if spare <= 1e-6:
        return {r: w for r, w in found.items() if w > 0}
    return _stretched(shares)


def _stretched(shares: Shares) -> dict[str, float]:
    """Capacity for everybody is not there: load the ready instances evenly, within the ceilings; never add a hole."""
    ready = {r: n for r, n in shares.ready.items() if n and (r in shares.asked or r in shares.current)}
    found: dict[str, float] = {}
    spare = 100.0
    for revision in sorted(ready, key=shares.ceiling):
        left = sum(n for r, n in ready.items() if r not in found)
        found[revision] = min(shares.ceiling(revision), spare * ready[revision] / left)
        spare -= found[revision]
    if spare > 1e-6:
        return shares.current
    return {r: w for r, w in found.items() if w > 0}


def rounded(weights: dict[str, float], limited: str | None = None) -> dict[str, float]:
    """Largest remainders: whole tenths of a percent that sum to exactly 100.0, the limited one never rounded up while
    another one can be. {} stays {}."""
    total = sum(weights.values())
    if total <= 0:
        return {}
    exact = {r: w / total * _TENTHS for r, w in weights.items()}
    tenths = {r: int(x + 1e-9) for r, x in exact.items()}
    order = sorted(exact, key=lambda r: (r == limited, tenths[r] - exact[r], r))
    for revision in order[: _TENTHS - sum(tenths.values())]:
        tenths[revision] += 1
    return {r: t / 10.0 for r, t in sorted(tenths.items()) if t}
