"""What happened: the bodies of the event log. State is a fold over these; nothing else is remembered."""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.model.plan import Phase, Plan
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import Cause, Track


class RolloutCreated(msgspec.Struct, frozen=True, tag="rollout_created"):
    """A person asked for a release (`kind` deploy, settings, undo or drill). `supersedes` names the rollout it ends.
    `account` is who that is for certain, where the actor is only a name that was given; else "". `baseline` is what stood
    before the first release, where that can be gone back to (a flag that exposes nobody)."""

    number: int
    kind: str
    release: Release
    revision: Revision
    plan: Plan
    full: bool = False
    reason: str = ""
    supersedes: str | None = None
    emergency: bool = False
    account: str = ""
    baseline: Revision | None = None


class RolloutStarted(msgspec.Struct, frozen=True, tag="rollout_started"):
    """The rollout left the queue; `plan` is the one that counts (compiled against the stable of this moment)."""

    plan: Plan


class StepEntered(msgspec.Struct, frozen=True, tag="step_entered"):
    """From here on the world of this step is asked for. Recorded before anybody is exposed to it."""

    track: Track
    step: int
    name: str
    phase: Phase
    exposure_percent: float
    reason: str = ""


class StepReached(msgspec.Struct, frozen=True, tag="step_reached"):
    """The world of the step is served: instances ready, every listener acknowledged. `missing_seconds` is how long
    evidence had been missing in this stage already: that is not taken off this step's clocks again."""

    step: int
    missing_seconds: float = 0.0


class AnalysisAwaited(msgspec.Struct, frozen=True, tag="analysis_awaited"):
    """All gates but the judge's hold."""

    step: int


class VerdictChanged(msgspec.Struct, frozen=True, tag="verdict_changed"):
    """The judge's word on the present stage changed; `evidence` is what it stood on."""

    stage: int
    verdict: str
    reason: str
    evidence: dict[str, Any] = {}


class CheckStarted(msgspec.Struct, frozen=True, tag="check_started"):
    """A check begins; its effect happens at most once per key."""

    key: str
    name: str
    step: int


class CheckFinished(msgspec.Struct, frozen=True, tag="check_finished"):
    """A check ended; `state` is passed or failed."""

    key: str
    name: str
    state: str
    detail: str = ""


class ApprovalOpened(msgspec.Struct, frozen=True, tag="approval_opened"):
    """The rollout waits for people to agree: `count` of `role` or above, until `until` (epoch seconds; None: no end).
    `key` names what is asked; it is asked again under the same key when something else came between."""

    key: str
    step: int
    count: int
    role: str
    reason: str
    until: float | None = None


class Approved(msgspec.Struct, frozen=True, tag="approved"):
    """The actor agreed, in this role: the `given`-th of `count`. `link` is the digest of the approval link by which the
    word came, and uses it up; "" for a word by other means."""

    key: str
    role: str
    given: int
    count: int
    reason: str = ""
    link: str = ""


class Denied(msgspec.Struct, frozen=True, tag="denied"):
    """The actor refused, in this role. The way back follows. `link` as in `Approved`."""

    key: str
    role: str
    reason: str = ""
    link: str = ""


class Paused(msgspec.Struct, frozen=True, tag="paused"):
    """The rollout waits; the world stays."""

    kind: str
    reason: str
    until: float | None = None


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """The rollout goes on from where it waited. `missing_seconds` as in `StepReached`, where it is judged anew."""

    reason: str = ""
    missing_seconds: float = 0.0


class Skipped(msgspec.Struct, frozen=True, tag="skipped"):
    """A person let the rollout pass the gates of this step."""

    step: int
    reason: str = ""


class PromotedInFull(msgspec.Struct, frozen=True, tag="promoted_in_full"):
    """A person skips all remaining steps; health and capacity still hold. In an `emergency` windows and freezes do not."""

    reason: str = ""
    emergency: bool = False


class BackOrdered(msgspec.Struct, frozen=True, tag="back_ordered"):
    """The way back begins."""

    cause: Cause
    superseded_by: str | None = None


class Retried(msgspec.Struct, frozen=True, tag="retried"):
    """A rolled-back rollout begins again from its first step (or in full)."""

    attempt: int
    full: bool = False
    reason: str = ""
    emergency: bool = False


class PlanChanged(msgspec.Struct, frozen=True, tag="plan_changed"):
    """Replicas or gates ahead changed in place. `step` is where the rollout stands in the new plan (None: as before)."""

    release: Release
    plan: Plan
    reason: str = ""
    step: int | None = None


class RestartOrdered(msgspec.Struct, frozen=True, tag="restart_ordered"):
    """Every instance is to be replaced by a newer one of its own revision."""

    reason: str = ""


class RolloutEnded(msgspec.Struct, frozen=True, tag="rollout_ended"):
    """Terminal: `outcome` promoted, rolled_back, superseded or failed. Durations are seconds."""

    outcome: Phase
    reason: str
    seconds: float
    rollback_seconds: float | None = None


class ServiceDown(msgspec.Struct, frozen=True, tag="service_down"):
    """A person stopped the service: nothing is wanted any more until the next deploy."""

    reason: str = ""


class PostmortemWritten(msgspec.Struct, frozen=True, tag="postmortem_written"):
    """A person says where the post-mortem of the event's rollout is to be found."""

    url: str
    reason: str = ""


class Frozen(msgspec.Struct, frozen=True, tag="frozen"):
    """A person lets no more users meet any candidate of the service, until `until` (epoch seconds; None: until lifted)."""

    reason: str
    until: float | None = None


class Unfrozen(msgspec.Struct, frozen=True, tag="unfrozen"):
    """The freeze was lifted by a person, or was over."""

    reason: str = ""


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """A fact worth keeping that changes no state: an instance that died, a forced stop, a restart of the router."""

    topic: str
    text: str
    detail: dict[str, Any] = {}


Body = (
    RolloutCreated
    | RolloutStarted
    | StepEntered
    | StepReached
    | AnalysisAwaited
    | VerdictChanged
    | CheckStarted
    | CheckFinished
    | ApprovalOpened
    | Approved
    | Denied
    | Paused
    | Resumed
    | Skipped
    | PromotedInFull
    | BackOrdered
    | Retried
    | PlanChanged
    | RestartOrdered
    | RolloutEnded
    | ServiceDown
    | PostmortemWritten
    | Frozen
    | Unfrozen
    | Noted
)


class Event(msgspec.Struct, frozen=True):
    """One entry of a service's stream: gapless `seq` from 1, epoch second `at`, who did it, and what.
    `rollout` is empty for events of the service itself."""

    service: str
    seq: int
    rollout: str
    at: float
    actor: str
    body: Body

    @property
    def kind(self) -> str:
        """The tag of the body, such as ``step_entered``."""
        return str(type(self.body).__struct_config__.tag)


class Draft(msgspec.Struct, frozen=True):
    """An event before it is appended: it gets its number, time and actor from the append."""

    rollout: str
    body: Body
    actor: str = "ferryman"
