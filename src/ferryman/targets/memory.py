"""Instances that exist in memory only, on a clock that the caller moves: for tests and for simulation.

Same contract as a real target, same planning and back-off; what a real one leaves to chance is told by `Behaviour`.
Nothing here waits, reads a clock or draws a number, so a run is repeated exactly.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping

import msgspec

from ferryman.model.errors import AdapterError, Stale
from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState
from ferryman.model.world import Orders
from ferryman.targets.backoff import CrashLoop
from ferryman.targets.base import Action, DrainInstance, StartInstance, StopInstance
from ferryman.targets.planning import plan_actions

FACTS_MAX = 200
ENDED_SHOWN_SECONDS = 600.0
ENDED_SHOWN = 20
FIRST_PORT = 20000
PORTS = 10_000


class Behaviour(msgspec.Struct, frozen=True):
    """What instances of a revision do. Seconds count from the start of each; None means never.

    `ready_seconds` until it takes traffic. `fails_to_start`: it never runs, for this reason. `crash_seconds`: it ends
    unasked. `stop_seconds`: how long its end takes once asked; more than the revision allows is cut by force.
    `connections` are open at any time while it lives, and while it drains for `drain_seconds`.
    """

    ready_seconds: float | None = 0.0
    fails_to_start: str = ""
    crash_seconds: float | None = None
    crash_reason: str = "exited with status 1"
    stop_seconds: float = 0.0
    connections: int = 0
    drain_seconds: float = 0.0


class _Kept(msgspec.Struct):
    service: str
    id: str
    revision: str
    behaviour: Behaviour
    port: int | None
    started_at: float
    stop_limit_seconds: float
    unready: bool = False
    drained_at: float | None = None
    gone_at: float | None = None
    ended_at: float | None = None
    failed: bool = False
    reason: str = ""
    changed_at: float = 0.0
    log: str = ""

    def ready_at(self) -> float | None:
        wait = self.behaviour.ready_seconds
        return None if wait is None else self.started_at + wait

    def crash_at(self) -> float | None:
        wait = self.behaviour.crash_seconds
        return None if wait is None else self.started_at + wait


class MemoryTarget:
    """A `Target` without processes. `clock` gives epoch seconds and may be moved freely, forward only.

    What time brings about is worked out whenever somebody looks (`observe`, `apply`, `advance`); `due()` tells when the
    next such change is, so that a simulation can go straight there.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._instances: dict[str, _Kept] = {}
        self._behaviours: dict[str, Behaviour] = {}
        self._generations: dict[str, Generation] = {}
        self._crash_loops: dict[tuple[str, str], CrashLoop] = {}
        self._facts: defaultdict[str, list[tuple[str, str, dict[str, object]]]] = defaultdict(list)
        self._callbacks: list[Callable[[str], None]] = []
        self._wake_at: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._failure: AdapterError | None = None

    # -- what a test or a simulation does -----------------------------------------------------------------------

    def behave(self, revision: str, behaviour: Behaviour) -> None:
        """From now on new instances of this revision do so; those that exist go on as they were."""
        self._behaviours[revision] = behaviour

    def crash(self, instance: str, reason: str = "ended by SIGKILL") -> None:
        """End an instance unasked, now. Raises KeyError for an unknown one; one that has ended stays as it is."""
        kept = self._instances[instance]
        if kept.ended_at is None:
            self._end(kept, self._clock(), failed=True, reason=reason)

    def set_unready(self, instance: str, *, unready: bool) -> None:
        """Let an instance fail its health check, or recover."""
        kept = self._instances[instance]
        if kept.unready != unready:
            kept.unready, kept.changed_at = unready, self._clock()
            self._changed(kept.service)

    def fail_with(self, error: AdapterError | None) -> None:
        """Let every `apply` and `observe` raise this, until called with None. Instances live on meanwhile."""
        self._failure = error

    def due(self) -> float | None:
        """The next epoch second at which something changes by itself; None if nothing will."""
        times = [at for kept in self._instances.values() for at in self._changes(kept)]
        times.extend(self._wake_at.values())
        return min(times, default=None)

    def advance(self) -> None:
        """Bring about what the clock has passed, in its order, and wake whom it concerns."""
        now = self._clock()
        while True:
            passed = [(at, kept.id) for kept in self._instances.values() for at in self._changes(kept) if at <= now]
            if not passed:
                break
            at, instance = min(passed)
            self._step(self._instances[instance], at)
        for service in [service for service, at in self._wake_at.items() if at <= now]:
            del self._wake_at[service]
            self._changed(service)

    # -- the port -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self.advance()

    async def apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        self._raise_failure()
        self.advance()
        last = self._generations.get(service)
        if last is not None and generation < last:
            raise Stale("stale_generation", f"generation {generation} of service {service} is older than {last}")
        self._generations[service] = generation
        now = self._clock()
        mine = [kept for kept in self._instances.values() if kept.service == service]
        planned = plan_actions(
            instances=[self._seen(kept) for kept in mine],
            stopping={kept.id for kept in mine if kept.gone_at is not None},
            orders=orders,
            known_revisions=revisions.keys(),
            not_before=lambda revision: self._not_before(service, revision, now),
            now=now,
        )
        if planned.wake_at is not None:
            self._wake_at[service] = planned.wake_at
        for instance in planned.drain:
            self._instances[instance].drained_at = now
        for instance in planned.stop:
            kept = self._instances[instance]
            kept.drained_at = now if kept.drained_at is None else kept.drained_at
            kept.gone_at = now + min(kept.behaviour.stop_seconds, kept.stop_limit_seconds)
        for revision in planned.start:
            self._launch(service, revisions[revision], now)
        actions = (
            *(DrainInstance(instance) for instance in planned.drain),
            *(StopInstance(instance) for instance in planned.stop),
            *(StartInstance(revision) for revision in planned.start),
        )
        if actions:
            self._changed(service)
        self.advance()
        return actions

    async def observe(self, service: str) -> tuple[Instance, ...]:
        self._raise_failure()
        self.advance()
        self._forget(service)
        return tuple(self._seen(kept) for kept in self._instances.values() if kept.service == service)

    async def logs(self, instance: str, lines: int) -> str:
        kept = self._instances.get(instance)
        return "" if kept is None or lines <= 0 else "".join(kept.log.splitlines(keepends=True)[-lines:])

    async def log_errors(self, service: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for kept in self._instances.values():
            if kept.service == service:
                wrong = sum("error" in line.lower() for line in kept.log.splitlines())
                found[kept.revision] = found.get(kept.revision, 0) + wrong
        return found

    def on_change(self, callback: Callable[[str], None]) -> None:
        self._callbacks.append(callback)

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        return self._facts.pop(service, [])

    async def close(self) -> None:
        self._callbacks.clear()

    # -- what happens -------------------------------------------------------------------------------------------

    def _launch(self, service: str, revision: Revision, now: float) -> None:
        number = next(self._numbers)
        kept = _Kept(
            service=service,
            id=f"{revision.label or revision.id}-{number:04x}",
            revision=revision.id,
            behaviour=self._behaviours.get(revision.id, Behaviour()),
            port=FIRST_PORT + number % PORTS if revision.traffic else None,
            started_at=now,
            stop_limit_seconds=revision.run.stop_seconds,
            changed_at=now,
        )
        kept.log = f"hello from {kept.id}\n"
        self._instances[kept.id] = kept
        if kept.behaviour.fails_to_start:
            self._end(kept, now, failed=True, reason=kept.behaviour.fails_to_start)

    def _changes(self, kept: _Kept) -> list[float]:
        """When it changes by itself next; only times that still matter."""
        if kept.ended_at is not None:
            return []
        if kept.gone_at is not None:
            return [kept.gone_at]
        times = [kept.crash_at()]
        if kept.drained_at is None and kept.changed_at < (kept.ready_at() or 0.0):
            times.append(kept.ready_at())
        if kept.drained_at is not None and kept.changed_at < kept.drained_at + kept.behaviour.drain_seconds:
            times.append(kept.drained_at + kept.behaviour.drain_seconds)
        return [at for at in times if at is not None]

    def _step(self, kept: _Kept, at: float) -> None:
        if kept.gone_at is not None:
            forced = kept.behaviour.stop_seconds > kept.stop_limit_seconds
            if forced:
                text = f"instance {kept.id} was still there {kept.stop_limit_seconds:g} s after it was asked to stop"
                self._fact(kept.service, "killed", text, {"instance": kept.id})
            self._end(kept, at, failed=False, reason="killed" if forced else "stopped")
        elif at == kept.crash_at():
            self._end(kept, at, failed=True, reason=kept.behaviour.crash_reason)
        else:
            kept.changed_at = at
            self._changed(kept.service)

    def _end(self, kept: _Kept, at: float, *, failed: bool, reason: str) -> None:
        ready_at = kept.ready_at()
        kept.ended_at, kept.failed, kept.reason = at, failed, reason
        if failed:
            self._crash_loops.setdefault((kept.service, kept.revision), CrashLoop()).failed(
                started_at=kept.started_at,
                ended_at=at,
                ready_seconds=0.0 if ready_at is None else max(0.0, at - ready_at),
            )
            detail: dict[str, object] = {"instance": kept.id, "revision": kept.revision, "reason": reason}
            self._fact(kept.service, "instance_failed", f"instance {kept.id}: {reason}", detail)
        self._changed(kept.service)

    def _seen(self, kept: _Kept) -> Instance:
        state, since = self._state(kept)
        live = state in LIVE_STATES
        leaving_ends = None if kept.drained_at is None else kept.drained_at + kept.behaviour.drain_seconds
        busy = live and (leaving_ends is None or self._clock() < leaving_ends)
        return Instance(
            id=kept.id,
            revision=kept.revision,
            state=state,
            started_at=kept.started_at,
            since=since,
            port=kept.port,
            connections=None if not live or kept.port is None else kept.behaviour.connections * busy,
            reason=kept.reason,
        )

    def _state(self, kept: _Kept) -> tuple[InstanceState, float]:
        ready_at = kept.ready_at()
        if kept.ended_at is not None:
            return (InstanceState.FAILED if kept.failed else InstanceState.GONE), kept.ended_at
        if kept.drained_at is not None:
            return InstanceState.DRAINING, kept.drained_at
        if ready_at is None or self._clock() < ready_at:
            return InstanceState.STARTING, kept.started_at
        return (InstanceState.UNREADY if kept.unready else InstanceState.READY), max(ready_at, kept.changed_at)

    def _not_before(self, service: str, revision: str, now: float) -> float:
        loop = self._crash_loops.get((service, revision))
        return now if loop is None else loop.not_before(now)

    def _forget(self, service: str) -> None:
        ended = [kept for kept in self._instances.values() if kept.service == service and kept.ended_at is not None]
        ended.sort(key=lambda kept: kept.ended_at or 0.0, reverse=True)
        oldest = self._clock() - ENDED_SHOWN_SECONDS
        for place, kept in enumerate(ended):
            if place >= ENDED_SHOWN or (kept.ended_at or 0.0) < oldest:
                del self._instances[kept.id]

    def _fact(self, service: str, topic: str, text: str, detail: dict[str, object]) -> None:
        self._facts[service].append((topic, text, detail))
        del self._facts[service][:-FACTS_MAX]

    def _changed(self, service: str) -> None:
        for callback in self._callbacks:
            callback(service)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
