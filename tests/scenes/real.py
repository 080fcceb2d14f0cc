"""Real processes behind Envoy, carried by `ferry serve`, with a client at the door who must never meet a failure.

A scenario's waits would take minutes here: a candidate on its way back is kept warm for seconds only. What the judge is
to say is brought about: the version that it is to fail answers badly from its first request on.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ferryman.cli.services import DATABASE_FILE
from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb
from ferryman.core.verbs import Answer
from ferryman.engine.history import all_events
from ferryman.model.event import Event, VerdictChanged
from ferryman.model.release import BlueGreen, Canary, CanaryStep, Pause, Release, Route, SetWeight
from ferryman.model.rollout import Service
from ferryman.model.view import AnswerView
from ferryman.store.sqlite import SqliteStore
from project import SERVICE, Project, door
from scenes.stage import ACTOR, Look, Side

UNTIL_SECONDS = 90.0
LOOK_SECONDS = 0.05
WARM_SECONDS = 4.0
BAD = ("--error-percent", "60")


class RealStage:
    """See `Stage`. `bad`: labels of versions that answer badly."""

    def __init__(self, project: Project, bad: Sequence[str] = ()) -> None:
        self.project = project
        self.bad = bad
        self.preview_port: int | None = None
        self._low, self._high = 10**6, 0
        self._known: tuple[Service, tuple[Event, ...]] = (Service(name=SERVICE), ())

    def now(self) -> float:
        return time.time()

    def service(self) -> Service:
        return self._read()[0]

    def events(self) -> Sequence[Event]:
        """Without what the judge says on the way: that it is at work is no part of the story."""
        return [e for e in self._read()[1] if not isinstance(e.body, VerdictChanged) or e.body.verdict == "fail"]

    def _read(self) -> tuple[Service, tuple[Event, ...]]:
        """The log, from its file; read as often as it has grown."""
        database = self.project.state / DATABASE_FILE
        if database.exists() and self.project.client.views():
            position = self.project.view().position
            if position != len(self._known[1]):
                self._known = asyncio.run(_read_log(database))
        return self._known

    def look(self) -> Look:
        """Who is there, and what answers at the door and at the preview port; asked, not believed."""
        view, rollout = self.project.view(), self.service().current
        sides = {s.label: Side(s.ready, s.live, s.weight_seen, 0.0) for s in view.sides if s.live or s.weight_seen}
        world = rollout.current.world if rollout is not None and not rollout.phase.terminal else None
        matches: list[tuple[str, str, str | None, str]] = []
        for match in world.matches if world is not None else ():
            headers = {match.name: match.value or ""}
            matches.append((match.kind, match.name, match.value, self._answering(self.project.port, headers)))
        preview = self._answering(self.preview_port, {}) if self.preview_port and world and world.preview else None
        return Look(sides, True, preview, matches=matches)

    @staticmethod
    def _answering(port: int, headers: dict[str, str]) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/", headers=headers)
            return str(connection.getresponse().getheader("x-version"))
        finally:
            connection.close()

    def marks(self) -> tuple[int, int] | None:
        found, self._low, self._high = (self._low, self._high), 10**6, 0
        return found if found[0] < 10**6 else None

    # ---- people
    def serve(self, of: Release) -> None:
        self.deploy(of, None)
        self.until(lambda: (r := self.service().current) is not None and r.phase.terminal, "serving")
        self.project.start_load(150.0, 4)

    def deploy(self, of: Release, base: str | None) -> Answer:
        return _answer(self.project.client.deploy(self._document(of), "ferryman.yaml", actor=ACTOR, base=base))

    def verb(self, verb: Verb) -> Answer:
        word, _, full = verb.value.partition(" --")
        return _answer(self.project.client.verb(SERVICE, word, actor=ACTOR, full=bool(full)))

    def undo(self, to: str | None) -> Answer:
        return _answer(self.project.client.undo(SERVICE, actor=ACTOR, to=to))

    def down(self) -> Answer:
        return _answer(self.project.client.down(SERVICE, actor=ACTOR))

    def ask(self, question: Callable[[Service, float], Answer]) -> Answer:
        raise NotImplementedError("a scenario that is played here asks for verbs only")

    # ---- the world
    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._pass()

    def until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + UNTIL_SECONDS
        self._pass()
        while not done():
            assert time.monotonic() < end, f"never {what}: {[e.kind for e in self.events()]}"
            self._pass()

    def _pass(self) -> None:
        time.sleep(LOOK_SECONDS)
        if not self.project.client.views():
            return
        sides = self.project.view().sides
        if any(side.weight_seen for side in sides):
            self._low = min(self._low, sum(side.ready for side in sides))
        self._high = max(self._high, sum(side.live for side in sides))

    def nature(self, label: str, how: str) -> None:
        raise NotImplementedError("versions are what they are from their start on")

    def lose(self, label: str, count: int, *, die: bool) -> None:
        raise NotImplementedError("see the tests of faults")

    def limit(self, label: str, count: int) -> None:
        raise NotImplementedError("see the tests of faults")

    def judge(self, verdict: str, *, always: bool) -> None:
        assert verdict == "fail", "a judge that counts can be brought to one word only"
        assert self.bad, "nobody answers badly: the judge would not say so"

    def override(self, kind: str) -> None:
        raise NotImplementedError("no flag is played here")

    def evidence(self, *, missing: bool) -> None:
        raise NotImplementedError("see the tests of faults")

    def checks(self, outcome: str) -> None:
        raise NotImplementedError("versions are what they are from their start on")

    # ---- a release as its file
    def _document(self, of: Release) -> str:
        label = of.label or "v1"
        warm = min(WARM_SECONDS, 2 * of.deadlines.abort_scale_down_seconds)
        traffic: dict[str, Any] = {"port": self.project.port, "drainTimeout": "3s"}
        if of.routing.preview_port is not None:
            self.preview_port = self.preview_port or door()
            traffic["previewPort"] = self.preview_port
        return self.project.document(
            label,
            json.dumps(_strategy(of)),
            *(BAD if label in self.bad else ()),
            replicas=of.replicas,
            traffic=traffic,
            deadlines={"abortScaleDown": f"{warm:g}s"},
        )


async def _read_log(database: Path) -> tuple[Service, tuple[Event, ...]]:
    """The state of the service, and every event that led to it."""
    store = SqliteStore(database, fold=evolve)
    await store.open()
    try:
        loaded = await store.load(SERVICE)
        events = [stored.event async for stored in all_events(store, SERVICE)]
    finally:
        await store.close()
    return loaded.service, tuple(event for event in events if event.seq <= loaded.service.seq)


def _answer(said: AnswerView) -> Answer:
    return Answer((), said.text, said.rollout)


def _strategy(of: Release) -> dict[str, Any]:
    strategy = of.strategy
    if isinstance(strategy, BlueGreen):
        return {"blueGreen": {**_after(strategy), "autoPromote": strategy.auto_promote}}
    assert isinstance(strategy, Canary), "other strategies have tests of their own"
    return {"canary": {**_after(strategy), "steps": [_step(step) for step in strategy.steps]}}


def _after(strategy: BlueGreen | Canary) -> dict[str, Any]:
    delay = strategy.scale_down_delay_seconds
    return {
        "bake": f"{strategy.bake_seconds:g}s",
        "scaleDownDelay": "never" if delay is None else "immediately" if not delay else f"{delay:g}s",
    }


def _step(step: CanaryStep) -> dict[str, Any]:
    match step:
        case SetWeight():
            hold = {} if step.hold_seconds is None else {"hold": f"{step.hold_seconds:g}s"}
            return {"weight": step.percent, "analysis": step.analyse, **hold}
        case Pause():
            return {"pause": {} if step.seconds is None else f"{step.seconds:g}s"}
        case Route():
            return {"header": {"name": step.name, "value": step.value} if step.name else {}}
        case _:
            raise AssertionError(f"no real scenario has the step {step}")
