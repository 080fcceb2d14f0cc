"""What people are told: a notice, and the words it is sorted by."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class NoticeKind(StrEnum):
    """What happened, as rules name it."""

    STARTED = "started"
    PAUSED = "paused"
    WAITING = "waiting"
    APPROVAL = "approval"
    ROLLBACK = "rollback"
    ROLLED_BACK = "rolled_back"
    PROMOTED = "promoted"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    STUCK = "stuck"
    FREEZE = "freeze"
    OVERRIDE = "override"
    FLAG_TRIPPED = "flag_tripped"
    FLAG_RECOVERED = "flag_recovered"
    TEST = "test"


class Severity(StrEnum):
    """How much it matters, least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0, 1 or 2."""
        return list(Severity).index(self)


class Audience(StrEnum):
    """Whom it concerns: who asked for the release, who may open a gate, whose service it is, who is on call."""

    AUTHOR = "author"
    APPROVERS = "approvers"
    OWNERS = "owners"
    ON_CALL = "on-call"


class Figure(msgspec.Struct, frozen=True):
    """One metric of the judge's evidence. Rates are percent, latencies milliseconds. `margin` is how many times the
    stable value still is no harm (None: not known), `n` the candidate's requests behind it (None: not counted)."""

    name: str
    candidate: float
    stable: float | None
    unit: str
    margin: float | None = None
    n: int | None = None

    @property
    def broken(self) -> bool:
        """True when the candidate is worse than the margin allows."""
        return self.stable is not None and self.candidate > self.stable * (1.0 if self.margin is None else self.margin)


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. `key` is the same however often it is made from the log: service and number of the event. What is
    told of flags has no `service`.

    `title` is a single line; `lines` say more; `figures` are the numbers that decided. `author` asked for the release,
    `actor` did what is told. `at` and `until` are epoch seconds. `step` counts from 0. `gate` is the key of
    what people are asked to agree to ("" for nothing): `needed` of `role`.
    """

    key: str
    kind: NoticeKind
    severity: Severity
    audience: tuple[Audience, ...]
    service: str
    at: float
    title: str
    actor: str
    rollout: str = ""
    attempt: int = 0
    phase: str = ""
    author: str = ""
    candidate: str = ""
    stable: str = ""
    reason: str = ""
    lines: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    exposure_percent: float = 0.0
    step: int = 0
    step_name: str = ""
    gate: str = ""
    role: str = ""
    needed: int = 0
    until: float | None = None


class Lost(msgspec.Struct, frozen=True):
    """Notices that a channel lost for good: how many since it was set up, and the last of them with its id, when (epoch
    seconds), whether it was given_up or dropped, and why. `over`: others came through afterwards."""

    count: int
    at: float
    id: str
    outcome: str
    said: str
    over: bool = False


class ChannelView(msgspec.Struct, frozen=True):
    """How a channel fares. `queued` notices wait, the oldest since `oldest_at`; `failures` attempts in a row failed, the
    next is at `next_at`. `last` is what became of the last attempt (sent, waiting, given_up or dropped), `said` in words.
    `sent`, `given_up` and `dropped` count since the controller started; `lost` outlives it. `trouble` is empty when all is
    well. Times are epoch seconds."""

    name: str
    kind: str
    target: str
    queued: int
    oldest_at: float | None
    failures: int
    next_at: float | None
    last_at: float | None
    last: str
    said: str
    last_sent_at: float | None
    sent: int
    given_up: int
    dropped: int
    trouble: str
    lost: Lost | None = None
