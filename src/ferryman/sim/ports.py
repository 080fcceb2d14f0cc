"""The ports of one controller onto the shared world. Every call stops at a point, where the simulator may spoil it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ferryman.engine.checks import CheckRun, Outcome
from ferryman.metrics.base import Counters
from ferryman.metrics.memory import BOUNDS_MS
from ferryman.model.errors import FerrymanError, StoreError, Unreachable
from ferryman.model.event import RolloutCreated
from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import Instance, RoutesSeen
from ferryman.model.world import Orders, RouteTable
from ferryman.routers.base import Capabilities
from ferryman.sim import points
from ferryman.sim.fleet import Fact, Write
from ferryman.sim.points import Fate, Point
from ferryman.store.base import Append, Lease, Loaded, Measurement, OnAppend, StoredEvent
from ferryman.store.journal import Entry
from ferryman.targets.base import Action

if TYPE_CHECKING:
    from ferryman.sim.world import World

T = TypeVar("T")
Gate = Callable[[Point], Awaitable[Fate | None]]
"""What every call awaits: in a simulation the point itself."""


async def taken(point: Point) -> Fate | None:
    """Hand the point to whoever steps the coroutine."""
    return await point


@dataclass
class Eyes:
    """One controller's look at the world. `observed_at` is when it last looked at instances; `blind` tells that its
    last reading of the counters failed, `overridden` that it last saw the flag killed or tripped, `loaded` is what it has just read in the log."""

    world: World
    controller: int
    observed_at: float = 0.0
    instances: tuple[Instance, ...] = ()
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    blind: bool = False
    overridden: bool = False
    loaded: Loaded | None = None
    writes: int = 0

    def write(self, generation: Generation) -> Write:
        """What this controller would write now. Within a generation its writes are numbered: one that is late or
        comes twice does not undo a newer one."""
        self.writes += 1
        return Write(self.controller, generation, self.observed_at, self.instances, self.routes, self.writes)

    def carry(self, fate: Fate | None, effect: Callable[[], T], error: Callable[[], FerrymanError]) -> T:
        """Let an effect happen as fate wills."""
        match fate:
            case None:
                return effect()
            case Fate.LOST:
                raise error()
            case Fate.UNTOLD:
                effect()
                raise error()
            case Fate.LATE:
                self._later(effect)
                raise error()
            case Fate.TWICE:
                self._later(effect)
                return effect()

    def _later(self, effect: Callable[[], object]) -> None:
        def happen() -> None:
            with contextlib.suppress(FerrymanError):
                effect()

        self.world.kernel.after(self.world.kernel.chance.uniform(0.05, self.world.late_seconds), happen)


def _no_answer() -> FerrymanError:
    return Unreachable("unreachable", "no answer in time")


def _store_failed() -> FerrymanError:
    return StoreError("store_failed", "the disk gave an error")


@dataclass
class SimStore:
    """`store.base.Store` onto the shared log."""

    eyes: Eyes
    gate: Gate = taken

    @property
    def waiting(self) -> int:
        return 0

    async def open(self) -> None:
        return

    async def claim(self, service: str, owner: str, now: float, seconds: float) -> Lease:
        fate = await self.gate(points.CLAIM)
        self._check()
        log = self.eyes.world.log
        return self.eyes.carry(fate, lambda: log.claim(owner, now, seconds), _store_failed)

    async def release(self, lease: Lease) -> None:
        self.eyes.world.log.release(lease)

    async def end_leases(self) -> None:
        return

    async def append(self, append: Append) -> tuple[StoredEvent, ...]:
        fate = await self.gate(points.APPEND)
        self._check()
        done = self.eyes.carry(fate, lambda: self.eyes.world.log.append(append), _store_failed)
        await self.gate(points.APPENDED)
        return done

    async def load(self, service: str) -> Loaded:
        self._check()
        found = self.eyes.world.log.load()
        self.eyes.loaded = found
        await self.gate(points.LOADED)
        return found

    async def load_all(self) -> tuple[Loaded, ...]:
        return (self.eyes.world.log.load(),)

    async def services(self) -> tuple[str, ...]:
        return (self.eyes.world.name,)

    async def events(
        self, service: str | None = None, *, after: int = 0, limit: int = 1000, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        found = self.eyes.world.log.events[after : after + limit]
        return tuple(StoredEvent(n, event, "", "") for n, event in enumerate(found, after + 1))

    async def newest(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None, rollout: str | None = None
    ) -> tuple[StoredEvent, ...]:
        events = self.eyes.world.log.events[: None if before is None else before - 1]
        first = max(0, len(events) - limit)
        return tuple(StoredEvent(n, event, "", "") for n, event in enumerate(events[first:], first + 1))

    async def created(
        self, service: str | None = None, *, limit: int = 10, before: int | None = None
    ) -> tuple[StoredEvent, ...]:
        found = await self.newest(service, limit=len(self.eyes.world.log.events), before=before)
        return tuple(stored for stored in found if isinstance(stored.event.body, RolloutCreated))[-limit:]

    async def latest_at(self) -> float:
        return self.eyes.world.log.latest_at

    async def measurements(self, rollout: str, *, after_at: float = 0.0, limit: int = 1000) -> Sequence[Measurement]:
        return ()

    async def verify(self, service: str) -> int:
        return len(self.eyes.world.log.events)

    async def write(
        self,
        stream: str,
        *,
        at: float,
        actor: str,
        kind: str,
        body: dict[str, Any],
        expected_seq: int | None = None,
    ) -> Entry:
        self._check()
        return await self.eyes.world.log.journal.write(
            stream, at=at, actor=actor, kind=kind, body=body, expected_seq=expected_seq
        )

    async def entries(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        return await self.eyes.world.log.journal.entries(stream, after=after, limit=limit)

    async def newest_entries(
        self, stream: str | None = None, *, before: int | None = None, limit: int = 1000
    ) -> tuple[Entry, ...]:
        return await self.eyes.world.log.journal.newest_entries(stream, before=before, limit=limit)

    async def streams(self) -> tuple[str, ...]:
        return await self.eyes.world.log.journal.streams()

    async def verify_entries(self, stream: str) -> int:
        return await self.eyes.world.log.journal.verify_entries(stream)

    def on_append(self, callback: OnAppend) -> Callable[[], None]:
        return lambda: None

    async def close(self) -> None:
        return

    def _check(self) -> None:
        if self.eyes.world.kernel.now < self.eyes.world.log_down_until:
            raise _store_failed()


@dataclass
class SimTarget:
    """`targets.base.Target` onto the shared fleet."""

    eyes: Eyes
    gate: Gate = taken

    async def start(self) -> None:
        return

    async def apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        write = self.eyes.write(generation)
        fate = await self.gate(points.ORDER)
        self._check()
        done = self.eyes.carry(fate, lambda: self.eyes.world.fleet.apply(orders, revisions, write), _no_answer)
        await self.gate(points.ORDERED)
        return done

    async def observe(self, service: str) -> tuple[Instance, ...]:
        self._check()
        eyes = self.eyes
        found = eyes.world.fleet.observe()
        eyes.observed_at, eyes.instances = eyes.world.kernel.now, found
        await self.gate(points.INSTANCES)
        return found

    async def logs(self, instance: str, lines: int) -> str:
        return ""

    async def log_errors(self, service: str) -> dict[str, int]:
        return {}

    def on_change(self, callback: Callable[[str], None]) -> None:
        return

    def facts(self, service: str) -> list[Fact]:
        found, self.eyes.world.fleet.facts = self.eyes.world.fleet.facts, []
        return found

    async def close(self) -> None:
        return

    def _check(self) -> None:
        if self.eyes.world.kernel.now < self.eyes.world.fleet_down_until:
            raise _no_answer()


@dataclass
class SimRouter:
    """`routers.base.Router` onto the shared data plane."""

    eyes: Eyes
    gate: Gate = taken
    caps = Capabilities(
        smallest_weight_percent=0.1, matches=True, sticky=True, mirror=False, atomic=True, acknowledges=True
    )

    async def start(self) -> None:
        return

    async def apply(self, table: RouteTable, generation: Generation) -> RoutesSeen:
        plane, write = self.eyes.world.plane, self.eyes.write(generation)
        fate = await self.gate(points.ROUTE)
        self.eyes.carry(fate, lambda: plane.apply(table, write), _no_answer)
        await self.gate(points.ROUTED)
        return await self.observe(table.service)

    async def observe(self, service: str) -> RoutesSeen:
        found = self.eyes.world.plane.observe()
        self.eyes.routes = found
        await self.gate(points.ROUTES)
        return found

    async def remove(self, service: str, generation: Generation) -> None:
        write = self.eyes.write(generation)
        fate = await self.gate(points.REMOVE)
        self.eyes.carry(fate, lambda: self.eyes.world.plane.remove(write), _no_answer)

    def facts(self, service: str) -> list[Fact]:
        found, self.eyes.world.plane.facts = self.eyes.world.plane.facts, []
        return found

    async def close(self) -> None:
        return

    async def shutdown(self) -> None:
        return


@dataclass
class SimMetrics:
    """`metrics.base.MetricsSource` onto the shared users."""

    eyes: Eyes
    gate: Gate = taken
    bounds_ms: tuple[float, ...] = BOUNDS_MS

    async def read(self, service: str) -> dict[str, Counters]:
        self.eyes.blind = True
        found = self.eyes.world.measure()
        await self.gate(points.COUNTERS)
        if found is None:
            raise Unreachable("metrics_unreachable", "the counters cannot be read")
        self.eyes.blind = False
        return found

    async def close(self) -> None:
        return


@dataclass
class SimChecker:
    """`engine.checks.Checker`: checks end after a while as the world says. `done` is called then; after `close`
    nothing is known of what ran."""

    eyes: Eyes
    done: Callable[[], None]
    running: set[str] = field(default_factory=set[str])
    ended: list[Outcome] = field(default_factory=list[Outcome])
    closed: bool = False

    def begin(self, run: CheckRun) -> None:
        if run.key in self.running:
            return
        self.running.add(run.key)
        world = self.eyes.world
        passed = run.revision not in world.failing_checks
        world.kernel.after(world.kernel.chance.uniform(0.05, 2.0), lambda: self._end(run, passed=passed))

    def take(self) -> list[Outcome]:
        found, self.ended = self.ended, []
        return found

    async def close(self) -> None:
        self.closed = True

    def _end(self, run: CheckRun, *, passed: bool) -> None:
        self.running.discard(run.key)
        if not self.closed:
            self.ended.append(Outcome(run, passed, "as it was told"))
            self.done()
