"""A log of releases that came and went, written into a store as the loop writes it, without running any.

Import it as `from past import Past`.
"""

from __future__ import annotations

from ferryman.core.evolve import evolve
from ferryman.core.phases import Phase
from ferryman.core.verbs import deploy
from ferryman.model.event import (
    Draft,
    Event,
    Noted,
    RolloutEnded,
    RolloutStarted,
    ServiceDown,
    StepEntered,
    StepReached,
)
from ferryman.model.release import Release, Rolling
from ferryman.model.rollout import Service, Track
from ferryman.spec.revision import make_revision
from ferryman.store.base import Append, Store

NOISE = 30
"""Events of the service itself after each release."""


class Past:
    """A service whose releases come and go, written as the loop writes them."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.state = Service(name=name)
        self.now = 1000.0

    async def add(self, *drafts: Draft) -> None:
        self.now += 1
        lease = await self.store.claim(self.state.name, "test", self.now, 1e6)
        after = self.state
        for draft in drafts:
            after = evolve(after, Event(after.name, after.seq + 1, draft.rollout, self.now, draft.actor, draft.body))
        await self.store.append(Append(lease, self.state.seq, self.now, drafts, after))
        self.state = after

    async def create(self, label: str) -> str:
        release = Release(service=self.state.name, label=label, command=("run",), replicas=1, strategy=Rolling())
        revision = make_revision(release, None, len(self.state.revisions) + 1)
        said = deploy(self.state, release, revision, actor="ana", now=self.now, reason=f"why {label}")
        await self.add(*said.drafts)
        return str(said.rollout)

    async def start(self, rollout: str) -> None:
        plan = next(queued.plan for queued in self.state.queue if queued.id == rollout)
        await self.add(Draft(rollout, RolloutStarted(plan)))
        await self.add(Draft(rollout, StepEntered(Track.FORWARD, 0, "all", Phase.PROGRESSING, 100.0)))

    async def end(self, rollout: str, outcome: Phase = Phase.PROMOTED) -> None:
        await self.add(Draft(rollout, StepReached(0)))
        await self.add(Draft(rollout, RolloutEnded(outcome, "all is well", 3.0)))

    async def release(self, label: str, outcome: Phase = Phase.PROMOTED) -> str:
        rollout = await self.create(label)
        await self.start(rollout)
        await self.end(rollout, outcome)
        await self.add(*(Draft("", Noted("trouble", f"{n}", {})) for n in range(NOISE)))
        return rollout

    async def down(self) -> None:
        await self.add(Draft("", ServiceDown()))
