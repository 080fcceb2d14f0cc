"""Abort tried at every step of a plan, in a model world that obeys at once: is there always a way back?"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from ferryman.core.admit import admit
from ferryman.core.answers import aborted
from ferryman.core.decide import decide
from ferryman.core.evolve import evolve
from ferryman.core.lint import CANDIDATE, STABLE
from ferryman.model.event import Draft, Event
from ferryman.model.generation import Generation
from ferryman.model.plan import Phase, Plan, Step
from ferryman.model.release import Release
from ferryman.model.revision import Health, Revision, Run
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import FlagSeen, Instance, InstanceState, RoutesSeen, RouteStatus, Seen
from ferryman.model.world import Orders, World
from ferryman.strategies.compile import compile_plan

TURNS_MAX = 300
FIRST_PORT = 10_000


def untaken(release: Release, stable_replicas: int) -> tuple[int, tuple[str, ...]]:
    """(steps at which an abort was tried, why it would not come back at some of them). Raises `Refused`
    (``bounds_deadlock``) for a release that has no plan."""
    plan = compile_plan(release, CANDIDATE, STABLE, stable_replicas=stable_replicas)
    steps = [n for n, step in enumerate(plan.steps) if step.phase is not Phase.FINISHING]
    found = ((plan.steps[n].name, _Model(release, plan, n).abort()) for n in steps)
    return len(steps), tuple(f"aborted at {name!r}: {why}" for name, why in found if why)


@dataclass
class _Model:
    """Everything of step `number` is there; from now on orders are obeyed at once."""

    release: Release
    plan: Plan
    number: int
    now: float = 0.0
    service: Service = field(init=False)
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    made: int = 0

    def __post_init__(self) -> None:
        step = self.plan.steps[self.number]
        self.service = Service(
            name=self.release.service,
            revisions={r: _revision(r) for r in (STABLE, CANDIDATE)},
            promoted=(STABLE,),
            releases={STABLE: self.release},
            current=_at(self.release, self.plan, self.number),
            steady=self.plan.back[-1].world,
            rollouts=2,
        )
        for revision, count in step.world.instances.items():
            self._start(revision, count)
        self.routes = self._served(step.world, dict(step.world.weights))
        self.flags = tuple(FlagSeen(share) for share in step.world.flags)

    def abort(self) -> str:
        """Why it does not come back; "" when it does."""
        current = self.service.current
        assert current is not None
        for draft in aborted(self.service, current, "tried", "nobody", self.now).drafts:
            self._take(draft)
        exposed = self.routes.weights.get(CANDIDATE, 0.0)
        for _ in range(TURNS_MAX):
            current = self.service.current
            assert current is not None
            if current.phase.terminal:
                back = current.phase is Phase.ROLLED_BACK
                return "" if back else f"it ends {current.phase.value}: {current.reason}"
            self._turn()
            served = self.routes.weights.get(CANDIDATE, 0.0)
            if served > exposed:
                return f"its share grows again, to {served:g}%"
            exposed = served
        return f"it is still {current.phase.value} after {self.now:.0f} s"

    def _turn(self) -> None:
        seen = Seen(at=self.now, instances=tuple(self.instances.values()), routes=self.routes, flags=self.flags)
        decision = decide(self.service, seen, self.now)
        for draft in decision.events:
            self._take(draft)
        self._obey(admit(self.service.name, decision.world, seen), decision.world)
        self.now += 1.0

    def _take(self, draft: Draft) -> None:
        event = Event(self.service.name, self.service.seq + 1, draft.rollout, self.now, draft.actor, draft.body)
        self.service = evolve(self.service, event)

    def _obey(self, orders: Orders, world: World) -> None:
        self.flags = tuple(FlagSeen(share) for share in orders.flags) or self.flags
        for name in orders.stop:
            del self.instances[name]
        for name in orders.drain:
            leaving = replace(self.instances[name], state=InstanceState.DRAINING, since=self.now, connections=0)
            self.instances[name] = leaving
        for revision, count in orders.instances.items():
            there = [i for i in self.instances.values() if i.revision == revision and i.state is InstanceState.READY]
            self._start(revision, count - len(there))
        if orders.routes is None:
            self.routes = RoutesSeen()
            return
        ends = {r: frozenset(e.instance for e in found) for r, found in orders.routes.endpoints.items()}
        self.routes = replace(
            self._served(world, orders.routes.weights),
            endpoints=ends,
            matches=len(orders.routes.matches),
            preview=orders.routes.preview,
        )

    def _start(self, revision: str, count: int) -> None:
        for _ in range(count):
            self.made += 1
            name = f"{revision}-{self.made}"
            ready = InstanceState.READY
            self.instances[name] = Instance(name, revision, ready, self.now, self.now, port=FIRST_PORT + self.made)

    def _served(self, world: World, weights: dict[str, float]) -> RoutesSeen:
        if world.listener is None:
            return RoutesSeen()
        known: dict[str, set[str]] = {}
        for instance in self.instances.values():
            known.setdefault(instance.revision, set()).add(instance.id)
        return RoutesSeen(
            status=RouteStatus.APPLIED,
            generation=Generation(1, self.service.seq),
            weights=weights,
            endpoints={revision: frozenset(names) for revision, names in known.items()},
            matches=len(world.matches),
            preview=world.preview,
        )


def _at(release: Release, plan: Plan, number: int) -> Rollout:
    """The rollout in the middle of that step, everything of it served."""
    step: Step = plan.steps[number]
    return Rollout(
        id=f"{release.service}-2",
        number=2,
        kind="deploy",
        release=release,
        candidate=CANDIDATE,
        stable=STABLE,
        plan=plan,
        created_at=0.0,
        created_by="nobody",
        phase=step.phase,
        step=number,
        started_at=0.0,
        attempt_at=0.0,
        entered_at=0.0,
        reached_at=0.0,
        progress_at=0.0,
        exposure_percent=step.world.weights.get(CANDIDATE, 0.0),
        max_exposure_percent=step.world.weights.get(CANDIDATE, 0.0),
    )


def _revision(name: str) -> Revision:
    return Revision(id=name, label=name, digest=name, run=Run(command=(name,), directory="."), health=Health())
