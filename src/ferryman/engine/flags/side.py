"""What a rollout of one service has to do with feature flags: asked, seen, and what its users experienced."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ferryman.engine.flags.port import FlagPort, Outcomes
from ferryman.flags.ledger import Driver
from ferryman.metrics.base import Counters
from ferryman.model.generation import Generation
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import FlagSeen, RoutesSeen, RouteStatus
from ferryman.model.world import Orders, unexposed
from ferryman.strategies.flag import UNEXPOSED


@dataclass
class FlagSide:
    """Of one loop."""

    port: FlagPort
    bounds_ms: tuple[float, ...]
    seen: tuple[FlagSeen, ...] = ()
    _fence: int | None = None

    async def fence(self, service: Service, generation: Generation) -> None:
        """Once for each lease, before anything is looked at: whoever carried the running rollout before, and comes back late,
        writes to its flags no more. Raises `Stale`, `StoreError`."""
        if generation.fence == self._fence:
            return
        rollout = service.current
        steps = (*rollout.plan.steps, *rollout.plan.back) if rollout is not None and rollout.running else ()
        flags = tuple(dict.fromkeys(flag for step in steps for flag in unexposed(step.world.flags)))
        if rollout is not None and flags:
            await self.port.fence(flags, Driver(service.name, rollout.id, generation))
        self._fence = generation.fence

    def observe(self, service: Service) -> None:
        """Look at the flags of the running rollout; at the one that a service is about also when it has ended."""
        rollout = service.current
        looks = rollout is not None and (rollout.running or by_flag(rollout))
        flags = rollout.current.world.flags if rollout is not None and looks else ()
        self.seen = self.port.observe(flags)

    async def apply(self, orders: Orders, service: Service, generation: Generation) -> None:
        """Expose flags as ordered, and look again."""
        rollout = service.current
        if not orders.flags or rollout is None:
            return
        said = rollout.cause.reason if rollout.cause is not None else rollout.current.name
        await self.port.apply(orders.flags, Driver(service.name, rollout.id, generation), said)
        self.seen = self.port.observe(orders.flags)

    def routes(self, rollout: Rollout | None, routes: RoutesSeen) -> RoutesSeen:
        """What shares out the users: a flag instead of the router, where the rollout is one of a flag."""
        if rollout is None or not by_flag(rollout) or not self.seen:
            return routes
        served = self.seen[0]
        exposed = 0.0 if served.override or served.missing else served.share.exposure_percent
        candidate = 100.0 - exposed if rollout.candidate == UNEXPOSED else exposed
        weights = {rollout.candidate: candidate, rollout.stable or UNEXPOSED: 100.0 - candidate}
        return replace(routes, status=RouteStatus.APPLIED, weights=weights)

    def outcomes(self, rollout: Rollout) -> Outcomes | None:
        """What programs told of the flag; None at a step without one."""
        flags = rollout.current.world.flags
        return self.port.outcomes(flags[0], self.bounds_ms) if flags else None


def sides_of(rollout: Rollout, found: Outcomes) -> tuple[dict[str, Counters], dict[str, Counters]]:
    """What the users of either side of a flag experienced, by revision; and by variant, where several are exposed."""
    exposed = _sum(list(found.exposed.values()), len(found.off.buckets))
    grows = rollout.candidate != UNEXPOSED
    on, off = (rollout.candidate, rollout.stable) if grows else (rollout.stable, rollout.candidate)
    sides = {on or UNEXPOSED: exposed, off or UNEXPOSED: found.off}
    return sides, found.exposed if len(found.exposed) > 1 else {}


def by_flag(rollout: Rollout) -> bool:
    """Whether a flag, not a router, shares out the users of this rollout."""
    return rollout.release.of_flag


def drives(service: Service) -> dict[tuple[str, str], str]:
    """The flags that the running rollout of a service sees to, by environment and key, with its id."""
    rollout = service.current
    if rollout is None or not rollout.running:
        return {}
    steps = (*rollout.plan.steps, *rollout.plan.back)
    return {(flag.environment, flag.key): rollout.id for step in steps for flag in step.world.flags}


def _sum(all_of_it: list[Counters], buckets: int) -> Counters:
    columns = zip(*(each.buckets for each in all_of_it), strict=True) if all_of_it else ((0,) for _ in range(buckets))
    return Counters(
        sum(each.requests for each in all_of_it), sum(each.errors for each in all_of_it), tuple(map(sum, columns))
    )
