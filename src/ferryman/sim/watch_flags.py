"""Invariants 1, 2, 6 and 9 over what is done to a flag."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman.flags.ledger import Driver
from ferryman.model.generation import Generation
from ferryman.model.rollout import Rollout, Track
from ferryman.model.world import FlagShare
from ferryman.sim.invariants import Findings
from ferryman.sim.ledger import Ledger
from ferryman.sim.world import World

SLACK = 1e-6


@dataclass
class FlagWatch:
    """Looks at every write that the flag takes."""

    world: World
    ledger: Ledger
    found: Findings
    _newest: Generation | None = None

    def driven(self, driver: Driver, stands: FlagShare, asked: FlagShare | None) -> None:
        """A write is taken; `asked` None takes over and asks nothing."""
        generation = driver.generation
        if self._newest is not None and generation < self._newest:
            self._broken(6, f"the flag took {generation} after {self._newest}")
        self._newest = max(generation, self._newest or generation)
        service = self.ledger.states.get(generation.rev)
        if service is None:
            self._broken(1, f"a flag was written in the name of event {generation.rev}, which is not in the log")
        elif asked is not None and grows(stands, asked):
            self._grew(driver, service.current, stands, asked)

    def _grew(self, driver: Driver, rollout: Rollout | None, stands: FlagShare, asked: FlagShare) -> None:
        """More users meet it: as many as the log allowed when the writer read it, and not after a way back."""
        if rollout is None or rollout.id != driver.rollout or rollout.phase.terminal or rollout.entered_at is None:
            self._broken(1, f"{driver.rollout} lets more users in, and is not under way")
            return
        limit = rollout.exposure_percent
        if asked.exposure_percent > max(limit, stands.exposure_percent) + SLACK:
            self._broken(1, f"{asked.exposure_percent:g}% are exposed, the log allows {limit:g}%")
        if rollout.track is Track.BACK:
            self._broken(2, f"{rollout.id} lets more users in on its way back: {asked}")
        if unknown := people(asked) - people(stands) - _allowed(rollout):
            self._broken(1, f"{', '.join(sorted(unknown))} are let in, and the log does not say so")
        head = self.ledger.states[max(self.ledger.states)].current
        if head is not None and head.id == rollout.id and head.attempt > rollout.attempt:
            return
        if head is None or head.id != rollout.id:
            self._broken(2, f"{rollout.id} lets more users in, and another rollout is under way")
        elif head.phase.terminal or (head.track is Track.BACK and head.reached_at is not None):
            self._broken(2, f"{head.id} is {head.phase.value}, all were out, and {asked} lets some in again")

    def _broken(self, number: int, text: str) -> None:
        self.found.broken(number, text, self.world.elapsed)


def grows(stands: FlagShare, asked: FlagShare) -> bool:
    """Whether somebody meets it who did not."""
    more = asked.exposure_percent > stands.exposure_percent + SLACK
    return more or (asked.exposure_percent < 100.0 and bool(people(asked) - people(stands)))


def people(share: FlagShare) -> set[str]:
    """Those who are let in whatever the percentage."""
    return {*(f"segment {name}" for name in share.segments), *share.allow}


def _allowed(rollout: Rollout) -> set[str]:
    return {name for flag in rollout.current.world.flags for name in people(flag)}
