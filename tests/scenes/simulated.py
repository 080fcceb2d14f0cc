"""The simulator's world: the real loop drives it, its coroutines stepped from point to point, every invariant watched.

Instances take a second to come up and none to drain; nothing fails that the scenario does not let fail. The judge says
what it is told, since nobody counts on its word being so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer, command, deploy, take_down, undo
from ferryman.engine.ports import Options
from ferryman.model.calendar import Window, Windows
from ferryman.model.errors import FerrymanError
from ferryman.model.event import Event
from ferryman.model.release import FlagExposure, Release
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import AnalysisSeen, InstanceState
from ferryman.sim.controller import Question, Request
from ferryman.sim.deeds import Story
from ferryman.sim.fleet import Nature
from ferryman.sim.kernel import EPOCH
from ferryman.sim.simulation import Simulation
from scenes.stage import ACTOR, Look, Side, exposed
from unit.playbook import Book, revision
from unit.scripted import ScriptedJudge

START_SECONDS = 1.0
LIMIT_SECONDS = 4000.0
FOR_GOOD_SECONDS = 1e6
DAY_MINUTES = 1440
LATER_MINUTES = int(EPOCH - Book.now) // 60
"""This world begins later in its day than the pure one."""
ENDS = {"killed": "unkill", "tripped": "recover"}
NATURES = {
    "is well again": Nature(ready_seconds=(START_SECONDS, START_SECONDS), drain_seconds=(0.0, 0.0)),
    "never becomes ready": Nature(never_ready=1.0, drain_seconds=(0.0, 0.0)),
    "crashes when started": Nature(never_ready=1.0, crashes=1.0, crash_seconds=(START_SECONDS, START_SECONDS)),
}


def in_this_world(windows: Windows | None) -> Windows | None:
    """The same windows, as far from the beginning of the simulated world as they are from that of the pure one."""
    if windows is None:
        return None

    def moved(window: Window) -> Window:
        start, end = ((m + LATER_MINUTES) % DAY_MINUTES for m in (window.from_minute, window.to_minute))
        return replace(window, from_minute=start, to_minute=end)

    spans = {name: tuple(map(moved, getattr(windows, name))) for name in ("open", "off_hours")}
    return replace(windows, **spans)


class TheseFail(set[str]):
    """Revisions whose checks fail: all of them, or none."""

    everybody = False

    def __contains__(self, _: object) -> bool:
        return self.everybody


class ScriptedFeed:
    """Stands where the loop asks for evidence; everything else in the loop is as it is."""

    begun = False

    def __init__(self, judge: ScriptedJudge, now: Callable[[], float]) -> None:
        self.script, self.now = judge, now
        self.stage_from: dict[str, int] = {}

    def due(self, rollout: Rollout | None, now: float) -> bool:
        return False

    def seen(self, rollout: Rollout | None, *, full: bool = True) -> AnalysisSeen | None:
        return self.script.seen(rollout, self.now())

    def restore(self, text: str | None) -> None:
        return

    def dump(self) -> None:
        return


class SimulatedStage:
    """See `Stage`."""

    def __init__(self) -> None:
        story = Story(seed=1, deeds=(), controllers=1)
        self.run = Simulation(story, options=Options(lease_seconds=20.0))
        self.controller = self.run.controllers[0]
        self.controller.stalls = False
        self.judged = ScriptedJudge()
        self.failing = self.run.world.failing_checks = TheseFail()
        self.limits: dict[str, int] = {}
        self.low, self.high = 10**6, 0
        self.wait(START_SECONDS)
        feed: Any = ScriptedFeed(self.judged, self.controller.now)
        self.controller.loop.feed = feed

    def now(self) -> float:
        return self.run.kernel.now

    def service(self) -> Service:
        return self.run.world.log.snapshot

    def events(self) -> Sequence[Event]:
        return self.run.world.log.events

    def look(self) -> Look:
        served, orders = self.run.world.plane.seen, self.controller.loop.orders
        bodies = self.run.world.fleet.bodies.values()
        labels = {body.revision for body in bodies if body.live} | set(served.weights)
        table = orders.routes if orders is not None else None
        matches = [(m.kind, m.name, m.value, m.revision) for m in table.matches] if table is not None else []
        routed = self.run.world.plane.table is not None
        flags = self.run.world.flags
        told = exposed(flags.share, flags.overridden) if flags.begun else ""
        return Look({label: self._side(label) for label in labels}, routed, served.preview, told, matches)

    def _side(self, label: str) -> Side:
        mine = [body for body in self.run.world.fleet.bodies.values() if body.revision == label]
        return Side(
            ready=sum(body.state is InstanceState.READY for body in mine),
            live=sum(body.live for body in mine),
            weight=self.run.world.plane.seen.weights.get(label, 0.0),
            oldest=min((body.started_at for body in mine), default=0.0),
        )

    def marks(self) -> tuple[int, int] | None:
        found, self.low, self.high = (self.low, self.high), 10**6, 0
        return found if found[0] < 10**6 else None

    def serve(self, of: Release) -> None:
        self.deploy(of, None)
        self.until(lambda: self.service().stable == of.label and self.service().current.phase.terminal, "serving")  # type: ignore[union-attr]

    def deploy(self, of: Release, base: str | None) -> Answer:
        of = replace(of, windows=in_this_world(of.windows))
        new = revision(of)
        self.run.world.fleet.natures.setdefault(new.id, NATURES["is well again"])
        if isinstance(of.strategy, FlagExposure):
            self.run.world.flags.begin()
        return self.ask(lambda service, now: deploy(service, of, new, actor=ACTOR, now=now, base=base))

    def verb(self, verb: Verb) -> Answer:
        return self.ask(lambda service, now: command(service, verb, actor=ACTOR, now=now))

    def undo(self, to: str | None) -> Answer:
        return self.ask(lambda service, now: undo(service, actor=ACTOR, now=now, to=to))

    def down(self) -> Answer:
        return self.ask(lambda service, now: take_down(service, actor=ACTOR))

    def ask(self, question: Question) -> Answer:
        said: list[Answer | FerrymanError] = []
        self.controller.ask(Request(question, said.append))
        while not said:
            assert self._step(self.run.kernel.now + LIMIT_SECONDS)
        if isinstance(said[0], FerrymanError):
            raise said[0]
        return said[0]

    def wait(self, seconds: float) -> None:
        end = self.run.kernel.now + seconds
        while self._step(end):
            pass

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Not before the loop has turned once."""
        end, turns = self.run.kernel.now + LIMIT_SECONDS, self.run.turns
        while self.run.turns == turns or not done():
            if not self._step(end):
                kinds = " ".join(f"{event.at - EPOCH:g}:{event.kind}" for event in self.events())
                raise AssertionError(f"never {what}: {kinds}")

    def _step(self, end: float) -> bool:
        went_on = self.run.kernel.step(end)
        assert not self.run.found, str(self.run.found.all[0])
        fleet, plane = self.run.world.fleet, self.run.world.plane
        for label, most in self.limits.items():
            waiting = [b for b in fleet.of(label, InstanceState.STARTING) if self.now() - b.started_at >= START_SECONDS]
            for body in waiting[: max(0, most - len(fleet.of(label, InstanceState.READY)))]:
                fleet.recover(body)
        if plane.seen.weights:
            self.low = min(self.low, sum(body.state is InstanceState.READY for body in fleet.bodies.values()))
        self.high = max(self.high, sum(body.live for body in fleet.bodies.values()))
        return went_on

    def nature(self, label: str, how: str) -> None:
        fleet = self.run.world.fleet
        fleet.natures[label] = NATURES[how]
        for body in fleet.of(label, InstanceState.STARTING) if how == "is well again" else ():
            fleet.recover(body)

    def lose(self, label: str, count: int, *, die: bool) -> None:
        fleet = self.run.world.fleet
        for body in fleet.of(label, InstanceState.READY)[:count]:
            if die:
                fleet.crash(body, "killed")
            else:
                fleet.waver(body, FOR_GOOD_SECONDS)

    def limit(self, label: str, count: int) -> None:
        self.limits[label] = count
        self.run.world.fleet.natures[label] = NATURES["never becomes ready"]

    def judge(self, verdict: str, *, always: bool) -> None:
        self.judged.says(self._rollout(), self.now(), verdict, follows=always)

    def override(self, kind: str) -> None:
        flags = self.run.world.flags
        flags.override({"killed": "kill", "tripped": "trip"}.get(kind) or ENDS[flags.overridden])

    def evidence(self, *, missing: bool) -> None:
        if missing:
            self.judged.loses_sight(self._rollout(), self.now())
        else:
            self.judged.sees_again(self.now())

    def checks(self, outcome: str) -> None:
        self.failing.everybody = outcome == "failed"

    def _rollout(self) -> Rollout:
        current = self.service().current
        assert current is not None
        return current
