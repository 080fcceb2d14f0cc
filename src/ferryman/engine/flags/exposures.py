"""The flags of a controller as its rollouts see and set them."""

from __future__ import annotations

import bisect

from ferryman.engine.flags.evaluations import DURATION_BOUNDS_MS, Tally
from ferryman.engine.flags.port import Outcomes
from ferryman.engine.flags.service import FlagService
from ferryman.flags.driving import exposed_variants, share_of, undrivable
from ferryman.flags.ledger import Driver
from ferryman.metrics.base import Counters
from ferryman.model.errors import Refused
from ferryman.model.plan import Plan
from ferryman.model.seen import FlagSeen
from ferryman.model.world import FlagShare


class FlagExposures:
    """`FlagPort` over a `FlagService`."""

    def __init__(self, flags: FlagService) -> None:
        self._flags = flags

    def observe(self, asked: tuple[FlagShare, ...]) -> tuple[FlagSeen, ...]:
        """As they are served now."""
        return tuple(self._seen(share) for share in asked)

    def _seen(self, asked: FlagShare) -> FlagSeen:
        here = self._flags.environment(asked.environment)
        flag = here.flags.get(asked.key)
        if flag is None or flag.rollout is None:
            return FlagSeen(FlagShare(asked.environment, asked.key), missing=True)
        override = here.override(asked.key)
        reason = f"by {override.by}{f', {override.reason}' if override.reason else ''}" if override else ""
        return FlagSeen(
            share_of(flag, asked.environment),
            version=here.versions.get(asked.key, 0),
            override=override.kind if override else "",
            reason=reason,
        )

    async def apply(self, asked: tuple[FlagShare, ...], driver: Driver, reason: str) -> None:
        """One new version of each flag that is not as asked."""
        for share in asked:
            await self._flags.drive(share, driver, reason=reason)

    async def fence(self, asked: tuple[FlagShare, ...], driver: Driver) -> None:
        """An entry of its own for each, which no client sees."""
        for share in asked:
            await self._flags.fence(share.environment, share.key, driver)

    def outcomes(self, share: FlagShare, bounds_ms: tuple[float, ...]) -> Outcomes:
        """From what the programs report with their evaluations; counted anew by each controller."""
        flag = self._flags.environment(share.environment).flags.get(share.key)
        counted = self._flags.evaluations.totals(share.environment, share.key)
        variants = exposed_variants(flag) if flag is not None else ()
        off = flag.off if flag is not None else ""
        exposed = {name: _counters(counted.get(name, Tally()), bounds_ms) for name in variants}
        return Outcomes(_counters(counted.get(off, Tally()), bounds_ms), exposed, off)

    def admit(self, plan: Plan, service: str) -> None:
        """Refuse a plan of a service whose flags cannot be exposed as it asks. Raises `UsageError` (``unknown_flag``), `Refused`:
        ``undrivable``, ``overridden``, ``driven``, ``exposed_already``."""
        shares = tuple(dict.fromkeys(share for step in plan.steps for share in step.world.flags))
        for environment, key in dict.fromkeys((share.environment, share.key) for share in shares):
            mine = tuple(share for share in shares if (share.environment, share.key) == (environment, key))
            self._admit(environment, key, mine, service)

    def _admit(self, environment: str, key: str, shares: tuple[FlagShare, ...], service: str) -> None:
        here = self._flags.environment(environment)
        flag = self._flags.known(environment, key)
        why, hint = undrivable(flag, here.whole, shares)
        if why:
            raise Refused("undrivable", f"{why} (in {environment})", hint=hint)
        override = here.override(key)
        if override is not None:
            hint = f"`ferry flags unkill {key}` first" if override.kind == "killed" else "it recovers by itself"
            raise Refused("overridden", f"{key} is {override.kind} in {environment} by {override.by}", hint=hint)
        driver = self._flags.drivers().get((environment, key), "")
        if driver.rpartition("-")[0] == service:
            return  # it goes back before the next one begins
        if driver:
            raise Refused(
                "driven", f"{key} in {environment} is driven by the rollout {driver}", hint="wait for its end"
            )
        exposed = share_of(flag, environment).exposure_percent
        if exposed > shares[0].exposure_percent:
            message = (
                f"{key} is exposed to {exposed:g} % of {environment} already, and the first step would take users away"
            )
            raise Refused("exposed_already", message, hint=f"begin above that; or `ferry flags rollout {key} 0` first")


def _counters(counted: Tally, bounds_ms: tuple[float, ...]) -> Counters:
    """Each class of durations goes into the bucket of its own upper end: both sides of a comparison alike."""
    buckets = [0] * (len(bounds_ms) + 1)
    for number, count in enumerate(counted.durations):
        upper = DURATION_BOUNDS_MS[number] if number < len(DURATION_BOUNDS_MS) else float("inf")
        buckets[bisect.bisect_left(bounds_ms, upper)] += count
    return Counters(counted.requests, counted.failures, tuple(buckets))
