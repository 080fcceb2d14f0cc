"""What the log says, event by event, in the form in which the invariants ask for it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from ferryman.core.decide import wanted
from ferryman.model.rollout import DRILL, Rollout, Service
from ferryman.model.world import World
from ferryman.sim.bounds import least_and_most


@dataclass(frozen=True)
class Line:
    """The state after one event: what is wanted, and the least ready and most live instances that the release allows."""

    service: Service
    world: World
    least: int
    most: int

    @property
    def rollout(self) -> Rollout | None:
        """The rollout under way, once it has begun to ask for something."""
        current = self.service.current
        if current is None or current.phase.terminal or current.entered_at is None or self.service.down:
            return None
        return current


@dataclass
class Ledger:
    """Every state by the number of its last event, when ready instances were lost without anybody's order, and the most
    that the log ever allowed to each revision (percent)."""

    states: dict[int, Service] = field(default_factory=dict[int, Service])
    lost: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    recorded: dict[str, float] = field(default_factory=dict[str, float])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    _lines: dict[int, Line] = field(default_factory=dict[int, Line])

    def line(self, rev: int) -> Line | None:
        """The state after event `rev`; None when there is no such event yet."""
        known = self._lines.get(rev)
        if known is None and rev in self.states:
            known = self._lines[rev] = self._made(self.states[rev])
        return known

    def lost_since(self, at: float, revision: str | None = None) -> int:
        """How many ready instances (of a revision) were lost since the world's time `at`."""
        if revision is not None:
            times = self.lost.get(revision, [])
            return len(times) - bisect_right(times, at - 1e-9)
        return sum(self.lost_since(at, name) for name in self.lost)

    def _made(self, service: Service) -> Line:
        rollout = service.current
        if service.down or rollout is None:
            return Line(service, wanted(service), 0, 0)
        if rollout.kind == DRILL:
            return Line(service, wanted(service), *self._drill_limits(service, rollout))
        found = [self._limits(rollout)]
        if rollout.phase.terminal or rollout.entered_at is None:
            found += self._standing_limits(service)
        return Line(service, wanted(service), min(low for low, _ in found), max(high for _, high in found))

    def _standing_limits(self, service: Service) -> list[tuple[int, int]]:
        """Between rollouts it is the release that stable was promoted by."""
        release = service.releases.get(service.stable or "")
        size = max(service.steady.instances.values(), default=0)
        if release is None:
            return []
        low, high = least_and_most(release, size)
        return [(low, max(high, size + max(1, size // 4)))]

    def _drill_limits(self, service: Service, rollout: Rollout) -> tuple[int, int]:
        """What stands stays; beside it there is room for what is rehearsed."""
        low, high = (self._standing_limits(service) or [(0, 0)])[0]
        stands = sum(service.steady.instances.values())
        return low, max(high, stands + least_and_most(rollout.release, high)[1] - high)

    def _limits(self, rollout: Rollout) -> tuple[int, int]:
        stable = None if rollout.stable is None else self.sizes.get(rollout.id)
        least, most = least_and_most(rollout.release, stable)
        if rollout.candidate == rollout.stable and stable is not None:
            high = max(stable, rollout.release.replicas)
            most = max(most, high + max(1, high // 4))
        return least, most

    def started(self, service: Service) -> None:
        """Remember how many instances stable had when the current rollout began."""
        rollout = service.current
        if rollout is not None and rollout.stable is not None and rollout.id not in self.sizes:
            self.sizes[rollout.id] = service.steady.instances.get(rollout.stable, 0)
