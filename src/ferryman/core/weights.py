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
    exposure is limited, and `capacity`: the ready instances that 100 percent of the traffic need. `open_to_all`
    are the revisions that may take all users if need be: the sides of the world, and what was promoted once. Any other
    one is what an earlier rollout left behind."""

    asked: dict[str, float]
    current: dict[str, float]
    ready: dict[str, int]
    limited: str | None
    capacity: float
    open_to_all: frozenset[str]

    def carried(self, revision: str) -> float:
        """The largest weight (percent) that the ready instances of a revision may carry."""
        ready = self.ready.get(revision, 0)
        if ready < 1:
            return 0.0
        return 100.0 if self.capacity <= 0 else min(100.0, 100.0 * ready / self.capacity)

    def ceiling(self, revision: str) -> float:
        """The largest weight a revision may have at all: the limited one no more than asked, or than it has, and one
        that was left behind no more than it has."""
        if revision in self.open_to_all and revision != self.limited:
            return 100.0
        return max(self.asked.get(revision, 0.0), self.current.get(revision, 0.0))

    def leaves(self, revision: str) -> bool:
        """True for what may only lose users: left behind, or limited and no longer asked for."""
        return revision not in self.open_to_all or (revision == self.limited and self.asked.get(revision, 0.0) <= 0)

    def load(self, weights: dict[str, float]) -> float:
        """The largest share (percent) that one ready instance carries by these weights."""
        return max((w / (self.ready.get(r, 0) or 1e-9) for r, w in weights.items()), default=0.0)

    @property
    def bearable(self) -> float:
        """The share (percent) that one ready instance may carry."""
        return 100.0 if self.capacity <= 1 else 100.0 / self.capacity


def shares_of(world: World, seen: Seen, ready: dict[str, int]) -> Shares:
    """The question that a wanted world, an observation and ready instances per revision put."""
    return Shares(
        asked=world.weights,
        current={r: w for r, w in seen.routes.weights.items() if w > 0},
        ready=ready,
        limited=world.limited,
        capacity=world.bounds.min_available * world.bounds.capacity_floor,
        open_to_all=frozenset({*world.instances, *world.weights, *world.proven}),
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
    """Weights in the proportion of the ready instances. What is to leave never grows: a limited revision that is no
    longer asked for, and what an earlier rollout left behind."""
    ready = {r: n for r, n in shares.ready.items() if n}
    most = {r: shares.current.get(r, 0.0) if shares.leaves(r) else 100.0 for r in ready}
    if shares.limited is not None and ready.keys() == {shares.limited} and most[shares.limited] > 0:
        most[shares.limited] = 100.0  # it serves and is all there is, and the log allowed it as much
    return _evenly(ready, most, shares.current)


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
    return _evenly(ready, {r: shares.ceiling(r) for r in ready}, shares.current)


def _evenly(ready: dict[str, int], most: dict[str, float], current: dict[str, float]) -> dict[str, float]:
    """The same load on each ready instance, as far as no revision gets more than its `most` (percent); what is served
    now where all of them together may not take everybody."""
    found: dict[str, float] = {}
    spare = 100.0
    for revision in sorted(ready, key=lambda r: (most[r] / ready[r], r)):
        left = sum(n for r, n in ready.items() if r not in found)
        found[revision] = min(most[revision], spare * ready[revision] / left)
        spare -= found[revision]
    if spare > 1e-6:
        return current
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
