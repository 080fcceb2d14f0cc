"""Invariants 1 to 4 and 6 over what is done to instances and routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.model.generation import Generation
from ferryman.model.seen import Instance, InstanceState, RouteStatus
from ferryman.model.world import Orders, RouteTable
from ferryman.sim.fleet import Body, Write
from ferryman.sim.invariants import Findings
from ferryman.sim.ledger import Ledger, Line
from ferryman.sim.world import World

READY, DRAINING = InstanceState.READY, InstanceState.DRAINING
SLACK = 1e-6
TENTH = 0.1 + SLACK


@dataclass
class WorldWatch:
    """Looks at every change of the fleet and of the data plane. `skew_seconds` is how far any clock may be off."""

    world: World
    ledger: Ledger
    found: Findings
    skew_seconds: float = 0.0
    _routed: tuple[Generation, int] | None = None
    _ordered: tuple[Generation, int] | None = None

    def attach(self) -> None:
        """Be told from now on."""
        fleet, plane, served = self.world.fleet, self.world.plane, self.world.plane.on_serve
        fleet.watch.moved = self.moved
        fleet.watch.ordered = self.ordered

        def serve(table: RouteTable | None, write: Write) -> None:
            self.serving(table, write)
            served(table, write)

        plane.on_serve = serve
        plane.on_write = self.routing

    # ---- instances
    def ordered(self, orders: Orders, write: Write) -> None:
        """The fleet took orders."""
        self._ordered = self._newer("the fleet", write, self._ordered)
        self._recorded(write)

    def moved(self, body: Body, before: InstanceState | None, write: Write | None) -> None:
        """An instance began, changed or ended."""
        if write is None:
            if before is READY:
                self.ledger.lost.setdefault(body.revision, []).append(self.world.kernel.now)
            return
        line = self.ledger.line(write.generation.rev)
        if line is None:
            return
        if before is None:
            live = sum(one.live for one in self.world.fleet.bodies.values())
            if live > line.most:
                self._broken(3, f"{live} instances live, at most {line.most} may ({body.id} was started)")
        elif body.stopping:
            self._stopped(body, before, line)
        elif before is READY:
            self._drained(body, write, line)

    def _drained(self, body: Body, write: Write, line: Line) -> None:
        if all(one.id != body.id or one.state is not READY for one in write.instances):
            return  # it recovered after it was seen
        left = self._ready()
        lost = self.ledger.lost_since(write.observed_at)
        if left + lost < line.least:
            self._broken(3, f"{left} ready instances are left, at least {line.least} must be ({body.id} was drained)")
        weight = self.world.plane.seen.weights.get(body.revision, 0.0)
        floor = line.world.bounds.capacity_floor
        if weight <= 0 or line.least == 0 or line.world.follow_ready or line.world.listener is None:
            return
        own = self._ready(body.revision) + self.ledger.lost_since(write.observed_at, body.revision)
        if own < max(1.0, (weight - TENTH) / 100.0 * line.least * floor) - SLACK:
            self._broken(4, f"{own} ready instances of {body.revision} carry {weight:g}% ({body.id} was drained)")

    def _stopped(self, body: Body, before: InstanceState, line: Line) -> None:
        if before is not DRAINING:
            self._broken(0, f"{body.id} was stopped without having been drained")
            return
        table = self.world.plane.table
        spots = [] if table is None else [spot.instance for ends in table.endpoints.values() for spot in ends]
        if body.id in spots:
            self._broken(0, f"{body.id} was stopped while it was routed")
        waited = self.world.kernel.now - body.since
        # How far clocks lie apart shortens it.
        least = line.world.bounds.drain_timeout_seconds - SLACK - 2 * self.skew_seconds
        if body.connections and waited < least and not line.service.down:
            self._broken(0, f"{body.id} was stopped {waited:.1f} s after its drain began, with users on it")

    def _ready(self, revision: str | None = None) -> int:
        bodies = self.world.fleet.bodies.values()
        return sum(one.state is READY and revision in (None, one.revision) for one in bodies)

    # ---- routes
    def routing(self, table: RouteTable | None, write: Write) -> None:
        """The data plane took a table (None: the service is to be forgotten)."""
        self._routed = self._newer("the data plane", write, self._routed)
        self._recorded(write)

    def serving(self, table: RouteTable | None, write: Write) -> None:
        """What is served changes now."""
        line = self.ledger.line(write.generation.rev)
        if table is None or line is None:
            return
        weights = table.weights
        if not weights and self._could_serve(write, line):
            self._broken(4, "nobody is routed, and there are ready instances that were")
        if weights and abs(sum(weights.values()) - 100.0) > SLACK:
            self._broken(4, f"weights {dict(weights)} do not sum to 100")
        if any(percent < 0 or abs(percent * 10 - round(percent * 10)) > SLACK for percent in weights.values()):
            self._broken(4, f"weights {dict(weights)} are no tenths of a percent")
        self._exposed(weights, write, line)
        self._carried(table, write, line)

    def _could_serve(self, write: Write, line: Line) -> bool:
        """Whether users were served, and whoever stops that sees ready instances that all of them may be sent to."""
        ready, limited = ready_counts(write.instances), line.world.limited
        open_to_all = [r for r, w in line.world.weights.items() if w > 0 and (r != limited or w >= 100.0)]
        if not line.least:
            return False  # downtime was accepted
        return bool(self.world.plane.seen.weights) and any(ready.get(revision) for revision in open_to_all)

    def _exposed(self, weights: Mapping[str, float], write: Write, line: Line) -> None:
        served, seen = self.world.plane.seen.weights, write.routes.weights
        rollout = line.rollout
        for revision, percent in weights.items():
            # The candidate is never the one that is rounded up. What an earlier rollout left behind takes no more
            # than the log had allowed it then.
            limit = max(served.get(revision, 0.0), seen.get(revision, 0.0))
            slack = TENTH if rollout is not None and revision != rollout.candidate else SLACK
            if rollout is None:
                limit = max(limit, line.world.weights.get(revision, 0.0), self.ledger.recorded.get(revision, 0.0))
            elif revision == rollout.stable:
                limit = 100.0
            elif revision == rollout.candidate:
                limit = max(limit, rollout.exposure_percent)
            else:
                limit = max(limit, self.ledger.recorded.get(revision, 0.0))
            if percent > limit + slack:
                self._broken(1, f"{revision} is exposed to {percent:g}%, the log allows {limit:g}%")
        head = self.ledger.states[max(self.ledger.states)].current
        if head is not None and head.phase.value == "rolled_back" and head.candidate != head.stable:
            after, before = weights.get(head.candidate, 0.0), served.get(head.candidate, 0.0)
            if after > before + SLACK:
                self._broken(2, f"{head.candidate} was rolled back and is exposed to {after:g}% again")

    def _carried(self, table: RouteTable, write: Write, line: Line) -> None:
        """No weight on a revision that cannot carry it, as far as its writer could know."""
        ready = ready_counts(write.instances)
        capacity = line.least * line.world.bounds.capacity_floor
        rollout = line.rollout
        known = write.routes.weights if write.routes.status is not RouteStatus.ABSENT else {}
        room = 0.0
        for revision in {*table.weights, *line.world.weights, *known}:
            most = 100.0
            if rollout is not None and revision == line.world.limited:
                most = max(line.world.weights.get(revision, 0.0), known.get(revision, 0.0))
            room += min(most, _load(ready.get(revision, 0), capacity))
        for revision, percent in table.weights.items():
            if percent > 0 and not table.endpoints.get(revision):
                self._broken(4, f"{revision} is given {percent:g}% and has no endpoint")
            # A share fits before it is rounded to a tenth.
            over = percent > _load(ready.get(revision, 0), capacity) + TENTH
            if over and room >= 100.0 and percent > known.get(revision, 0.0) + SLACK:
                found = ready.get(revision, 0)
                self._broken(4, f"{revision} is given {percent:g}% with {found} ready instances of {line.least}")

    # ---- both
    def _newer(self, who: str, write: Write, last: tuple[Generation, int] | None) -> tuple[Generation, int]:
        """A write may only follow older ones, also within a generation."""
        if last is not None and (write.generation, write.number) <= last:
            self._broken(6, f"{who} took {write.generation} (write {write.number}) after {last[0]} (write {last[1]})")
        return write.generation, write.number

    def _recorded(self, write: Write) -> None:
        if write.generation.rev not in self.ledger.states and write.generation.rev:
            self._broken(1, f"something was done in the name of event {write.generation.rev}, which is not in the log")

    def _broken(self, number: int, text: str) -> None:
        self.found.broken(number, text, self.world.elapsed)


def ready_counts(instances: tuple[Instance, ...]) -> dict[str, int]:
    """Ready instances per revision."""
    found: dict[str, int] = {}
    for instance in instances:
        if instance.state is READY:
            found[instance.revision] = found.get(instance.revision, 0) + 1
    return found


def _load(ready: int, capacity: float) -> float:
    """The largest share that so many ready instances may carry, percent."""
    if ready < 1:
        return 0.0
    return 100.0 if capacity <= 0 else min(100.0, 100.0 * ready / capacity + 1e-6)
