"""Flag: users meet a change by a feature flag, more of them with each step; nothing is started, nothing is routed.

What the flag serves to those who are not exposed is the stable side (`UNEXPOSED`), so that the way back, an undo and the
judge's comparison are those of every other strategy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from ferryman.model.plan import (
    ApprovalGate,
    CheckGate,
    Gate,
    HoldGate,
    PauseGate,
    Phase,
    Plan,
    Step,
)
from ferryman.model.release import (
    Analyse,
    Approve,
    Audience,
    FlagExposure,
    FlagStep,
    Pause,
    Release,
    RunCheck,
    SetWeight,
)
from ferryman.model.revision import Revision
from ferryman.model.world import Bounds, FlagShare, World
from ferryman.strategies.common import FULL_PERCENT, Parties, judged, plan

UNEXPOSED = "off"
"""Id of the revision that stands before a flag was rolled out: nobody is exposed."""

_BOUNDS = Bounds(min_available=0, max_total=0)


def compile_flag(parties: Parties, strategy: FlagExposure) -> Plan:
    """One step per entry of the release, then everybody and the bake. On the way back nobody is exposed."""
    if parties.stable is None:
        parties = replace(parties, stable=UNEXPOSED)
    walk = _Walk(parties, strategy)
    nobody = _world(parties, FlagShare(strategy.environment, strategy.key))
    back = (Step(name="nobody exposed", phase=Phase.ABORTING, world=nobody),)
    if parties.candidate == UNEXPOSED:
        off = Step(name="0%", phase=Phase.PROMOTING, world=nobody)
        return plan(parties, (off,), back, _at_rest(parties))
    steps = [walk.step(entry) for entry in strategy.steps if not _whole(entry)]
    everybody = _world(parties, walk.share(FULL_PERCENT))
    steps.append(Step(name="100%", phase=Phase.PROMOTING, world=everybody))
    if strategy.bake_seconds:
        gates: tuple[Gate, ...] = (HoldGate(strategy.bake_seconds),)
        steps.append(Step(name="bake", phase=Phase.BAKING, world=everybody, gates=gates, skippable=True))
    return plan(parties, tuple(steps), back, _at_rest(parties))


def rolls_out(release: Release, revision: str) -> bool:
    """Whether a release to this revision exposes users to a flag: not one that takes it back."""
    return release.of_flag and revision != UNEXPOSED


def unexposed_revision(revision: Revision) -> Revision:
    """What stands before the first release of a flag, as a version that can be gone back to."""
    return replace(revision, id=UNEXPOSED, label=UNEXPOSED, digest="")


def _whole(entry: FlagStep) -> bool:
    return isinstance(entry, SetWeight) and entry.percent >= FULL_PERCENT


def _world(parties: Parties, share: FlagShare) -> World:
    """The exposure, said per revision too: the candidate is what grows, unless it is the one that exposes nobody."""
    assert parties.stable is not None
    exposed = share.exposure_percent
    candidate = FULL_PERCENT if parties.candidate == UNEXPOSED else exposed
    return World(
        instances={parties.candidate: 0, parties.stable: 0},
        weights={parties.candidate: candidate, parties.stable: FULL_PERCENT - candidate},
        bounds=_BOUNDS,
        limited=parties.candidate,
        flags=(share,),
    )


def _at_rest(parties: Parties) -> World:
    """Nothing is asked of the flag any more: from here on it belongs to people again."""
    return World(instances={parties.candidate: 0}, weights={parties.candidate: FULL_PERCENT}, bounds=_BOUNDS)


@dataclass
class _Walk:
    """What carries over from one entry of the list to the next."""

    parties: Parties
    strategy: FlagExposure
    percent: float = 0.0
    stage: int = -1
    segments: list[str] = field(default_factory=list[str])
    allow: list[str] = field(default_factory=list[str])

    def share(self, percent: float) -> FlagShare:
        """What is asked at that percentage."""
        strategy = self.strategy
        if percent >= FULL_PERCENT:
            return FlagShare(strategy.environment, strategy.key, FULL_PERCENT)
        return FlagShare(strategy.environment, strategy.key, percent, tuple(self.segments), tuple(self.allow))

    def step(self, entry: FlagStep) -> Step:
        """The step of one entry."""
        name, gates = self._take(entry)
        return Step(
            name=name,
            phase=Phase.PROGRESSING,
            world=_world(self.parties, self.share(self.percent)),
            gates=tuple(gates),
            stage=self.stage if self.percent > 0 else None,
            skippable=True,
        )

    def _take(self, entry: FlagStep) -> tuple[str, list[Gate]]:
        match entry:
            case SetWeight():
                if entry.percent != self.percent:
                    self.stage += 1
                self.percent = entry.percent
                return f"{entry.percent:g}%", judged(self.parties.release, entry.hold_seconds, analyse=entry.analyse)
            case Audience():
                return self._people(entry), judged(self.parties.release, entry.hold_seconds, analyse=False)
            case Pause(seconds=seconds):
                return ("pause" if seconds is None else f"pause {seconds:g}s"), [PauseGate(seconds)]
            case Analyse(seconds=seconds):
                return "analyse", judged(self.parties.release, seconds, analyse=True)
            case RunCheck(check=check):
                return f"check {check.name}", [CheckGate(check, self.parties.candidate)]
            case Approve(approval=approval):
                return "approval", [ApprovalGate(approval)]

    def _people(self, entry: Audience) -> str:
        if entry.segment:
            self.segments.append(entry.segment)
            return entry.segment
        self.allow += [key for key in entry.allow if key not in self.allow]
        return f"{len(entry.allow)} listed"
