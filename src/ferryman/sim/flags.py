"""The port of one controller onto the feature flag of a simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ferryman.engine.flags.port import Outcomes
from ferryman.flags.driving import exposed_variants
from ferryman.flags.ledger import Driver
from ferryman.metrics.base import Counters
from ferryman.model.errors import StoreError
from ferryman.model.seen import FlagSeen
from ferryman.model.world import FlagShare
from ferryman.sim import points
from ferryman.sim.flagboard import OFF, ON
from ferryman.sim.ports import Eyes, Gate, taken


@dataclass
class SimFlags:
    """`engine.flags.port.FlagPort` onto the flag of the world."""

    eyes: Eyes
    gate: Gate = taken

    def observe(self, asked: tuple[FlagShare, ...]) -> tuple[FlagSeen, ...]:
        board = self.eyes.world.flags
        self.eyes.overridden = bool(asked and board.overridden)
        return tuple(FlagSeen(board.share, board.ledger.version, board.overridden, "by ana") for _ in asked)

    async def apply(self, asked: tuple[FlagShare, ...], driver: Driver, reason: str) -> None:
        for share in asked:
            fate = await self.gate(points.FLAG)
            self._check()
            self.eyes.carry(fate, partial(self._drive, share, driver, reason), _store_failed)
            await self.gate(points.FLAGGED)

    async def fence(self, asked: tuple[FlagShare, ...], driver: Driver) -> None:
        for _ in asked:
            fate = await self.gate(points.FLAG)
            self._check()
            self.eyes.carry(fate, lambda: self.eyes.world.flags.fence(driver), _store_failed)

    def outcomes(self, share: FlagShare, bounds_ms: tuple[float, ...]) -> Outcomes:
        found = self.eyes.world.measure() or {}
        nothing = Counters(0, 0, (0,) * (len(bounds_ms) + 1))
        variants = exposed_variants(self.eyes.world.flags.flag)
        return Outcomes(found.get(OFF, nothing), {name: found.get(name, nothing) for name in variants})

    def _drive(self, share: FlagShare, driver: Driver, reason: str) -> None:
        """What is behind the flag is what the rollout releases."""
        world = self.eyes.world
        rollout = world.log.snapshot.current
        world.traffic.count()
        if rollout is not None and rollout.id == driver.rollout and rollout.candidate in world.traffic.qualities:
            world.traffic.qualities[ON] = world.traffic.qualities[rollout.candidate]
        world.flags.drive(share, driver, reason)

    def _check(self) -> None:
        if self.eyes.world.kernel.now < self.eyes.world.log_down_until:
            raise _store_failed()


def _store_failed() -> StoreError:
    return StoreError("store_failed", "the disk gave an error")
