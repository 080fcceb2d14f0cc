"""A dialogue with the pure rooms: a tiny world that obeys orders at once, so that a test reads as what happens.

Instances become ready `start_seconds` after they were ordered unless the test holds them back; routes are acknowledged
at the next tick; draining instances end as soon as they may be stopped. At every step the promises are checked that hold
whatever a test does (see `_check_move` and `_check_orders`): Invariants 1, 4, 5 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from ferryman.core.admit import admit
from ferryman.core.decide import Decision, decide
from ferryman.core.evolve import evolve
from ferryman.core.exposure import exposure
from ferryman.core.phases import MOVES, Verb, verb_moves
from ferryman.core.verbs import Answer, command, deploy, drill, take_down, undo
from ferryman.model.event import Body, CheckFinished, Draft, Event, PlanChanged, RolloutEnded, ServiceDown
from ferryman.model.generation import Generation
from ferryman.model.plan import Phase
from ferryman.model.release import Canary, Release, Routing, SetWeight
from ferryman.model.revision import Health, Revision, Run
from ferryman.model.rollout import Rollout, Service
from ferryman.model.seen import (
    LIVE_STATES,
    AnalysisSeen,
    FlagSeen,
    Instance,
    InstanceState,
    RoutesSeen,
    RouteStatus,
    Seen,
)
from ferryman.model.world import FlagShare, Match, Orders
from unit.scripted import ScriptedJudge

READY = InstanceState.READY
BY_VERB = frozenset(verb_moves())
FORWARD = frozenset(p for p in Phase if not p.terminal and p is not Phase.ABORTING)


def release(label: str, **settings: Any) -> Release:
    """A release of the service `shop` behind a router, health by HTTP, four replicas."""
    base = Release(
        service="shop",
        label=label,
        command=("run", label),
        replicas=4,
        health_http_path="/",
        routing=Routing(port=8080),
    )
    return replace(base, **settings)


def canary(*steps: Any, analysed: bool = False, **settings: Any) -> Canary:
    """A canary without bake or scale-down delay unless said; its weights wait for the judge only when `analysed`."""
    steps = tuple(replace(s, analyse=analysed) if isinstance(s, SetWeight) else s for s in steps)
    return Canary(steps=steps, **{"bake_seconds": 0.0, "scale_down_delay_seconds": 0.0, **settings})


def revision(of: Release) -> Revision:
    """A revision whose id is its label."""
    label = of.label or "r"
    return Revision(id=label, label=label, digest=label, run=Run(command=of.command, directory="."), health=Health())


def phase_of(service: Service, rollout: str) -> Phase | None:
    """The phase of one rollout of a service; None when it is neither current nor waiting."""
    known = (service.current, *service.queue)
    return next((r.phase for r in known if r is not None and r.id == rollout), None)


@dataclass
class Book:
    """One service and the little world around it."""

    start_seconds: float = 1.0
    now: float = 1000.0
    service: Service = field(default_factory=lambda: Service(name="shop"))
    events: list[Event] = field(default_factory=list[Event])
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    script: ScriptedJudge = field(default_factory=ScriptedJudge)
    never_ready: set[str] = field(default_factory=set[str])
    crashing: set[str] = field(default_factory=set[str])
    ready_limit: dict[str, int] = field(default_factory=dict[str, int])
    check_outcome: str = "passed"
    frozen_routes: bool = False
    low_available: int = 10**6
    high_total: int = 0
    orders: Orders | None = None
    flags: dict[tuple[str, str], FlagSeen] = field(default_factory=dict[tuple[str, str], FlagSeen])
    _count: int = 0

    # ---- what people do
    def deploy(self, of: Release, **settings: Any) -> Answer:
        """Ask for a release."""
        return self.take(deploy(self.service, of, revision(of), actor="ana", now=self.now, **settings))

    def verb(self, verb: Verb, **settings: Any) -> Answer:
        """Ask for anything else."""
        return self.take(command(self.service, verb, actor="ana", now=self.now, **settings))

    def undo(self, **settings: Any) -> Answer:
        """Ask to go back."""
        return self.take(undo(self.service, actor="ana", now=self.now, **settings))

    def drill(self, **settings: Any) -> Answer:
        """Rehearse the way back."""
        return self.take(drill(self.service, actor="ana", **settings))

    def down(self) -> Answer:
        """Ask to stop."""
        return self.take(take_down(self.service, actor="ana"))

    # ---- what the world does
    def seen(self) -> Seen:
        """One observation."""
        analysis = self.script.seen(self.service.current, self.now)
        rollout = self.service.current
        asked = rollout.current.world.flags if rollout is not None and rollout.running else ()
        flags = tuple(self.flags.get((f.environment, f.key), FlagSeen(FlagShare(f.environment, f.key))) for f in asked)
        instances = tuple(self.instances.values())
        return Seen(at=self.now, instances=instances, routes=self.routes, analysis=analysis, flags=flags)

    def override(self, key: str, kind: str) -> None:
        """A flag is killed or tripped, or with "" neither any more."""
        known = self.flags.get(("prod", key), FlagSeen(FlagShare("prod", key)))
        self.flags["prod", key] = replace(known, override=kind, reason="by ana" if kind else "")

    def exposed(self, key: str) -> FlagShare:
        """How far a flag is exposed."""
        return self.flags["prod", key].share

    def tick(self, seconds: float = 1.0) -> Decision:
        """Time passes, instances move, one turn of the loop."""
        self.now += seconds
        self._live()
        before, seen = self.service, self.seen()
        decision = decide(before, seen, self.now)
        assert decide(before, seen, self.now) == decision, "deciding is not a function"
        for draft in decision.events:
            self._append(draft)
        assert self.service == decision.service
        twice = decide(self.service, seen, self.now)
        assert (twice.events, twice.world, twice.due) == ((), decision.world, decision.due), (
            "deciding twice moves twice"
        )
        assert decision.due > self.now, "nothing but time would pass"
        for key in decision.checks:
            self._append(Draft(decision.service.current.id, CheckFinished(key, key, self.check_outcome)))  # type: ignore[union-attr]
        orders = admit("shop", decision.world, seen)
        self._check_orders(decision, orders)
        self._obey(orders)
        return decision

    def crash(self, label: str, count: int = 1, state: InstanceState = InstanceState.FAILED) -> None:
        """Ready instances of a revision end, or stop answering."""
        ready = [i for i in self.instances.values() if i.revision == label and i.state is READY]
        for instance in ready[:count]:
            self._set(instance, state, "killed")

    def run(self, ticks: int = 200, until: Phase | None = None) -> Book:
        """Tick until a phase is reached (default: until the rollout has ended and nothing is left to do)."""
        for _ in range(ticks):
            self.tick()
            phase = self.rollout.phase
            if phase is until or (until is None and phase.terminal and not self.service.queue):
                return self
        raise AssertionError(f"{ticks} ticks and still {self.rollout.phase}: {self.story()}")

    def judge(self, verdict: str, **more: Any) -> Book:
        """The judge speaks about the present stage from now on; see `ScriptedJudge.says`."""
        self.script.says(self.rollout, self.now, verdict, **more)
        return self

    def evidence_is_missing(self) -> None:
        """The metrics source says nothing from now on."""
        self.script.loses_sight(self.rollout, self.now)

    def evidence_is_back(self) -> None:
        """It says something again."""
        self.script.sees_again(self.now)

    @property
    def analysis(self) -> AnalysisSeen | None:
        """The judge's word."""
        return self.script.analysis

    @analysis.setter
    def analysis(self, word: AnalysisSeen | None) -> None:
        self.script.analysis = word

    # ---- what a test looks at
    @property
    def rollout(self) -> Rollout:
        """The current rollout."""
        assert self.service.current is not None
        return self.service.current

    def ready(self, label: str) -> int:
        """Ready instances of a revision."""
        return sum(i.revision == label and i.state is READY for i in self.instances.values())

    def weight(self, label: str) -> float:
        """Served weight of a revision."""
        return self.routes.weights.get(label, 0.0)

    @property
    def routed(self) -> bool:
        """True when a data plane shares out the traffic."""
        return self.routes.status is not RouteStatus.ABSENT

    @property
    def matches(self) -> tuple[Match, ...]:
        """Routes by header or cookie that were asked for last."""
        return self.orders.routes.matches if self.orders and self.orders.routes else ()

    def kinds(self) -> list[str]:
        """Kinds of all events so far."""
        return [e.kind for e in self.events]

    def bodies(self, kind: type[Any]) -> list[Any]:
        """Bodies of one kind."""
        return [e.body for e in self.events if isinstance(e.body, kind)]

    def story(self) -> str:
        """All events in short."""
        return " ".join(f"{e.at - 1000:g}:{e.kind}" for e in self.events)

    def fold(self, draft: Draft) -> None:
        """Append an event as it stands."""
        self._append(draft)

    # ---- inside
    def take(self, answer: Answer) -> Answer:
        for draft in answer.drafts:
            self._append(draft)
        return answer

    def _append(self, draft: Draft) -> None:
        body: Body = draft.body
        event = Event(self.service.name, self.service.seq + 1, draft.rollout, self.now, draft.actor, body)
        before = self.service
        self.service = evolve(before, event)
        self.events.append(event)
        self._check_move(before, event)

    def _check_move(self, before: Service, event: Event) -> None:
        """Every change of a phase is in the table, and the state survives being written down."""
        old, new = phase_of(before, event.rollout), phase_of(self.service, event.rollout)
        known = old == new or old is None or (old, new) in MOVES or (old, new) in BY_VERB
        replanned = isinstance(event.body, PlanChanged) and new in FORWARD
        gone = new is None and old in (Phase.PENDING, Phase.PAUSED) and isinstance(event.body, RolloutEnded)
        assert known or replanned or gone or isinstance(event.body, ServiceDown), f"{old} -> {new} by {event.kind}"
        assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event

    def _check_orders(self, decision: Decision, orders: Orders) -> None:
        """Nobody is exposed beyond what is in the log; weights are whole tenths that sum to 100; totals hold."""
        rollout = decision.service.current
        weights = orders.routes.weights if orders.routes else {}
        assert not weights or abs(sum(weights.values()) - 100.0) < 1e-9
        assert all(abs(w * 10 - round(w * 10)) < 1e-9 and w > 0 for w in weights.values())
        assert all(orders.routes and orders.routes.endpoints[r] for r in weights)
        live = sum(i.state in LIVE_STATES for i in self.instances.values())
        begun = sum(max(0, n - self._serving(r, orders)) for r, n in orders.instances.items())
        assert not begun or live + begun <= decision.world.bounds.max_total
        if rollout is not None and not rollout.phase.terminal and rollout.candidate != rollout.stable:
            assert exposure(decision.world, rollout.candidate) <= rollout.exposure_percent or not rollout.entered_at
            served = self.weight(rollout.candidate)
            assert weights.get(rollout.candidate, 0.0) <= max(rollout.exposure_percent, served) + 1e-9

    def _serving(self, label: str, orders: Orders) -> int:
        alive = [i for i in self.instances.values() if i.revision == label and i.state in LIVE_STATES]
        return sum(i.state is not InstanceState.DRAINING and i.id not in orders.drain for i in alive)

    def _live(self) -> None:
        for i in list(self.instances.values()):
            if i.state is InstanceState.STARTING and not 0 <= self.now - i.started_at < self.start_seconds:
                if i.revision in self.crashing:
                    self._set(i, InstanceState.FAILED, "exit status 1")
                elif i.revision not in self.never_ready and self.ready(i.revision) < self.ready_limit.get(
                    i.revision, 99
                ):
                    self._set(i, READY)
        live = [i for i in self.instances.values() if i.state in LIVE_STATES]
        self.high_total = max(self.high_total, len(live))
        if self.routes.weights:
            self.low_available = min(self.low_available, sum(i.state is READY for i in live))

    def _set(self, instance: Instance, state: InstanceState, reason: str = "") -> None:
        self.instances[instance.id] = replace(instance, state=state, since=self.now, reason=reason)

    def _obey(self, orders: Orders) -> None:
        self.orders = orders
        for share in orders.flags:
            known = self.flags.get((share.environment, share.key), FlagSeen(share))
            self.flags[share.environment, share.key] = replace(known, share=share, version=known.version + 1)
        served = frozenset[str]().union(*self.routes.endpoints.values())
        assert not orders.stop & served, "a request could reach what is stopped"
        for name in orders.stop:
            del self.instances[name]
        for name in orders.drain:
            self._set(replace(self.instances[name], connections=0), InstanceState.DRAINING)
        for label, wanted in orders.instances.items():
            there = [
                i
                for i in self.instances.values()
                if i.revision == label and i.state in LIVE_STATES and i.state is not InstanceState.DRAINING
            ]
            for _ in range(wanted - len(there)):
                self._count += 1
                name = f"{label}-{self._count}"
                self.instances[name] = Instance(
                    name, label, InstanceState.STARTING, self.now, self.now, port=9000 + self._count
                )
        if self.frozen_routes:
            return
        table = orders.routes
        if table is None:
            self.routes = RoutesSeen()
            return
        assert not table.weights or abs(sum(table.weights.values()) - 100.0) < 1e-9
        self.routes = RoutesSeen(
            status=RouteStatus.APPLIED,
            generation=Generation(1, self.service.seq),
            weights=table.weights,
            endpoints={r: frozenset(e.instance for e in ends) for r, ends in table.endpoints.items()},
            matches=len(table.matches),
            preview=table.preview,
        )
