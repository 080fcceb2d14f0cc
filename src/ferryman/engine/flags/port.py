"""The port behind which a rollout exposes feature flags."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ferryman.flags.ledger import Driver
from ferryman.metrics.base import Counters
from ferryman.model.seen import FlagSeen
from ferryman.model.world import FlagShare


class Outcomes(NamedTuple):
    """How requests fared, in counters that only grow until the source begins anew: those whose users got `off`, and those
    of each variant that the exposed meet. `name` is that of the variant `off`."""

    off: Counters
    exposed: dict[str, Counters]
    name: str = ""


class FlagPort(Protocol):
    """Feature flags, as the loop of a service needs them."""

    def observe(self, asked: tuple[FlagShare, ...]) -> tuple[FlagSeen, ...]:
        """How the flags that are asked about are served now."""
        ...

    async def apply(self, asked: tuple[FlagShare, ...], driver: Driver, reason: str) -> None:
        """Expose them as asked; what is so already is left alone. Raises `Stale`, `StoreError`."""
        ...

    async def fence(self, asked: tuple[FlagShare, ...], driver: Driver) -> None:
        """From here on no older generation of that service writes to these flags. Raises `Stale`, `StoreError`."""
        ...

    def outcomes(self, share: FlagShare, bounds_ms: tuple[float, ...]) -> Outcomes:
        """What programs reported of a flag, durations in buckets of `bounds_ms`."""
        ...


class NoFlags:
    """Where there are no flags."""

    def observe(self, asked: tuple[FlagShare, ...]) -> tuple[FlagSeen, ...]:
        """All of them missing."""
        return tuple(FlagSeen(share, missing=True) for share in asked)

    async def apply(self, asked: tuple[FlagShare, ...], driver: Driver, reason: str) -> None:
        """Nothing."""

    async def fence(self, asked: tuple[FlagShare, ...], driver: Driver) -> None:
        """Nothing."""

    def outcomes(self, share: FlagShare, bounds_ms: tuple[float, ...]) -> Outcomes:
        """Nothing was reported."""
        return Outcomes(Counters(0, 0, (0,) * (len(bounds_ms) + 1)), {})
