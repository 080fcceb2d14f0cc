"""A plan: the ordered worlds of a release, each with the gates that must hold before the next one."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ferryman.model.release import Analysis, Check, Deadlines
from ferryman.model.world import World


class Phase(StrEnum):
    """Where a rollout is. The table in `core.phases` says which verb does what in each."""

    PENDING = "pending"
    CHECKING = "checking"
    EXPANDING = "expanding"
    STARTING = "starting"
    PROGRESSING = "progressing"
    ANALYSING = "analysing"
    PAUSED = "paused"
    PROMOTING = "promoting"
    BAKING = "baking"
    FINISHING = "finishing"
    ABORTING = "aborting"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    SUPERSEDED = "superseded"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """True when nothing will happen any more without a verb."""
        return self in TERMINAL


TERMINAL = frozenset({Phase.PROMOTED, Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.FAILED})


class HoldGate(msgspec.Struct, frozen=True, tag="hold"):
    """Time since the world was reached."""

    seconds: float


class VerdictGate(msgspec.Struct, frozen=True, tag="verdict"):
    """A pass of the judge at this step's stage; unresolved after `max_wait_seconds` it is inconclusive."""

    max_wait_seconds: float


class HumanGate(msgspec.Struct, frozen=True, tag="human"):
    """A person promotes."""

    reason: str = "waits for a person"


class CheckGate(msgspec.Struct, frozen=True, tag="check"):
    """A check runs once per attempt and step, and must pass. `revision` is the side it is run against."""

    check: Check
    revision: str


class GoneGate(msgspec.Struct, frozen=True, tag="gone"):
    """No instance of `revision` is left."""

    revision: str


Gate = HoldGate | VerdictGate | HumanGate | CheckGate | GoneGate


class Step(msgspec.Struct, frozen=True):
    """One world and its gates. `stage` numbers the judge's stages; None: nothing is compared here.
    `timed` steps count against the progress deadline while their world is not reached."""

    name: str
    phase: Phase
    world: World
    gates: tuple[Gate, ...] = ()
    stage: int | None = None


class Plan(msgspec.Struct, frozen=True):
    """The way forward and the way back, both as worlds. `stable` is None on a first deploy."""

    strategy: str
    candidate: str
    stable: str | None
    replicas: int
    steps: tuple[Step, ...]
    back: tuple[Step, ...]
    direct: tuple[Step, ...]
    steady: World
    analysis: Analysis
    deadlines: Deadlines
    undo_window: int = 3
    notes: tuple[str, ...] = ()
