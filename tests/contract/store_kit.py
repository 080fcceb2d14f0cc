"""What the tests of the event log share: a fold that counts, a writer that keeps its own state, and running async bodies."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from ferryman.model.event import Draft, Event, Noted, ServiceDown, StepReached
from ferryman.model.rollout import Service
from ferryman.store.base import Append, Lease, Measurement, Store, StoredEvent
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore

LEASE_SECONDS = 30.0
NOW = 1_000.0


def tally(service: Service, event: Event) -> Service:
    """A fold whose result depends on every event and on their order."""
    counts = dict(service.rejected)
    counts[event.kind] = str(int(counts.get(event.kind, "0")) * 3 + event.seq)
    return msgspec.structs.replace(
        service, seq=event.seq, at=event.at, rejected=counts, rollouts=service.rollouts + bool(event.rollout)
    )


def note(text: str = "hello", *, rollout: str = "r1", actor: str = "tester", **detail: Any) -> Draft:
    return Draft(rollout, Noted("test", text, detail), actor)


def reached(step: int, *, rollout: str = "r1") -> Draft:
    return Draft(rollout, StepReached(step))


def down(reason: str = "") -> Draft:
    return Draft("", ServiceDown(reason))


def sample(rollout: str, at: float, **line: Any) -> Measurement:
    return Measurement(rollout, 1, at, line, {"verdict": "pass"})


def after(service: Service, at: float, drafts: tuple[Draft, ...]) -> Service:
    """What a service becomes by drafts."""
    for draft in drafts:
        service = tally(service, Event(service.name, service.seq + 1, draft.rollout, at, draft.actor, draft.body))
    return service


class Scribe:
    """Writes one service's stream the way the engine does: claim, load, then append with the state it folded itself."""

    def __init__(self, store: Store, lease: Lease, service: Service) -> None:
        self.store = store
        self.lease = lease
        self.service = service

    @classmethod
    async def of(cls, store: Store, service: str = "shop", owner: str = "one", now: float = NOW) -> "Scribe":
        lease = await store.claim(service, owner, now, LEASE_SECONDS)
        return cls(store, lease, (await store.load(service)).service)

    async def write(
        self,
        *drafts: Draft,
        at: float = NOW,
        measurements: tuple[Measurement, ...] = (),
        judge_state: str | None = None,
        snapshot: bool = True,
    ) -> tuple[StoredEvent, ...]:
        state = after(self.service, at, drafts)
        append = Append(
            self.lease, self.service.seq, at, drafts, state if snapshot else None, measurements, judge_state
        )
        told = await self.store.append(append)
        self.service = state
        return told


class Kept:
    """A store that can be opened again: the file, or the object itself."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.path = folder / "events.db"
        self._memory = MemoryStore(tally)

    def again(self) -> Store:
        """The store as another process would find it."""
        return SqliteStore(self.path, tally) if self.kind == "sqlite" else self._memory

    def run(self, *bodies: Callable[[Any], Awaitable[None]]) -> None:
        """Run each body on a store that was opened for it, one after the other."""
        for body in bodies:
            asyncio.run(opened(self.again(), body))


async def opened(store: Store, body: Callable[[Any], Awaitable[None]]) -> None:
    await store.open()
    try:
        await body(store)
    finally:
        await store.close()
