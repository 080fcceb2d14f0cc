"""A plan: the ordered worlds of a release, each with the gates that must hold before the next one."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

import msgspec

from ferryman.model.release import Approval, Check
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
    """Time since the world was reached. `warm`: it only keeps an exposed candidate warm on the way back."""

    seconds: float
    warm: bool = False


class VerdictGate(msgspec.Struct, frozen=True, tag="verdict"):
    """A pass of the judge at this step's stage; unresolved after `max_wait_seconds` it is inconclusive."""

    max_wait_seconds: float


class PauseGate(msgspec.Struct, frozen=True, tag="pause"):
    """Wait for `seconds`, or for a person when None."""

    seconds: float | None = None
    reason: str = "waits for a person"


class CheckGate(msgspec.Struct, frozen=True, tag="check"):
    """A check runs once per attempt and step against `revision`, and must pass."""

    check: Check
    revision: str


class ApprovalGate(msgspec.Struct, frozen=True, tag="approval"):
    """People must agree; a denial, or no agreement in time, goes back."""

    approval: Approval


class SettledGate(msgspec.Struct, frozen=True, tag="settled"):
    """No live instance is left beyond what the world asks for."""


Gate = HoldGate | VerdictGate | PauseGate | CheckGate | ApprovalGate | SettledGate
G = TypeVar("G", bound=Gate)


class Step(msgspec.Struct, frozen=True):
    """One world and its gates. `stage` numbers the judge's stages; None: nothing is compared here.
    `skippable`: a full promotion passes it over."""

    name: str
    phase: Phase
    world: World
    gates: tuple[Gate, ...] = ()
    stage: int | None = None
    skippable: bool = False

    def gate(self, kind: type[G]) -> G | None:
        """The first gate of this kind."""
        return next((g for g in self.gates if isinstance(g, kind)), None)


class Plan(msgspec.Struct, frozen=True):
    """The way forward and the way back, both as worlds. `stable` is None on a first deploy. `steady` is what stays
    when the candidate is promoted."""

    strategy: str
    candidate: str
    stable: str | None
    replicas: int
    steps: tuple[Step, ...]
    back: tuple[Step, ...]
    steady: World
    notes: tuple[str, ...] = ()

    def stages(self) -> tuple[tuple[float, float], ...]:
        """The judge's stages in order: (candidate weight in percent, planned seconds)."""
        found: dict[int, tuple[float, float]] = {}
        for step in self.steps:
            if step.stage is None:
                continue
            weight, seconds = found.get(step.stage, (step.world.weights.get(self.candidate, 0.0), 0.0))
            hold = step.gate(HoldGate)
            found[step.stage] = (weight, seconds + (hold.seconds if hold else 0.0))
        return tuple(found[k] for k in sorted(found))
