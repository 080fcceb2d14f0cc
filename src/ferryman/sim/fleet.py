"""The instances as they truly are: they start slowly, crash, never get ready, ignore being asked to stop."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from ferryman.model.errors import Stale
from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, RoutesSeen
from ferryman.model.world import Orders
from ferryman.sim.kernel import Kernel, nobody
from ferryman.targets.backoff import CrashLoop
from ferryman.targets.base import Action, DrainInstance, StartInstance, StopInstance
from ferryman.targets.planning import Planned, plan_actions

READY, DRAINING = InstanceState.READY, InstanceState.DRAINING
ENDED_SHOWN = 20
ENDED_SHOWN_SECONDS = 600.0
FIRST_PORT = 20_000

NO_ROUTES = RoutesSeen()

Fact = tuple[str, str, dict[str, object]]


class Nature(msgspec.Struct, frozen=True):
    """What instances of a revision are like. Seconds are (least, most); shares from 0 to 1 say how many of the starts
    never get ready, crash within `crash_seconds`, or end only by force."""

    ready_seconds: tuple[float, float] = (0.3, 1.5)
    never_ready: float = 0.0
    crashes: float = 0.0
    crash_seconds: tuple[float, float] = (0.1, 20.0)
    drain_seconds: tuple[float, float] = (0.0, 1.5)
    ignores_stop: float = 0.0


@dataclass
class Body:
    """One instance, as it is."""

    id: str
    revision: str
    port: int | None
    started_at: float
    stop_limit_seconds: float
    drain_seconds: float
    deaf: bool
    state: InstanceState = InstanceState.STARTING
    since: float = 0.0
    connections: int = 0
    stopping: bool = False
    reason: str = ""

    @property
    def live(self) -> bool:
        """True until it has ended."""
        return self.state in LIVE_STATES


@dataclass(frozen=True)
class Write:
    """Who writes, in which generation, as which of its writes (`number`), and what that one had seen: instances as of
    `observed_at` (the world's own time), and routes."""

    controller: int
    generation: Generation
    observed_at: float
    instances: tuple[Instance, ...] = ()
    routes: RoutesSeen = NO_ROUTES
    number: int = 0


@dataclass
class Watcher:
    """Told of every change of an instance. `moved`: (instance, state before, the write that did it or None). `ordered`:
    orders were taken; `left`: what the same orders would begin once more, now that they were carried out."""

    moved: Callable[[Body, InstanceState | None, Write | None], None] = nobody
    ordered: Callable[[Orders, Write], None] = nobody
    left: Callable[[Planned], None] = nobody
    changed: Callable[[], None] = lambda: None


@dataclass
class Fleet:
    """All instances of one service. `number_of` labels are made with the kernel's chance."""

    kernel: Kernel
    natures: dict[str, Nature] = field(default_factory=dict[str, Nature])
    watch: Watcher = field(default_factory=Watcher)
    bodies: dict[str, Body] = field(default_factory=dict[str, Body])
    generation: Generation | None = None
    number: int = 0
    facts: list[Fact] = field(default_factory=list[Fact])
    _loops: dict[str, CrashLoop] = field(default_factory=dict[str, CrashLoop])
    _seen: tuple[Instance, ...] | None = None
    _done: tuple[Orders, tuple[Instance, ...]] | None = None
    _count: int = 0

    # ---- what controllers do
    def observe(self) -> tuple[Instance, ...]:
        """What can be seen; the same object as long as nothing changed."""
        if self._seen is None:
            self._forget()
            self._seen = tuple(_shown(body) for body in self.bodies.values())
        return self._seen

    def refuses(self, generation: Generation) -> bool:
        """True for an older generation than the last one applied."""
        return self.generation is not None and generation < self.generation

    def repeats(self, write: Write) -> bool:
        """True for a write that came already, or that a later one of the same generation has overtaken."""
        return write.generation == self.generation and write.number <= self.number

    def apply(self, orders: Orders, revisions: Mapping[str, Revision], write: Write) -> tuple[Action, ...]:
        """Begin what is left to do; a write that is overtaken does nothing. Raises `Stale`."""
        if self.refuses(write.generation):
            raise Stale("stale_generation", f"generation {write.generation} is older than {self.generation}")
        if self.repeats(write):
            return ()
        self.generation, self.number = write.generation, write.number
        self.watch.ordered(orders, write)
        seen = self.observe()
        if self._done is not None and self._done[0] == orders and self._done[1] is seen:
            return ()
        planned = self._plan(orders, revisions)
        for name in planned.drain:
            self._drain(self.bodies[name], write)
        for name in planned.stop:
            self._stop(self.bodies[name], write)
        for revision in planned.start:
            self._start(revisions[revision], write)
        if planned.wake_at is not None:
            self.kernel.at(planned.wake_at, self.watch.changed)
        if planned.drain or planned.stop or planned.start:
            self.watch.left(self._plan(orders, revisions))
        else:
            self._done = None if planned.wake_at is not None else (orders, seen)
        return (
            *(DrainInstance(name) for name in planned.drain),
            *(StopInstance(name) for name in planned.stop),
            *(StartInstance(revision) for revision in planned.start),
        )

    def _plan(self, orders: Orders, revisions: Mapping[str, Revision]) -> Planned:
        now = self.kernel.now
        return plan_actions(
            instances=self.observe(),
            stopping={body.id for body in self.bodies.values() if body.stopping},
            orders=orders,
            known_revisions=revisions.keys(),
            not_before=lambda revision: self._not_before(revision, now),
            now=now,
        )

    # ---- what the world does
    def crash(self, body: Body, reason: str) -> None:
        """It ends unasked."""
        if not body.live:
            return
        if body.stopping:
            self._end(body, InstanceState.GONE, "stopped")
            return
        ready = body.since if body.state is READY else self.kernel.now
        loop = self._loops.setdefault(body.revision, CrashLoop())
        loop.failed(
            started_at=body.started_at, ended_at=self.kernel.now, ready_seconds=max(0.0, self.kernel.now - ready)
        )
        self.facts.append(("instance_failed", f"instance {body.id}: {reason}", {"instance": body.id}))
        self._end(body, InstanceState.FAILED, reason)

    def waver(self, body: Body, seconds: float) -> None:
        """It fails its health check for so long."""
        if body.state is READY:
            self._set(body, InstanceState.UNREADY)
            self.kernel.after(seconds, lambda: self.recover(body))

    def recover(self, body: Body) -> None:
        """It passes its health check, for the first time or again."""
        if body.state in (InstanceState.STARTING, InstanceState.UNREADY):
            body.connections = 1 if body.port is not None else 0
            self._set(body, READY)

    def of(self, revision: str | None, *states: InstanceState) -> list[Body]:
        """Instances of a revision in one of these states, oldest first."""
        return [b for b in self.bodies.values() if b.revision == revision and b.state in states]

    # ---- life
    def _start(self, revision: Revision, write: Write) -> None:
        self._count += 1
        chance = self.kernel.chance
        nature = self.natures.get(revision.id, Nature())
        body = Body(
            id=f"{revision.label}-{self._count}",
            revision=revision.id,
            port=FIRST_PORT + self._count if revision.traffic else None,
            started_at=self.kernel.now,
            stop_limit_seconds=revision.run.stop_seconds,
            drain_seconds=_between(chance, nature.drain_seconds),
            deaf=chance.random() < nature.ignores_stop,
            since=self.kernel.now,
        )
        self.bodies[body.id] = body
        self._dirty()
        self.watch.moved(body, None, write)
        if chance.random() >= nature.never_ready:
            self.kernel.after(_between(chance, nature.ready_seconds), lambda: self.recover(body))
        if chance.random() < nature.crashes:
            self.kernel.after(_between(chance, nature.crash_seconds), lambda: self.crash(body, "exit status 1"))

    def _drain(self, body: Body, write: Write) -> None:
        before, body.state, body.since = body.state, DRAINING, self.kernel.now
        self._dirty()
        self.watch.moved(body, before, write)
        self.kernel.after(body.drain_seconds, lambda: self._drained(body))

    def _drained(self, body: Body) -> None:
        if body.connections:
            body.connections = 0
            self._dirty()
            self.watch.changed()

    def _stop(self, body: Body, write: Write) -> None:
        before, body.stopping = body.state, True
        if body.state is not DRAINING:
            body.state, body.since = DRAINING, self.kernel.now
        self._dirty()
        self.watch.moved(body, before, write)
        seconds = body.stop_limit_seconds if body.deaf else 0.05
        reason = "killed" if body.deaf else "stopped"
        self.kernel.after(seconds, lambda: self._end(body, InstanceState.GONE, reason))

    def _end(self, body: Body, state: InstanceState, reason: str) -> None:
        if body.live:
            body.reason, body.connections = reason, 0
            self._set(body, state)

    def _set(self, body: Body, state: InstanceState) -> None:
        before, body.state, body.since = body.state, state, self.kernel.now
        self._dirty()
        self.watch.moved(body, before, None)
        self.watch.changed()

    def _dirty(self) -> None:
        self._seen = None
        self._done = None

    def _not_before(self, revision: str, now: float) -> float:
        loop = self._loops.get(revision)
        return now if loop is None else loop.not_before(now)

    def _forget(self) -> None:
        """Ended instances are shown for a while only."""
        ended = [body for body in self.bodies.values() if not body.live]
        oldest = self.kernel.now - ENDED_SHOWN_SECONDS
        for place, body in enumerate(reversed(ended)):
            if place >= ENDED_SHOWN or body.since < oldest:
                del self.bodies[body.id]


def _between(chance: random.Random, span: tuple[float, float]) -> float:
    low, high = span
    return low + (high - low) * chance.random()


def _shown(body: Body) -> Instance:
    return Instance(
        id=body.id,
        revision=body.revision,
        state=body.state,
        started_at=body.started_at,
        since=body.since,
        port=body.port,
        connections=body.connections if body.live and body.port is not None else None,
        reason=body.reason,
    )
