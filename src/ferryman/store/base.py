"""The port of the event log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from ferryman.model.event import Draft, Event
from ferryman.model.rollout import Service
from ferryman.store.journal import Journal

Fold = Callable[[Service, Event], Service]
"""How a service follows from its events: the state after one more event. A store is given it, to check and to recover."""

MEASURED_ROLLOUTS_MAX = 20
"""Measurements of this many rollouts of a service are kept, those that were measured first last; older ones are dropped."""

MEASUREMENTS_PER_ROLLOUT_MAX = 20_000
"""Of one rollout the newest so many are kept: five and a half hours at one a second."""

PAGE_MAX = 100_000
"""The largest `limit` of a read."""


class Lease(msgspec.Struct, frozen=True):
    """The right to write one service's stream. `fence` grows with every new holder and never falls; `until` is an epoch
    second. Past it others may take the lease over, but until one has, the holder may go on: the fence is the guard, not
    the clock. `owner` must be another one in each run of a controller, or two of them would hold one lease."""

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
    (None: unchanged). An append without drafts may still carry measurements and judge state. A store need not keep every
    `snapshot` it is given: `load` makes up for those it left out.
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


OnAppend = Callable[[tuple[StoredEvent, ...]], None]
"""Told what was just committed, in order of position. Called in the event loop; must be quick and not raise."""


class Store(Journal, Protocol):
    """The event log of all services, and the journals beside it. One writer per stream, by lease; every method is durable when it returns.

    Every method may raise `StoreError`, with a hint of what to do: code ``disk_full``, ``store_read_only``,
    ``store_locked``, ``store_corrupt``, ``store_closed``, ``store_moved`` or ``store_failed``. A write that raised it is
    not in the log, with one exception: when power fails in that moment it may turn up after the restart, so a writer
    loads again before it goes on. The same holds for a write whose task was cancelled.
    """

    @property
    def waiting(self) -> int:
        """Writes that were asked for and are not durable yet."""
        ...

    async def open(self) -> None:
        """Open or create; what was written before is there again. Raises `StoreError` naming the file and what to do."""
        ...

    async def claim(self, service: str, owner: str, now: float, seconds: float) -> Lease:
        """Take or renew the lease until `now` + `seconds`. A renewal by the holder keeps the fence, also a late one; a
        new holder gets a higher one, and so does the old one after it released. Raises `Conflict` (code
        ``lease_held``) naming the holder and until when, `ValueError` for an empty name or `seconds` not above 0."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back if it is still held; nothing happens if it was taken over."""
        ...

    async def end_leases(self) -> None:
        """Every lease ends now, as if given back. Only for who knows that all other holders are dead: a controller that
        has just taken the one lock of its state folder."""
        ...

    async def append(self, append: Append) -> tuple[StoredEvent, ...]:
        """Append durably in one transaction; returns the events as they will be read. Raises `Conflict`: code
        ``stale_fence`` when the lease was taken over or given back, ``stale_seq`` when somebody appended first. Raises
        `StoreError` when the disk refuses, `ValueError` when `snapshot` is of another service or its `seq` is not
        `expected_seq` plus the number of drafts. Nothing is written in any of these cases. Numbers that are no JSON
        (NaN, infinity) in a body become null."""
        ...

    async def load(self, service: str) -> Loaded:
        """The snapshot; a fresh `Service` when nothing is known of it. A snapshot that is missing, behind or damaged is
        made up for by a fold over the events; without a fold that raises `StoreError` (code ``snapshot_corrupt``)."""
        ...

    async def load_all(self) -> tuple[Loaded, ...]:
        """`load` of all `services()`, in their order, in one go: what a controller starts from."""
        ...

    async def services(self) -> tuple[str, ...]:
        """Names of all services that have an event, sorted by code point."""
        ...

    async def events(
        self, service: str | None = None, *, after: int = 0, limit: int = 1000, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        """Events with position > `after`, in order, at most `limit` (1 to `PAGE_MAX`). `rollout` "" asks for those of
        the service itself."""
        ...

    async def newest(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        """The last `limit` events with position < `before`, in order of position; of one `rollout` as in `events`."""
        ...

    async def created(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> tuple[StoredEvent, ...]:
        """The events that created the last `limit` rollouts, with position < `before`, in order of position. Reads those
        alone, however much else happened."""
        ...

    async def latest_at(self) -> float:
        """The newest time that was written, of an event or a measurement (epoch seconds); 0 when there is none. A clock
        that began before it would judge and count holds anew, as often as it starts."""
        ...

    async def measurements(self, rollout: str, *, after_at: float = 0.0, limit: int = 1000) -> Sequence[Measurement]:
        """Measurements of a rollout with `at` > `after_at`, oldest first, at most `limit` (1 to `PAGE_MAX`); empty when
        they were dropped (`MEASURED_ROLLOUTS_MAX`)."""
        ...

    async def verify(self, service: str) -> int:
        """Recompute the hash chain and, with a fold, the snapshot; returns the number of events. Raises `StoreError`
        naming the first bad event: code ``chain_broken`` (changed, missing or not gapless), ``event_unreadable``
        (intact, but of no known kind), ``fold_failed`` (the fold raised ValueError for it), ``snapshot_corrupt``, or
        ``snapshot_mismatch`` (not what the events lead to)."""
        ...

    def on_append(self, callback: OnAppend) -> Callable[[], None]:
        """Tell `callback` of everything appended through this object, in the event loop, once per commit and before the
        appending tasks go on. Returns what ends it. Appends of other processes are seen by `events` only."""
        ...

    async def close(self) -> None:
        """Write what was asked for, then close. What is called afterwards raises ``store_closed``, until `open`."""
        ...
