"""The flags of a controller as its rollouts see and set them."""

from __future__ import annotations

import bisect

from ferryman.engine.flags.evaluations import DURATION_CLASSES, MINUTE, VariantMinute
from ferryman.engine.flags.port import Outcomes
from ferryman.engine.flags.service import FlagService
from ferryman.flags.driving import share_of, undrivable
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

    def outcomes(self, share: FlagShare, since: float, bounds_ms: tuple[float, ...]) -> Outcomes:
        """From what the programs report with their evaluations."""
        flag = self._flags.environment(share.environment).flags.get(share.key)
        minutes = self._flags.evaluations.of(share.environment, share.key, since - since % MINUTE)
        by_variant: dict[str, list[VariantMinute]] = {}
        for each in minutes:
            by_variant.setdefault(each.variant, []).append(each)
        off = by_variant.pop(flag.off, []) if flag is not None else []
        by_variant.pop("", None)
        exposed = {name: _counters(found, bounds_ms) for name, found in sorted(by_variant.items())}
        return Outcomes(_counters(off, bounds_ms), exposed)

    def admit(self, plan: Plan) -> None:
        """Refuse a plan whose flags cannot be exposed as it asks. Raises `UsageError` (``unknown_flag``), `Refused`:
        ``undrivable``, ``overridden``, ``driven``, ``exposed_already``."""
        shares = tuple(dict.fromkeys(share for step in plan.steps for share in step.world.flags))
        for environment, key in dict.fromkeys((share.environment, share.key) for share in shares):
            mine = tuple(share for share in shares if (share.environment, share.key) == (environment, key))
            self._admit(environment, key, mine)

    def _admit(self, environment: str, key: str, shares: tuple[FlagShare, ...]) -> None:
        here = self._flags.environment(environment)
        flag = self._flags.known(environment, key)
        why, hint = undrivable(flag, here.whole, shares)
        if why:
            raise Refused("undrivable", f"{why} (in {environment})", hint=hint)
        override = here.override(key)
        if override is not None:
            hint = f"`ferry flags unkill {key}` first" if override.kind == "killed" else "it recovers by itself"
            raise Refused("overridden", f"{key} is {override.kind} in {environment} by {override.by}", hint=hint)


def _counters(found: list[VariantMinute], bounds_ms: tuple[float, ...]) -> Counters:
    """Each class of durations goes into the bucket of its own upper end: both sides of a comparison alike."""
    buckets = [0] * (len(bounds_ms) + 1)
    for minute in found:
        for number, count in enumerate(minute.durations):
            upper = float(2**number) if number < DURATION_CLASSES - 1 else float("inf")
            buckets[bisect.bisect_left(bounds_ms, upper)] += count
    return Counters(sum(m.requests for m in found), sum(m.failures for m in found), tuple(buckets))
