"""The loop of one service. Six duties, in this order, and the fifth never before the fourth:

    1 claim     the lease, with its fence          4 append    events, durably, by compare-and-set
    2 observe   target, router, metrics, judge     5 converge  each adapter gets its slice of the admitted world
    3 decide    pure                               6 sleep     until due, or until something wakes it

Only the event log is remembered. Whatever is held here besides is a copy, thrown away and loaded again at any conflict.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from ferryman.core.admit import admit
from ferryman.core.decide import Decision, decide
from ferryman.core.evolve import evolve
from ferryman.core.verbs import Answer
from ferryman.engine.checks import CheckRun, Outcome, gate_of
from ferryman.engine.evidence import EvidenceFeed, Sample
from ferryman.engine.flags.side import FlagSide
from ferryman.engine.log_errors import Complaints
from ferryman.engine.ports import Options, Ports
from ferryman.engine.sources import Sources
from ferryman.engine.telemetry import TURN
from ferryman.engine.traffic import Traffic
from ferryman.engine.webhook import question
from ferryman.model.errors import AdapterError, Conflict, FerrymanError, Stale, StoreError
from ferryman.model.event import BackOrdered, CheckFinished, Draft, Event, Noted
from ferryman.model.generation import Generation
from ferryman.model.rollout import Service
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, RoutesSeen, RouteStatus, Seen
from ferryman.model.world import Orders, World
from ferryman.store.base import Append, Lease, Loaded, Measurement, StoredEvent

log = logging.getLogger("ferryman.loop")
NOTES_MAX = 20
NOTE_AGAIN_SECONDS = 60.0
NOW_SECONDS = 0.005


@dataclass(frozen=True)
class Receipt:
    """Only an append hands this out, and only against it is anything converged."""

    generation: Generation


@dataclass
class Health:
    """How the loop itself fares. `trouble` is empty when all duties went through."""

    trouble: str = ""
    turned_at: float = 0.0
    lag_seconds: float = 0.0
    turns: int = 0


@dataclass
class ServiceLoop:
    """Carries one service. `lock` serialises turns and verbs."""

    name: str
    ports: Ports
    options: Options
    on_disk_full: Callable[[], bool]
    service: Service = field(init=False)
    instances: tuple[Instance, ...] = ()
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    orders: Orders | None = None
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self.service = Service(name=self.name)
        self.lock = asyncio.Lock()
        self.traffic = Traffic(self.ports.metrics.bounds_ms)
        self.feed = EvidenceFeed(self.ports.metrics.bounds_ms, self.ports.cpu_count)
        self.flags = FlagSide(self.ports.flags, self.ports.metrics.bounds_ms)
        self.sources = Sources(self.ports.metrics, self.flags, self.ports.sources)
        self.complaints = Complaints()
        self._lease: Lease | None = None
        self._loaded = False
        self._handed: Loaded | None = None
        self._told = ""
        self._at = ""
        self._question: tuple[object, ...] = ()
        self._wake = asyncio.Event()
        self._checks = self.ports.checker(self.wake)
        self._noted: dict[tuple[str, str], float] = {}

    @property
    def holds_lease(self) -> bool:
        """True while the right to write this service is, as far as is known here, ours."""
        return self._lease is not None

    @property
    def gone(self) -> bool:
        """True when no instance lives any more."""
        return not any(i.state in LIVE_STATES for i in self.instances)

    # ------------------------------------------------------------------ life
    def begin_with(self, loaded: Loaded) -> None:
        """Begin with what was read from the log already. Only for who keeps every other writer out, and before `run`."""
        self.service, self._handed = loaded.service, loaded

    async def run(self, starting: asyncio.Semaphore | None = None) -> None:
        """Turn until cancelled. No failure of an adapter or of the store ends it. The first turn waits for `starting`:
        of thousands of services that begin together the first are carried on at once, not all of them late."""
        due = self.ports.now()
        if starting is not None:
            async with starting:
                due = await self.guarded_turn()
        while True:
            await self.ports.precedence.turn()
            self.health.lag_seconds = max(0.0, self.ports.now() - due)
            self.ports.telemetry.began(self.health.lag_seconds)
            self._wake.clear()  # before the turn: what changes during it is looked at in the next one
            due = await self.guarded_turn()
            delay = max(NOW_SECONDS, due - self.ports.now())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    def wake(self) -> None:
        """Turn as soon as possible."""
        self._wake.set()

    async def close(self) -> None:
        """Stop running checks and give the lease back."""
        await self._checks.close()
        await self.sources.close()
        if self._lease is not None:
            with contextlib.suppress(FerrymanError):
                await self.ports.store.release(self._lease)

    async def guarded_turn(self) -> float:
        """One turn that no failure ends; returns when the next one is due (epoch seconds)."""
        try:
            async with self.lock:
                with self.ports.telemetry.duty(TURN, self.service):
                    due = await self.turn()
        except FerrymanError as problem:
            self._failed(problem)
            return self.ports.now() + self.options.retry_seconds
        except Exception as problem:
            # A defect in one duty must not end the watch over a running rollout.
            log.exception("%s: the turn failed", self.name, extra=self._ids)
            self.ports.telemetry.failed(self._at, problem)
            self.health.trouble = f"internal error: {problem!r}"
            return self.ports.now() + self.options.retry_seconds
        self._told = self.health.trouble = ""
        return due

    def _failed(self, problem: FerrymanError) -> None:
        self.ports.telemetry.failed(self._at, problem)
        if isinstance(problem, Conflict | Stale):
            self._loaded, self._lease = False, None
        # A controller that stands by fails like this every second, each time with other figures: it is told once.
        if self._told != problem.code:
            log.warning("%s: %s", self.name, problem.message, extra=self._ids)
        self._told, self.health.trouble = problem.code, problem.message

    # ------------------------------------------------------------------ the duties
    async def turn(self) -> float:
        """One pass through the duties; returns when the next one is due (epoch seconds)."""
        with self._duty("claim"):
            await self._claim()
        with self._duty("observe"):
            measurement = await self._observe(self.ports.now())
        with self._duty("decide"):
            now = self.ports.now()
            base = self._with(self._take_found(), now)
            decision = decide(base[1], self.seen(now, full=False), now)
            drafts = (*base[0], *decision.events)
        with self._duty("append"):
            receipt = await self._append(drafts, decision.service, now, measurement)
        with self._duty("converge"):
            changed = await self._converge(receipt, decision)
        self._start_checks(decision)
        self.health.turned_at, self.health.turns = now, self.health.turns + 1
        self.ports.telemetry.decided(len(drafts))
        return self._next(decision, now, moved=bool(drafts) or changed)

    @property
    def _ids(self) -> dict[str, str]:
        """What a line of the log is about."""
        rollout = self.service.current
        return {"service": self.name, "rollout": rollout.id if rollout is not None else ""}

    def _duty(self, name: str) -> AbstractContextManager[object]:
        self._at = name
        return self.ports.telemetry.duty(name, self.service)

    async def _claim(self) -> None:
        now = self.ports.now()
        lease = self._lease
        handed, self._handed = self._handed, None  # good for the first claim only: who is refused was overtaken
        if lease is None or lease.until - now < self.options.lease_seconds / 2:
            taken = await self._renewed(lease, now)
            if lease is None or taken.fence != lease.fence:
                self._loaded = False
            lease = self._lease = taken
        if not self._loaded:
            loaded = handed or await self.ports.store.load(self.name)
            self.feed.restore(loaded.judge_state)
            self.service, self._loaded = loaded.service, True
        await self.flags.fence(self.service, Generation(lease.fence, self.service.seq))

    async def _renewed(self, lease: Lease | None, now: float) -> Lease:
        """The lease, taken or renewed. On a full disk the old one must do: a lapsed lease that nobody took still
        writes, and what is written next may be the way back."""
        try:
            return await self.ports.store.claim(self.name, self.ports.owner, now, self.options.lease_seconds)
        except StoreError as problem:
            if lease is None or problem.code != "disk_full":
                raise
            return lease

    async def _observe(self, now: float) -> Measurement | None:
        self.instances = await self.ports.target.observe(self.name)
        self.routes = await self.ports.router.observe(self.name)
        self.flags.observe(self.service)
        rollout = self.service.current
        judged = self.feed.due(rollout, now)
        stale = now - self.traffic.sampled_at >= self.options.steady_seconds
        if (not judged and not stale) or self.service.down:
            return None
        sample = await self._sample(judged=judged)
        if rollout is None or not judged:
            return None
        before = None if self.feed.begun else self.traffic.history(rollout.stable or "")
        return self.feed.take(rollout, sample, self.instances, self.flags.routes(rollout, self.routes), before)

    async def _sample(self, *, judged: bool) -> Sample:
        try:
            counters, candidates = await self.sources.read(self.service)
        except AdapterError as problem:
            return Sample(at=self.ports.now(), counters={}, error=problem.message)
        at = self.ports.now()
        self.traffic.add(at, counters)
        lines = await self.ports.target.log_errors(self.name) if judged else {}
        self.complaints.take(self.service.current if judged else None, lines, counters)
        return Sample(at, counters, log_lines=lines, candidates=candidates)

    def seen(self, now: float, *, full: bool = True) -> Seen:
        """The last observation, as of `now`; what the judge's word stands on as in `EvidenceFeed.seen`."""
        rollout = self.service.current
        analysis, routes = self.feed.seen(rollout, full=full), self.flags.routes(rollout, self.routes)
        return Seen(at=now, instances=self.instances, routes=routes, analysis=analysis, flags=self.flags.seen)

    async def _append(
        self, drafts: tuple[Draft, ...], after: Service, now: float, measurement: Measurement | None = None
    ) -> Receipt:
        """Write what was decided, then hold it to be true. Nothing new: the receipt of what is written already."""
        assert self._lease is not None
        if drafts or measurement is not None:
            append = Append(
                lease=self._lease,
                expected_seq=self.service.seq,
                at=now,
                drafts=drafts,
                snapshot=after if drafts else None,
                measurements=(measurement,) if measurement else (),
                judge_state=self.feed.dump() if measurement else None,
            )
            # Until the log has said yes, what is held here counts for nothing: a write that failed may have been made.
            self._loaded = False
            await self._write(append)
            self._loaded, self.service = True, after
        return Receipt(Generation(self._lease.fence, self.service.seq))

    async def _write(self, append: Append) -> tuple[StoredEvent, ...]:
        try:
            return await self.ports.store.append(append)
        except StoreError as problem:
            # The reserve is for the way back; anything else can wait until there is space.
            back = any(isinstance(draft.body, BackOrdered) for draft in append.drafts)
            if problem.code != "disk_full" or not back or not self.on_disk_full():
                raise
            log.warning("%s: the disk is full; the reserve was given up for the way back", self.name)
            return await self.ports.store.append(append)

    async def _converge(self, receipt: Receipt, decision: Decision) -> bool:
        """Ask for the closest safe world; True when anything was begun."""
        rollout = self.service.current
        first = rollout.candidate if rollout is not None and not rollout.phase.terminal else None
        orders = self._admitted(decision.world, first)
        before, exposed = self.routes, self.flags.seen
        await self.flags.apply(orders, self.service, receipt.generation)
        if orders.routes is not None:
            self.routes = await self.ports.router.apply(orders.routes, receipt.generation)
        elif before.status is not RouteStatus.ABSENT:
            await self.ports.router.remove(self.name, receipt.generation)
            self.routes = await self.ports.router.observe(self.name)
        begun = await self.ports.target.apply(self.name, orders, self.service.revisions, receipt.generation)
        return bool(begun) or self.routes != before or self.flags.seen != exposed

    def _admitted(self, world: World, first: str | None) -> Orders:
        """The same question has the same answer, as long as no instance is on its way out: that is a matter of time."""
        question = world, self.instances, self.routes, first
        leaving = any(instance.state is InstanceState.DRAINING for instance in self.instances)
        if self.orders is None or leaving or question != self._question:
            seen = Seen(at=self.ports.now(), instances=self.instances, routes=self.routes)
            self.orders, self._question = admit(self.name, world, seen, first=first), question
        return self.orders

    def _next(self, decision: Decision, now: float, *, moved: bool) -> float:
        if moved:
            return now
        rollout = self.service.current
        if rollout is None or rollout.phase.terminal or self.service.down:
            settled = self.orders is None or not (self.orders.stop or self.orders.drain)
            return min(decision.due, now + (self.options.steady_seconds if settled else self.options.moving_seconds))
        pace = self.options.moving_seconds if rollout.reached_at is None else self.options.watching_seconds
        interval = min(rollout.release.analysis.interval_seconds, self.options.watching_seconds)
        return min(decision.due, now + min(pace, interval))

    # ------------------------------------------------------------------ facts and checks
    def _take_found(self) -> tuple[Draft, ...]:
        """What checks and adapters found since the last turn, as events to append."""
        found = [Draft(o.run.rollout, _finished(o)) for o in self._checks.take() if self._still_asked(o)]
        of_target, of_router = self.ports.target.facts(self.name), self.ports.router.facts(self.name)
        self.ports.telemetry.noted("target", len(of_target))
        self.ports.telemetry.noted("router", len(of_router))
        facts = [*of_target, *of_router][:NOTES_MAX]
        if self.service.seq:
            rollout = self.service.current.id if self.service.current and self.service.current.running else ""
            found += [Draft(rollout, Noted(*fact)) for fact in facts if self._is_news(fact[0], fact[1])]
        return tuple(found)

    def _is_news(self, topic: str, text: str) -> bool:
        """A trouble that lasts is noted once a minute, not at every turn."""
        now = self.ports.now()
        self._noted = {fact: at for fact, at in self._noted.items() if now - at < NOTE_AGAIN_SECONDS}
        if (topic, text) in self._noted:
            return False
        self._noted[topic, text] = now
        return True

    def _still_asked(self, outcome: Outcome) -> bool:
        rollout = self.service.current
        return (
            rollout is not None
            and rollout.running
            and rollout.id == outcome.run.rollout
            and rollout.checks.get(outcome.run.key) == "running"
        )

    def _with(self, drafts: tuple[Draft, ...], now: float) -> tuple[tuple[Draft, ...], Service]:
        state = self.service
        for draft in drafts:
            state = evolve(state, Event(self.name, state.seq + 1, draft.rollout, now, draft.actor, draft.body))
        return drafts, state

    def _start_checks(self, decision: Decision) -> None:
        rollout = self.service.current
        for key in decision.checks:
            gate = gate_of(rollout, key) if rollout is not None else None
            if rollout is not None and gate is not None:
                label = self.service.label(gate.revision)
                about = question(self.service, rollout, gate.check.name, self.feed.seen(rollout))
                self._checks.begin(
                    CheckRun(key, self.name, rollout.id, gate.check, gate.revision, label, self.instances, about)
                )

    # ------------------------------------------------------------------ verbs
    async def ask(self, answer: Callable[[Service, float], Answer]) -> Answer:
        """Let a person's verb take effect on the newest state: `answer(service, now)` may raise `Refused`."""
        async with self.lock:
            with self.ports.precedence.verb():
                said = await self._answered(answer)
        self.wake()
        return said

    async def _answered(self, answer: Callable[[Service, float], Answer]) -> Answer:
        for attempt in (1, 2):
            await self._claim()
            now = self.ports.now()
            said = answer(self.service, now)
            try:
                await self._append(said.drafts, self._with(said.drafts, now)[1], now)
                return said
            except Conflict:
                self._loaded, self._lease = False, None
                if attempt == 2:
                    raise
        raise AssertionError("the second attempt returns or raises")


def _finished(outcome: Outcome) -> CheckFinished:
    state = "passed" if outcome.passed else "failed"
    return CheckFinished(outcome.run.key, outcome.run.check.name, state, outcome.detail)
