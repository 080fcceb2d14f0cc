"""The port of the event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from ferryman.model.event import Draft, Event
from ferryman.model.rollout import Service


class Lease(msgspec.Struct, frozen=True):
    """The right to write one service's stream. `fence` grows with every new holder; `until` is an epoch second."""

    service: str
    owner: str
    fence: int
    until: float


class Measurement(msgspec.Struct, frozen=True):
    """What a verdict stood on: one judge line with its answer, as JSON values, at epoch second `at`."""

    rollout: str
    attempt: int
    at: float
    line: dict[str, Any]
    answer: dict[str, Any]


class Append(msgspec.Struct, frozen=True):
    """One durable step of one service: events, the snapshot after them, and what was measured.

    `expected_seq` is the number of the last event the writer knew. `judge_state` replaces the stored judge state
    (None: unchanged). An append without drafts may still carry measurements and judge state.
    """

    lease: Lease
    expected_seq: int
    at: float
    drafts: tuple[Draft, ...] = ()
    snapshot: Service | None = None
    measurements: tuple[Measurement, ...] = ()
    judge_state: str | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """An event with its place in the whole log (`position`, growing) and in the hash chain of its stream (hex)."""

    position: int
    event: Event
    previous_hash: str
    hash: str


class Loaded(msgspec.Struct, frozen=True):
    """A service as last written, with the judge state that belongs to its current rollout."""

    service: Service
    judge_state: str | None


class Store(Protocol):
    """The event log of all services. One writer per stream, by lease; every method is durable when it returns."""

    async def open(self) -> None:
        """Open or create. Raises `StoreError` naming the file and what to do."""
        ...

    async def claim(self, service: str, owner: str, now: float, seconds: float) -> Lease:
        """Take or renew the lease. A renewal by the holder keeps the fence; a new holder gets a higher one.
        Raises `Conflict` (code ``lease_held``) naming the holder and until when."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back if it is still held."""
        ...

    async def append(self, append: Append) -> tuple[StoredEvent, ...]:
        """Append durably in one transaction. Raises `Conflict`: code ``stale_fence`` when the lease was taken over,
        ``stale_seq`` when somebody appended first. Nothing is written then. Raises `StoreError` when the disk
        refuses."""
        ...

    async def load(self, service: str) -> Loaded:
        """The snapshot; a fresh `Service` when nothing is known of it."""
        ...

    async def services(self) -> tuple[str, ...]:
        """Names of all services ever written to, sorted."""
        ...

    async def events(
        self, service: str | None = None, *, after: int = 0, limit: int = 1000, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        """Events with position > `after`, in order."""
        ...

    async def measurements(self, rollout: str, *, after_at: float = 0.0, limit: int = 1000) -> Sequence[Measurement]:
        """Measurements of a rollout, oldest first."""
        ...

    async def verify(self, service: str) -> int:
        """Recompute the hash chain and the fold; returns the number of events. Raises `StoreError` (code
        ``chain_broken``) naming the first bad event."""
        ...

    async def close(self) -> None:
        """Flush and close."""
        ...
