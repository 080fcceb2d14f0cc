"""The feature flag of a simulated world, as it truly is, and the port of one controller onto it.

What is written, and whether it may be, are the rules of the real journal: its fold, and what a rollout writes to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.flags.definition import Flag, Kind, Rollout, Rule, Share, Variant
from ferryman.flags.driving import driven, fenced, share_of
from ferryman.flags.ledger import Change, Driver, Fenced, Ledger, Overridden, Recorded, Written, body_of
from ferryman.model.world import FlagShare
from ferryman.sim.kernel import Kernel, nobody
from ferryman.sim.shapes import ENVIRONMENT, FLAG
from ferryman.sim.traffic import Traffic

OFF, ON = "off", "on"
NOBODY = FlagShare(ENVIRONMENT, FLAG)
AUDIENCE_PERCENT = 2.0
"""What each audience adds to the users that meet the flag."""

KINDS = {"kill": "flag_killed", "unkill": "flag_unkilled", "trip": "flag_tripped", "recover": "flag_recovered"}


@dataclass
class FlagBoard:
    """One flag with a rule of its own. `on_drive` is told of each write that is not refused, also of one that has nothing to
    change, just before it is done: (driver, what stands, what is asked or None)."""

    kernel: Kernel
    traffic: Traffic
    on_drive: Callable[[Driver, FlagShare, FlagShare | None], None] = nobody
    ledger: Ledger = field(default_factory=Ledger)

    def begin(self) -> None:
        """From now on there is a flag; before, the world is one of code."""
        if self.begun:
            return
        flag = Flag(
            key=FLAG,
            kind=Kind.RELEASE,
            variants=(Variant(OFF, False), Variant(ON, True)),
            off=OFF,
            rules=(Rule(OFF, allow=("eve",)),),
            rollout=Rollout(FLAG, (Share(ON, 100.0),), exposure_percent=0.0),
        )
        self._enter("flags_written", Written((Change(ENVIRONMENT, {FLAG: flag}, {"staff": "true"}),), 0))

    @property
    def begun(self) -> bool:
        """Whether there is a flag."""
        return self.ledger.version > 0

    @property
    def flag(self) -> Flag:
        """As it was last written."""
        return self.ledger.environment(ENVIRONMENT).flags[FLAG]

    @property
    def share(self) -> FlagShare:
        """What was last asked of it."""
        return share_of(self.flag, ENVIRONMENT)

    @property
    def overridden(self) -> str:
        """killed, tripped, or "" for neither."""
        found = self.ledger.environment(ENVIRONMENT).override(FLAG)
        return found.kind if found is not None else ""

    def served_percent(self) -> float:
        """The users that meet the flag now, percent of all."""
        if self.overridden:
            return 0.0
        share = self.share
        people = len(share.segments) + bool(share.allow)
        return min(100.0, share.exposure_percent + AUDIENCE_PERCENT * people)

    def drive(self, share: FlagShare, driver: Driver, reason: str) -> None:
        """A rollout asks for an exposure. Raises `Stale`."""
        body = driven(self.ledger, share, driver, reason)
        self.on_drive(driver, self.share, share)
        if body is not None:
            self._enter("flags_written", body, driver.rollout)

    def fence(self, driver: Driver) -> None:
        """A controller took a rollout over. Raises `Stale`."""
        body = fenced(self.ledger, ENVIRONMENT, FLAG, driver)
        self.on_drive(driver, self.share, None)
        if body is not None:
            self._enter("flag_fenced", body, driver.rollout)

    def override(self, how: str) -> None:
        """kill, unkill, trip or recover."""
        self._enter(KINDS[how], Overridden(ENVIRONMENT, FLAG, "as it was told"))

    def _enter(self, kind: str, body: Written | Overridden | Fenced, actor: str = "ana") -> None:
        self.traffic.count()
        number = self.ledger.version + 1
        self.ledger.apply(Recorded(number, number, self.kernel.now, actor, kind, body_of(body)))
        served = self.served_percent()
        self.traffic.serve({ON: served, OFF: 100.0 - served})
        self.kernel.say(f"{kind} by {actor}: {served:g}% are served")
