"""State of a service and of its rollouts: a fold over events and nothing else."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ferryman.model.plan import Phase, Plan, Step
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.world import EMPTY_WORLD, World

DRILL = "drill"
BLAMELESS = frozenset({"supersede", "error", "expired"})
"""Causes of a way back that say nothing against the content."""
"""Kind of a rollout that rehearses the way back, and of the cause by which a drill that passed goes back."""


class Track(StrEnum):
    """Which steps of the plan are being walked."""

    FORWARD = "forward"
    BACK = "back"


class PauseState(msgspec.Struct, frozen=True):
    """Why nothing moves. `kind`: operator, human, approval, freeze, window, inconclusive, insufficient, fail, error,
    deadline or timer.
    `until` is an epoch second, None when a person must act."""

    kind: str
    reason: str
    since: float
    by: str
    until: float | None = None


class Cause(msgspec.Struct, frozen=True):
    """Why a rollout goes back. `kind`: abort, verdict, deadline, breaker, check, supersede, error, denied, expired or
    drill (a rehearsal is complete)."""

    kind: str
    reason: str
    at: float
    by: str


class Given(msgspec.Struct, frozen=True):
    """One person's word on what was asked: when (epoch seconds), who, in which role, what they said to it, and the digest
    of the link by which it came ("" without one)."""

    at: float
    by: str
    role: str
    reason: str = ""
    link: str = ""


class Asked(msgspec.Struct, frozen=True):
    """An approval that was asked for at `step`. `until` (epoch seconds) is when no answer counts as no; None: never."""

    step: int
    count: int
    role: str
    since: float
    until: float | None
    given: tuple[Given, ...] = ()
    denied: Given | None = None

    @property
    def state(self) -> str:
        """open, granted or denied."""
        if self.denied is not None:
            return "denied"
        return "granted" if len(self.given) >= self.count else "open"


class Rollout(msgspec.Struct, frozen=True):
    """One execution of a release. Times are epoch seconds; `step` indexes the steps of `track`.

    `reached_at`: when the present step's world was served and ready (its gates count from there). `lost_seconds` is
    time since then that does not count, `missing_seconds` how long evidence had been missing in the judge's stage
    before then. `progress_at` feeds the progress deadline. `skipped` waives the gates of the present step, `full` those
    of all steps; `waited` tells that this step's own pause is over. `verdict` is the last one recorded: (stage, verdict).
    `ready_seconds`: how long the candidate's first instances took from being asked for until they were ready.
    `approvals` are those asked for in this attempt, by key (`core.approvals.gate_key`). In an `emergency` neither
    windows nor a freeze hold it. `account` is that of `RolloutCreated`.
    """

    id: str
    number: int
    kind: str
    release: Release
    candidate: str
    stable: str | None
    plan: Plan
    created_at: float
    created_by: str
    phase: Phase = Phase.PENDING
    attempt: int = 1
    track: Track = Track.FORWARD
    step: int = 0
    started_at: float | None = None
    attempt_at: float | None = None
    entered_at: float | None = None
    reached_at: float | None = None
    progress_at: float | None = None
    ended_at: float | None = None
    lost_seconds: float = 0.0
    missing_seconds: float = 0.0
    exposure_percent: float = 0.0
    max_exposure_percent: float = 0.0
    full: bool = False
    skipped: bool = False
    waited: bool = False
    pause: PauseState | None = None
    cause: Cause | None = None
    superseded_by: str | None = None
    checks: dict[str, str] = {}
    approvals: dict[str, Asked] = {}
    emergency: bool = False
    verdict: tuple[int, str] = (-1, "")
    reason: str = ""
    rollback_seconds: float | None = None
    ready_seconds: float | None = None
    account: str = ""

    @property
    def author(self) -> str:
        """Who asked for it, for certain."""
        return self.account or self.created_by

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps being walked."""
        return self.plan.back if self.track is Track.BACK else self.plan.steps

    @property
    def current(self) -> Step:
        """The step being walked."""
        return self.steps[min(self.step, len(self.steps) - 1)]

    @property
    def running(self) -> bool:
        """True from the first step until the end."""
        return not self.phase.terminal and self.phase is not Phase.PENDING

    @property
    def blamed(self) -> bool:
        """True when it went back for what speaks against its candidate."""
        return self.kind != DRILL and self.cause is not None and self.cause.kind not in BLAMELESS


class DrillRecord(msgspec.Struct, frozen=True):
    """The last drill of a version that serves: when it ended (epoch seconds), whether it passed, what it showed.
    `target` is the label of what was rehearsed; `share_percent` what it was given of the traffic."""

    rollout: str
    at: float
    passed: bool
    target: str
    reason: str
    ready_seconds: float | None = None
    rollback_seconds: float | None = None
    share_percent: float = 0.0


class Incident(msgspec.Struct, frozen=True):
    """A version that users met and that was taken back, at epoch second `at`. `postmortem` is where the post-mortem is
    to be found, "" while there is none."""

    at: float
    label: str
    reason: str
    postmortem: str = ""


class Freeze(msgspec.Struct, frozen=True):
    """No more users meet any candidate: by whom, why, since when, and until when (epoch seconds; None: until lifted)."""

    by: str
    reason: str
    since: float
    until: float | None = None


class Service(msgspec.Struct, frozen=True):
    """Everything known of one service: the fold of its stream. `seq` is the number of the last event (0: none).

    `promoted` lists promoted revision ids, newest last, each once; `releases` holds the release each was promoted by.
    `pruned` are labels of promoted revisions that are too old to go back to. `rejected` maps a revision id to why it
    was taken back. `drills` holds the last drill of promoted revisions, `incidents` by rollout id what users met and
    was taken back. `steady` is what is wanted while no rollout runs; `down` means nothing is wanted at all.
    """

    name: str
    seq: int = 0
    at: float = 0.0
    revisions: dict[str, Revision] = {}
    releases: dict[str, Release] = {}
    promoted: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    rejected: dict[str, str] = {}
    drills: dict[str, DrillRecord] = {}
    incidents: dict[str, Incident] = {}
    current: Rollout | None = None
    queue: tuple[Rollout, ...] = ()
    steady: World = EMPTY_WORLD
    rollouts: int = 0
    fresh_since: float = 0.0
    down: bool = False
    freeze: Freeze | None = None

    @property
    def stable(self) -> str | None:
        """Id of the last promoted revision."""
        return self.promoted[-1] if self.promoted else None

    def label(self, revision: str | None) -> str:
        """The name people use for a revision; its id when it is not known, "nothing" for None."""
        if revision is None:
            return "nothing"
        known = self.revisions.get(revision)
        return known.label if known else revision
