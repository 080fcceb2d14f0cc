"""Any order of claims, releases, appends and reopenings, from several controllers, against a simple model of the log."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.store_kit import Kept, after, down, note, reached
from ferryman.model.errors import Conflict
from ferryman.model.event import Draft, Event
from ferryman.model.rollout import Service
from ferryman.store.base import Append, Lease, Loaded, Store, StoredEvent

SERVICES = ("cart", "shop")
OWNERS = ("one", "two", "three")
DRAFTS = (note("a"), note("b", rollout="r2"), reached(1), down("over"))


class Held(msgspec.Struct):
    """The lease of a service, as the model has it."""

    fence: int = 0
    owner: str | None = None
    until: float = 0.0


class StoreMachine(RuleBasedStateMachine):
    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.kept = Kept(self.kind, Path(self.folder.name))
        self.runner = asyncio.Runner()
        self.store: Store = self.kept.again()
        self.now = 1_000.0
        self.held = {name: Held() for name in SERVICES}
        self.state = {name: Service(name=name) for name in SERVICES}
        self.judge_state: dict[str, str | None] = dict.fromkeys(SERVICES)
        self.log: list[Event] = []
        self.heard: list[StoredEvent] = []
        self.leases: list[Lease] = []

    def run(self, awaitable: Any) -> Any:
        return self.runner.run(awaitable)

    @initialize()
    def start(self) -> None:
        self.run(self.store.open())
        self.store.on_append(self.heard.extend)

    @rule(service=st.sampled_from(SERVICES), owner=st.sampled_from(OWNERS), seconds=st.sampled_from([1.0, 5.0]))
    def claim(self, service: str, owner: str, seconds: float) -> None:
        held = self.held[service]
        if held.owner not in {None, owner} and self.now < held.until:
            with pytest.raises(Conflict) as caught:
                self.run(self.store.claim(service, owner, self.now, seconds))
            assert caught.value.code == "lease_held"
            return
        if held.owner != owner:
            held.fence += 1
        held.owner, held.until = owner, self.now + seconds
        lease = self.run(self.store.claim(service, owner, self.now, seconds))
        assert lease == Lease(service, owner, held.fence, held.until)
        self.leases.append(lease)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self.lease_from(data)
        self.run(self.store.release(lease))
        if self.is_held(lease):
            self.held[lease.service] = Held(self.held[lease.service].fence)

    @precondition(lambda self: self.leases)
    @rule(
        data=st.data(),
        drafts=st.lists(st.sampled_from(DRAFTS), max_size=3).map(tuple),
        off_by=st.sampled_from([0, 0, 0, 0, -1, 1]),
        with_snapshot=st.booleans(),
        judge_state=st.sampled_from([None, "", "state"]),
    )
    def append(
        self, data: st.DataObject, drafts: tuple[Draft, ...], off_by: int, with_snapshot: bool, judge_state: str | None
    ) -> None:
        lease = self.lease_from(data)
        known = self.state[lease.service]
        state = after(known, self.now, drafts)
        snapshot = msgspec.structs.replace(state, seq=state.seq + off_by) if with_snapshot else None
        append = Append(lease, known.seq + off_by, self.now, drafts, snapshot, judge_state=judge_state)
        if off_by or not self.is_held(lease):
            with pytest.raises(Conflict) as caught:
                self.run(self.store.append(append))
            assert caught.value.code == ("stale_seq" if self.is_held(lease) else "stale_fence")
            return
        told = self.run(self.store.append(append))
        new = [
            Event(lease.service, seq, draft.rollout, self.now, draft.actor, draft.body)
            for seq, draft in enumerate(drafts, known.seq + 1)
        ]
        assert [stored.event for stored in told] == new
        self.log += new
        self.state[lease.service] = state
        if judge_state is not None:
            self.judge_state[lease.service] = judge_state

    @rule()
    def reopen(self) -> None:
        self.run(self.store.close())
        self.store = self.kept.again()
        self.run(self.store.open())
        if self.kind == "sqlite":
            self.store.on_append(self.heard.extend)

    @rule(service=st.sampled_from(SERVICES))
    def verify(self, service: str) -> None:
        assert self.run(self.store.verify(service)) == self.state[service].seq

    @invariant()
    def the_log_is_the_models(self) -> None:
        stored = self.run(self.store.events())
        assert [s.event for s in stored] == self.log
        assert list(stored) == self.heard

    @invariant()
    def the_state_is_the_models(self) -> None:
        written = tuple(name for name in SERVICES if self.state[name].seq)
        assert self.run(self.store.services()) == written
        loaded = {name: Loaded(self.state[name], self.judge_state[name]) for name in SERVICES}
        assert self.run(self.store.load_all()) == tuple(loaded[name] for name in written)
        for name in SERVICES:
            assert self.run(self.store.load(name)) == loaded[name]

    def lease_from(self, data: st.DataObject) -> Lease:
        """Mostly the newest one, sometimes one that was lost long ago."""
        return self.leases[-1 - data.draw(st.integers(0, min(3, len(self.leases) - 1)))]

    def is_held(self, lease: Lease) -> bool:
        held = self.held[lease.service]
        return (held.fence, held.owner) == (lease.fence, lease.owner)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


class SqliteMachine(StoreMachine):
    kind = "sqlite"


class MemoryMachine(StoreMachine):
    kind = "memory"


TestMemory = MemoryMachine.TestCase
TestMemory.settings = settings(stateful_step_count=40)
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = settings(max_examples=25, stateful_step_count=25)
