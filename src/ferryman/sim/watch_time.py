"""Invariants 5, 10, 12 and 13 over the turns of controllers and the answers to people."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from ferryman.core.weights import needed
from ferryman.engine import loop as engine
from ferryman.engine.ports import Options
from ferryman.model.event import BackOrdered, Event, RolloutEnded, ServiceDown
from ferryman.model.rollout import Service, Track
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, Seen
from ferryman.model.world import Orders, World
from ferryman.sim.controller import Controller
from ferryman.sim.flagboard import NOBODY
from ferryman.sim.invariants import Findings
from ferryman.sim.ledger import Ledger
from ferryman.sim.watch_world import ready_counts
from ferryman.sim.world import World as Truth
from ferryman.targets.planning import Planned

TWICE_EVERY = 8
"""One turn in so many is decided a second time."""

GRACE_SECONDS = 3.0
DRAINING = InstanceState.DRAINING


@dataclass
class TimeWatch:
    """`quiet_since` (the world's time): when something was last disturbed from outside. `skew_seconds` is how far the
    clocks of controllers may lie apart."""

    world: Truth
    ledger: Ledger
    found: Findings
    options: Options
    quiet_since: float = 0.0
    skew_seconds: float = 0.0
    turned_at: float = 0.0
    abort_event: int | None = None
    aborted: str = ""
    _turns: int = 0
    _states: dict[int, str] = field(default_factory=dict[int, str])

    def disturbed(self) -> None:
        """Something went wrong from outside just now."""
        self.quiet_since = self.world.kernel.now

    def event(self, event: Event, after: Service) -> None:
        """An event became durable."""
        if isinstance(event.body, BackOrdered) and event.actor != "ferryman":
            self.abort_event, self.aborted = event.seq, event.rollout
        elif isinstance(event.body, RolloutEnded | ServiceDown):
            self.abort_event = None

    def turned(self, controller: Controller) -> None:
        """A turn ended."""
        loop = controller.loop
        if loop.health.trouble.startswith("internal error"):
            self._broken(0, f"{controller.owner}: {loop.health.trouble}")
            return
        if loop.health.trouble:
            return
        head = self.world.log.head
        if head is None or head.owner != controller.owner:
            return
        self.turned_at = self.world.kernel.now
        if loop.service.seq != head.seq:
            self._broken(5, f"{controller.owner} goes by event {loop.service.seq}, the log is at {head.seq}")
        if self.abort_event is not None and loop.service.seq >= self.abort_event:
            self._aborted(controller)
        self._turns += 1
        if self._turns % TWICE_EVERY == 0:
            self._twice(controller)

    def looked(self, controller: Controller) -> None:
        """A controller looks at the world, with what it read from the log in its head."""
        loaded, controller.eyes.loaded = controller.eyes.loaded, None
        if loaded is None:
            return
        loop = controller.loop
        if loop.service.seq == loaded.service.seq and loop.feed.dump() != loaded.judge_state:
            self._broken(0, f"{controller.owner} does not go on from where the judge was")

    def _twice(self, controller: Controller) -> None:
        """Deciding again with the same eyes moves nothing."""
        loop = controller.loop
        seen = loop.seen(loop.health.turned_at)
        first = engine.decide(loop.service, seen, seen.at)
        second = engine.decide(first.service, seen, seen.at)
        if second.events:
            kinds = [type(draft.body).__name__ for draft in second.events]
            self._broken(10, f"deciding twice moves twice: {', '.join(kinds)}")
        self._asked_again(first.world, seen)

    def _asked_again(self, world: World, seen: Seen) -> None:
        """When the orders are carried out and nothing else happens, the next ones ask for nothing more."""
        orders = engine.admit(self.world.name, world, seen)
        if orders.stop:
            return  # what ends makes room
        after = replace(seen, instances=obeyed(orders, seen))
        again = engine.admit(self.world.name, world, after)
        if more := sorted(again.drain):
            self._broken(10, f"converging twice drains more: {', '.join(more)}")
        counts = counted(after.instances)
        for revision, count in again.instances.items():
            if count > counts.get(revision, 0):
                self._broken(10, f"converging twice starts more of {revision}: {count} instead of {counts[revision]}")

    def left(self, planned: Planned) -> None:
        """The fleet has carried orders out; what the same ones would begin once more."""
        if planned.drain or planned.stop or planned.start:
            more = ", ".join((*planned.drain, *planned.stop, *planned.start))
            self._broken(10, f"carrying out the same orders twice begins more: {more}")

    def _aborted(self, controller: Controller) -> None:
        """A person's abort was acted on by this turn."""
        self.abort_event = None
        rollout, loop = controller.loop.service.current, controller.loop
        if rollout is None or rollout.phase.terminal or rollout.id != self.aborted:
            return
        if rollout.track is not Track.BACK:
            self._broken(13, f"{rollout.id} was aborted and is {rollout.phase.value} after a turn")
            return
        world, orders = rollout.plan.back[0].world, loop.orders
        if world.flags and self.world.flags.share != NOBODY:
            self._broken(13, f"{rollout.id} was aborted, and {self.world.flags.share} is served after a turn")
        stable, table = rollout.stable, orders.routes if orders is not None else None
        if stable is None or table is None or world.follow_ready or rollout.candidate == stable:
            return
        ready = ready_counts(controller.eyes.instances).get(stable, 0)
        asked = table.weights.get(rollout.candidate, 0.0)
        if asked > 0 and ready >= needed(100.0, world.bounds):
            self._broken(13, f"{rollout.id} was aborted, {stable} could take all, and {asked:g}% were asked for")

    def answered(self, service: Service, rollout: str | None) -> None:
        """An abort was accepted: the way back has begun, or there is none to go."""
        current = service.current
        if (
            current is not None
            and current.id == rollout
            and not current.phase.terminal
            and current.track is not Track.BACK
        ):
            self._broken(13, f"{rollout} was aborted and is {current.phase.value}")

    def refused(self, phase: str, code: str) -> None:
        """An abort was refused in this phase."""
        if phase not in ("", "finishing", "promoted", "rolled_back", "superseded", "failed"):
            self._broken(13, f"an abort was refused in {phase}: {code}")

    def pulse(self) -> None:
        """Called now and then while a controller is able to work: has one?"""
        since = max(self.turned_at, self.quiet_since)
        limit = self.options.lease_seconds + self.options.steady_seconds + GRACE_SECONDS + 2 * self.skew_seconds
        if self.world.kernel.now - since > limit and self.world.log.head is not None:
            idle = self.world.kernel.now - since
            self._broken(12, f"nobody has carried the service for {idle:.1f} s, with controllers alive and well")

    def _broken(self, number: int, text: str) -> None:
        self.found.broken(number, text, self.world.elapsed)


def obeyed(orders: Orders, seen: Seen) -> tuple[Instance, ...]:
    """The instances just after orders were carried out."""
    found = [replace(one, state=DRAINING, since=seen.at) if one.id in orders.drain else one for one in seen.instances]
    there = counted(tuple(found))
    for revision, count in orders.instances.items():
        names = [f"{revision} to come {number}" for number in range(count - there.get(revision, 0))]
        found += [Instance(name, revision, InstanceState.STARTING, seen.at, seen.at) for name in names]
    return tuple(found)


def counted(instances: tuple[Instance, ...]) -> dict[str, int]:
    """Live instances per revision that do not leave."""
    found: dict[str, int] = {}
    for one in instances:
        if one.state in LIVE_STATES and one.state is not DRAINING:
            found[one.revision] = found.get(one.revision, 0) + 1
    return found
