"""A controller: the real loop of the engine, stepped by hand from point to point."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from ferryman.core.verbs import Answer
from ferryman.engine.loop import NOW_SECONDS, ServiceLoop
from ferryman.engine.ports import Options, Ports
from ferryman.model.errors import FerrymanError
from ferryman.model.rollout import Service
from ferryman.sim.deeds import AtPoint, Freeze, Kill
from ferryman.sim.flags import SimFlags
from ferryman.sim.points import Fate, Point
from ferryman.sim.ports import Eyes, SimChecker, SimMetrics, SimRouter, SimStore, SimTarget
from ferryman.sim.world import World

Question = Callable[[Service, float], Answer]
STALL_CHANCE = 0.04
STALL_SECONDS = 0.4


class Told(Protocol):
    """What a simulation is told of its controllers."""

    def met(self, controller: Controller, point: Point) -> AtPoint | None:
        """A controller stands at a point; what befalls it there."""
        ...

    def turned(self, controller: Controller) -> None:
        """A turn ended, well or not (`loop.health.trouble`)."""
        ...

    def died(self, controller: Controller, down_seconds: float) -> None:
        """It was killed and comes back after so long."""
        ...


@dataclass
class Request:
    """What a person asks; `done` is called with the answer or with the error."""

    ask: Question
    done: Callable[[Answer | FerrymanError], None]


@dataclass
class Controller:
    """`skew` is what its machine's clock is off by when it is started; `stalls` lets calls take time."""

    world: World
    told: Told
    number: int
    options: Options
    stalls: bool = True
    skew: float = 0.0
    life: int = 0
    alive: bool = False
    frozen: bool = False
    loop: ServiceLoop = field(init=False)
    eyes: Eyes = field(init=False)
    _skew_now: float = 0.0
    _waiting: deque[Request] = field(default_factory=deque[Request])
    _job: Coroutine[Any, Any, Any] | None = None
    _asked: Request | None = None
    _planned: int = 0

    @property
    def owner(self) -> str:
        """Its name in leases: another one in each life."""
        return f"c{self.number}.{self.life}"

    def now(self) -> float:
        """Its clock."""
        return self.world.kernel.now + self._skew_now

    def start(self) -> None:
        """A new life, which knows nothing but the log."""
        self.life += 1
        self.alive, self.frozen = True, False
        # The clock starts where the machine's is, but never behind the log (see `engine.clock`).
        behind = self.world.log.latest_at - (self.world.kernel.now + self.skew)
        self._skew_now = self.skew + max(0.0, behind)
        self.eyes = Eyes(self.world, self.number)
        ports = Ports(
            store=SimStore(self.eyes),
            target=SimTarget(self.eyes),
            router=SimRouter(self.eyes),
            metrics=SimMetrics(self.eyes),
            now=self.now,
            owner=self.owner,
            flags=SimFlags(self.eyes),
            checker=lambda _: SimChecker(self.eyes, self.wake),
        )
        self.loop = ServiceLoop(self.world.name, ports, self.options, lambda: False)
        self.world.kernel.say(f"{self.owner} starts")
        if self.world.flags.begun:
            self.world.traffic.restart()  # what programs report of a flag is counted anew by each controller
        self._plan(0.0)

    def kill(self, down_seconds: float) -> None:
        """The process is gone between two instructions."""
        self.world.kernel.say(f"{self.owner} dies")
        self.alive = False
        self._planned += 1
        job, self._job = self._job, None
        if job is not None:
            job.close()
        lost = [*([self._asked] if self._asked else []), *self._waiting]
        self._asked = None
        self._waiting.clear()
        for request in lost:
            request.done(FerrymanError("gone", "the controller is gone"))
        self.told.died(self, down_seconds)

    def wake(self) -> None:
        """Turn as soon as possible."""
        if self.alive and self._job is None and not self.frozen:
            self._plan(NOW_SECONDS)

    def ask(self, request: Request) -> None:
        """Serialised with its turns, as by the loop's lock."""
        if not self.alive:
            request.done(FerrymanError("gone", "no controller answers"))
            return
        self._waiting.append(request)
        if self._job is None and not self.frozen:
            self._begin_asking()

    # ---- inside
    def _plan(self, seconds: float) -> None:
        self._planned += 1
        number = self._planned

        def turn() -> None:
            if number == self._planned and self.alive and self._job is None:
                self._job = self.loop.guarded_turn()
                self._advance(None)

        self.world.kernel.after(seconds, turn)

    def _begin_asking(self) -> None:
        self._asked = self._waiting.popleft()
        self._planned += 1
        self._job = self.loop.ask(self._asked.ask)
        self._advance(None)

    def _advance(self, fate: Fate | None) -> None:
        """Step the coroutine until it ends or something holds it."""
        kernel = self.world.kernel
        while self._job is not None:
            try:
                point = self._job.send(fate)
            except StopIteration as end:
                self._ended(end.value)
                return
            except FerrymanError as problem:
                self._ended(problem)
                return
            kernel.ticks += 1
            kernel.say(f"{self.number} {point.name}")
            befalls = self.told.met(self, point)
            fate = None
            if befalls is None:
                if self.stalls and kernel.chance.random() < STALL_CHANCE:
                    self._hold(kernel.chance.random() * STALL_SECONDS)
                    return
            elif isinstance(befalls, Kill):
                self.kill(befalls.down)
                return
            elif isinstance(befalls, Freeze):
                kernel.say(f"{self.owner} stands still for {befalls.seconds:.3f} s")
                self.frozen = True
                self._hold(befalls.seconds)
                return
            else:
                kernel.say(f"{self.owner}: {point.name} is {befalls.fate.value}")
                fate = befalls.fate

    def _hold(self, seconds: float) -> None:
        life = self.life

        def go_on() -> None:
            if self.alive and self.life == life:
                self.frozen = False
                self._advance(None)

        self.world.kernel.after(seconds, go_on)

    def _ended(self, result: Any) -> None:
        self._job = None
        request, self._asked = self._asked, None
        if request is not None:
            request.done(result)
            self._plan(NOW_SECONDS)
        else:
            self.told.turned(self)
            delay = result - self.now()
            self._plan(max(NOW_SECONDS, delay))
        if self._waiting and self._job is None and self.alive:
            self._begin_asking()
