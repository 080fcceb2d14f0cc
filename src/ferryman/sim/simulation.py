"""A whole run: a story is played, then everything outside goes well again, and what was begun must come to an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.core.phases import Verb
from ferryman.core.standing import subject
from ferryman.core.verbs import Answer, command, deploy, drill, take_down, undo
from ferryman.engine.ports import Options
from ferryman.model.errors import FerrymanError, Refused
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.seen import InstanceState
from ferryman.sim import points
from ferryman.sim.asking import gate_verb
from ferryman.sim.controller import Controller, Request
from ferryman.sim.deeds import (
    Ask,
    AtPoint,
    Crash,
    Deed,
    Deploy,
    Freeze,
    Kill,
    Outage,
    Override,
    PlaneRestart,
    Refuse,
    Skew,
    Slow,
    Spoil,
    Story,
    Trouble,
    Waver,
)
from ferryman.sim.ending import PatientPerson, ended, left_over, longest_left
from ferryman.sim.fleet import Body
from ferryman.sim.invariants import Findings, Violation
from ferryman.sim.kernel import EPOCH, Kernel, nobody
from ferryman.sim.ledger import Ledger
from ferryman.sim.points import Point
from ferryman.sim.shapes import Shape
from ferryman.sim.traffic import Load
from ferryman.sim.watch_flags import FlagWatch
from ferryman.sim.watch_log import LogWatch
from ferryman.sim.watch_time import TimeWatch
from ferryman.sim.watch_world import WorldWatch
from ferryman.sim.world import World

ACTOR = "ana"
PULSE_SECONDS = 1.0
SETTLE_SECONDS = 60.0
SLACK_SECONDS = 60.0
ALIVE = (InstanceState.STARTING, InstanceState.READY, InstanceState.UNREADY)


@dataclass(frozen=True)
class Outcome:
    """What came of a run. `trace` is the hash over everything that happened; `ended` the last phase of each rollout."""

    violations: tuple[Violation, ...]
    trace: str
    ticks: int
    turns: int
    events: int
    seconds: float
    ended: dict[str, str]


@dataclass
class Simulation:
    """Play a story. With `keep_lines` the trace is kept as text in `kernel.lines`."""

    story: Story
    keep_lines: bool = False
    service: str = "shop"
    options: Options | None = None
    kernel: Kernel = field(init=False)
    world: World = field(init=False)
    controllers: list[Controller] = field(init=False)
    found: Findings = field(default_factory=Findings)
    ledger: Ledger = field(default_factory=Ledger)
    armed: list[AtPoint] = field(default_factory=list[AtPoint])
    calm: bool = False
    turns: int = 0

    def __post_init__(self) -> None:
        story = self.story
        self.kernel = Kernel(story.seed, keep_lines=self.keep_lines)
        self.world = World(self.kernel, self.service)
        self.world.traffic.load = Load(rps=story.rps)
        options = self.options or Options(lease_seconds=story.lease_seconds)
        self.controllers = [Controller(self.world, self, n, options) for n in range(story.controllers)]
        self.time = TimeWatch(self.world, self.ledger, self.found, options)
        self.log = LogWatch(self.world, self.ledger, self.found, self._blind, self._overridden, self.time.event)
        self.watch = WorldWatch(self.world, self.ledger, self.found)
        self.watch.attach()
        self.log.attach()
        self.world.flags.on_drive = FlagWatch(self.world, self.ledger, self.found).driven
        self.world.fleet.watch.changed = self._changed
        self.world.fleet.watch.left = self.time.left
        for controller in self.controllers:
            self.kernel.after(self.kernel.chance.random() * 0.5, controller.start)
        for deed in story.deeds:
            self.kernel.at(EPOCH + deed.at, lambda deed=deed: self.do(deed))
        self.time.disturbed()
        self.kernel.after(PULSE_SECONDS, self._pulse)

    # ---- running
    def run(self) -> Outcome:
        """All of it, up to the first violation."""
        self.run_to(self.story.fault_seconds)
        return self.end()

    def end(self) -> Outcome:
        """Nothing goes wrong outside any more; what was begun comes to its end, up to the first violation."""
        self.be_calm()
        self._to_the_end()
        return self.outcome()

    def run_to(self, seconds: float) -> bool:
        """Up to so many seconds after the beginning; False when a promise was broken."""
        until, step = EPOCH + seconds, self.kernel.step
        while not self.found and step(until):
            pass
        return not self.found

    def be_calm(self) -> None:
        """From now on nothing goes wrong outside, and a patient person looks after what waits for one."""
        self.calm = True
        self.armed.clear()
        world, now = self.world, self.kernel.now
        world.log_down_until = world.fleet_down_until = world.wrong_until = now
        world.plane.down_until = world.plane.refusing_until = min(world.plane.down_until, now)
        world.traffic.outage_until = now
        if world.flags.begun:
            world.flags.override("recover")  # a breaker tries again; a kill stays until somebody takes it back
        world.plane.ack_seconds = min(world.plane.ack_seconds, 0.2)
        for controller in self.controllers:
            if not controller.alive:
                controller.start()
        self.time.disturbed()
        self.kernel.say("calm")
        PatientPerson(world, self.ask).look()

    def outcome(self) -> Outcome:
        """What came of it so far."""
        service = self.world.log.snapshot
        ended = {} if service.current is None else {service.current.id: service.current.phase.value}
        return Outcome(
            violations=tuple(self.found.all),
            trace=self.kernel.trace_hash,
            ticks=self.kernel.ticks,
            turns=self.turns,
            events=len(self.world.log.events),
            seconds=self.world.elapsed,
            ended=ended,
        )

    def _to_the_end(self) -> None:
        """Every rollout ends in bounded time, and then what is there is what is wanted."""
        began = self.world.elapsed
        limit = began + SLACK_SECONDS + longest_left(self.world.log.snapshot)
        while not self.found and not ended(self.world.log.snapshot):
            if self.world.elapsed > limit:
                current = self.world.log.snapshot.current
                where = "" if current is None else f"{current.id} is {current.phase.value} at {current.current.name!r}"
                self.found.broken(11, f"not ended {limit - began:.0f} s after calm: {where}", limit)
                return
            self.run_to(self.world.elapsed + 1.0)
        until = self.world.elapsed + SETTLE_SECONDS
        while not self.found and (left := left_over(self.world)):
            if self.world.elapsed > until:
                self.found.broken(11, f"all has ended, and yet {left}", self.world.elapsed)
                return
            self.run_to(self.world.elapsed + 1.0)

    # ---- what controllers tell
    def met(self, controller: Controller, point: Point) -> AtPoint | None:
        """What befalls a controller at a point."""
        if point is points.INSTANCES:
            self.time.looked(controller)
        if not self.armed:
            return None
        for deed in self.armed:
            right = deed.controller is None or deed.controller == controller.number
            if right and deed.point in ("", point.name):
                self.armed.remove(deed)
                self.time.disturbed()
                if isinstance(deed, Freeze):
                    self.kernel.after(deed.seconds, self.time.disturbed)
                return deed
        return None

    def turned(self, controller: Controller) -> None:
        """A controller's turn ended."""
        self.turns += 1
        self.time.turned(controller)

    def died(self, controller: Controller, down_seconds: float) -> None:
        """A controller was killed."""
        self.time.disturbed()

        def back() -> None:
            if not controller.alive:
                controller.start()
                self.time.disturbed()

        self.kernel.after(down_seconds, back)

    # ---- deeds
    def do(self, deed: Deed) -> None:
        """Something happens from outside."""
        self.kernel.say(f"deed {type(deed).__name__.lower()}")
        world, now = self.world, self.kernel.now
        match deed:
            case Deploy():
                self.deploy(deed.shape)
                return
            case Ask():
                self.ask(deed.verb, deed.controller)
                return
            case Kill() | Freeze() | Spoil():
                self.armed.append(deed)
            case Outage():
                self._outage(deed)
            case Refuse():
                world.plane.refusing_until = now + deed.seconds
            case Slow():
                world.plane.ack_seconds = deed.ack_seconds
            case PlaneRestart():
                world.plane_restarts(deed.seconds)
            case Crash():
                for body in self._side(deed.side, *ALIVE)[: deed.count]:
                    world.fleet.crash(body, "killed")
            case Waver():
                for body in self._side(deed.side, InstanceState.READY)[: deed.count]:
                    world.fleet.waver(body, deed.seconds)
            case Skew():
                self.controllers[deed.controller % len(self.controllers)].skew = deed.seconds
                self.time.skew_seconds = max(self.time.skew_seconds, abs(deed.seconds))
                self.watch.skew_seconds = self.time.skew_seconds
            case Trouble():
                world.traffic.count()
                world.traffic.outage_until, world.traffic.outage_factor = now + deed.seconds, deed.factor
            case Override():
                world.flags.override(deed.how)
                return
        self.time.disturbed()
        self.kernel.after(getattr(deed, "seconds", 0.0), self.time.disturbed)

    def deploy(self, shape: Shape) -> None:
        """A person deploys."""
        revision, world = shape.revision(), self.world
        world.fleet.natures[revision.id] = shape.nature
        world.traffic.count()
        world.traffic.qualities[revision.id] = shape.quality
        if shape.failing_check:
            world.failing_checks.add(revision.id)
        self.deploy_release(shape.release(world.name), revision)

    def deploy_release(
        self,
        release: Release,
        revision: Revision,
        done: Callable[[Answer | FerrymanError], None] = nobody,
    ) -> None:
        """A person deploys this very release; `done` is told the answer."""
        if release.of_flag:
            self.world.flags.begin()
        self._put(
            f"deploy {revision.label}",
            lambda service, now: deploy(service, release, revision, actor=ACTOR, now=now),
            None,
            done,
        )

    def ask(self, verb: str, controller: int | None = None) -> None:
        """A person asks for a verb."""
        phase = [""]

        def question(service: Service, now: float) -> Answer:
            about = subject(service)
            phase[0] = about.phase.value if about is not None and not service.down else ""
            if verb == "undo":
                return undo(service, actor=ACTOR, now=now)
            if verb.startswith("drill"):
                share = float(verb.removeprefix("drill").strip(" %") or 0.0)
                return drill(service, actor=ACTOR, traffic_percent=share, hold_seconds=2.0)
            if (said := gate_verb(service, verb, now)) is not None:
                return said
            if verb == "down":
                return take_down(service, actor=ACTOR)
            return command(service, Verb(verb), actor=ACTOR, now=now)

        def done(result: Answer | FerrymanError) -> None:
            if verb == "abort" and isinstance(result, Refused):
                self.time.refused(phase[0], result.code)
            elif verb == "abort" and isinstance(result, Answer) and result.drafts:
                self.time.answered(self.world.log.snapshot, result.rollout)

        self._put(verb, question, controller, done)

    def _put(
        self,
        name: str,
        question: Callable[[Service, float], Answer],
        number: int | None,
        done: Callable[[Answer | FerrymanError], None] = nobody,
    ) -> None:
        controller = self._one_to_ask(number)
        seq = self.world.log.snapshot.seq

        def answered(result: Answer | FerrymanError) -> None:
            said = result.text if isinstance(result, Answer) else f"!{result.code}"
            self.kernel.say(f"{name} -> {said}")
            if isinstance(result, Answer) and result.drafts and self.world.log.snapshot.seq <= seq:
                self.found.broken(5, f"{name} was answered {said!r}, and nothing is in the log", self.world.elapsed)
            done(result)

        controller.ask(Request(question, answered))

    def _one_to_ask(self, number: int | None) -> Controller:
        if number is not None:
            return self.controllers[number % len(self.controllers)]
        head = self.world.log.head
        holder = [c for c in self.controllers if head is not None and c.alive and c.owner == head.owner]
        return next(iter(holder or [c for c in self.controllers if c.alive]), self.controllers[0])

    def _outage(self, deed: Outage) -> None:
        world, until = self.world, self.kernel.now + deed.seconds
        match deed.part:
            case "log":
                world.log_down_until = until
            case "fleet":
                world.fleet_down_until = until
            case "plane":
                world.plane.down_until = until
            case _:
                world.wrong, world.wrong_until = deed.how, until

    def _side(self, side: str, *states: InstanceState) -> list[Body]:
        service = self.world.log.snapshot
        current = service.current
        running = current is not None and not current.phase.terminal
        candidate = current.candidate if current is not None and running else service.stable
        stable = current.stable if current is not None and running else service.stable
        return self.world.fleet.of(candidate if side == "candidate" else stable, *states)

    # ---- time and people
    def _changed(self) -> None:
        """Instances changed: controllers are woken, mostly."""
        for controller in self.controllers:
            if self.kernel.chance.random() < 0.8:
                controller.wake()

    def _blind(self, fence: int) -> bool:
        head = self.world.log.head
        return any(c.eyes.blind for c in self.controllers if c.life and head and c.owner == head.owner)

    def _overridden(self) -> bool:
        head = self.world.log.head
        return any(c.eyes.overridden for c in self.controllers if c.life and head and c.owner == head.owner)

    def _pulse(self) -> None:
        able = [c for c in self.controllers if c.alive and not c.frozen]
        if not able or self.armed or self.world.disturbed:
            self.time.disturbed()
        self.time.pulse()
        self.kernel.after(PULSE_SECONDS, self._pulse)
