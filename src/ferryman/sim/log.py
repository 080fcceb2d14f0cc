"""The event log of one service that several controllers share: the rules of the real stores, without their bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from ferryman.model.event import Event
from ferryman.model.rollout import Service
from ferryman.sim.kernel import Kernel, nobody
from ferryman.store import rules
from ferryman.store.base import Append, Lease, Loaded, StoredEvent
from ferryman.store.memory_journal import MemoryJournal
from ferryman.store.records import Head, Write


@dataclass
class EventLog:
    """What is durable. `on_append`: (append, events, state before, snapshot), just after it became so. `on_claim`:
    (head before, head after, the claimer's clock)."""

    kernel: Kernel
    name: str
    on_append: Callable[[Append, tuple[Event, ...], Service], None] = nobody
    on_claim: Callable[[Head | None, Head, float], None] = nobody
    head: Head | None = None
    events: list[Event] = field(default_factory=list[Event])
    measured: int = 0
    latest_at: float = 0.0
    judge_state: str | None = None
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    snapshot: Service = field(init=False)

    def __post_init__(self) -> None:
        self.snapshot = Service(name=self.name)

    def claim(self, owner: str, now: float, seconds: float) -> Lease:
        """Raises `Conflict`."""
        before = self.head
        self.head = rules.claimed(before, self.name, owner, now, seconds)
        self.on_claim(before, self.head, now)
        return Lease(self.name, owner, self.head.fence, self.head.until)

    def release(self, lease: Lease) -> None:
        """Give the lease back."""
        if self.head is not None and rules.holds(self.head, lease):
            self.head = rules.released(self.head)

    def append(self, append: Append) -> tuple[StoredEvent, ...]:
        """Raises `Conflict`."""
        # The rules look at the lease and the expected number only; an append has both.
        head = rules.check_append(self.head, cast("Write", append))
        numbered = enumerate(append.drafts, append.expected_seq + 1)
        events = tuple(Event(self.name, seq, d.rollout, append.at, d.actor, d.body) for seq, d in numbered)
        self.head = head._replace(seq=append.expected_seq + len(events))
        self.events += events
        if append.snapshot is not None:
            self.snapshot = append.snapshot
        if append.judge_state is not None:
            self.judge_state = append.judge_state
        self.measured += len(append.measurements)
        times = [append.at] if append.drafts else []
        self.latest_at = max([self.latest_at, *times, *(measurement.at for measurement in append.measurements)])
        self.on_append(append, events, self.snapshot)
        first = len(self.events) - len(events) + 1
        return tuple(StoredEvent(position, event, "", "") for position, event in enumerate(events, first))

    def load(self) -> Loaded:
        """The service as last written."""
        return Loaded(self.snapshot, self.judge_state)
