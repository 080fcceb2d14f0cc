"""The one safety gate: the closest thing to a wanted world that is safe to ask for now.

Everything passes here: promotion, abort, undo, supersede, every operator verb. What it promises:

- no weight on a revision whose ready capacity is below its share; weights sum to 100;
- ready instances never below the minimum, live ones never above the maximum, as far as Ferryman's own moves go;
- nothing is stopped while it is still routed or has connections that may yet end;
- the limited revision is never exposed more than asked, or than it already is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman.core.weights import WEIGHT_STEP_PERCENT, Shares, needed, share_out, shares_of
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, RoutesSeen, RouteStatus, Seen
from ferryman.model.world import Bounds, Endpoint, Orders, RouteTable, World

_READY = InstanceState.READY
_DRAINING = InstanceState.DRAINING
# Who leaves first: what serves nobody, then what served least long.
_LEAVING_ORDER = {InstanceState.UNREADY: 0, InstanceState.STARTING: 1, InstanceState.READY: 2}


def admit(service: str, world: World, seen: Seen, *, first: str | None = None) -> Orders:
    """Orders for `service`. `first` names the revision that grows (its users are picked first and stay picked)."""
    crew = _Crew(world, seen)
    weights = _weights(world, seen, crew)
    drain = crew.choose_leaving(weights)
    instances = crew.counts(drain)
    if world.follow_ready:
        weights = _weights(world, seen, crew.without(drain))
    routes = _routes(service, world, weights, crew.without(drain), first or world.limited)
    stop = frozenset(i.id for i in seen.instances if i.state is _DRAINING and _may_stop(i, world.bounds, seen))
    return Orders(
        instances=instances,
        drain=drain,
        stop=stop,
        routes=routes,
        min_available=world.bounds.min_available,
        max_total=world.bounds.max_total,
        flags=world.flags,
    )


@dataclass
class _Crew:
    """The live instances, and what may begin or leave among them."""

    world: World
    seen: Seen
    gone: frozenset[str] = frozenset()
    serving: dict[str, list[Instance]] = field(default_factory=dict[str, list[Instance]])
    live: int = 0

    def __post_init__(self) -> None:
        for instance in self.seen.instances:
            if instance.state not in LIVE_STATES:
                continue
            self.live += 1
            if instance.state is not _DRAINING and instance.id not in self.gone:
                self.serving.setdefault(instance.revision, []).append(instance)

    def without(self, gone: frozenset[str]) -> _Crew:
        """The same, with these already leaving."""
        return _Crew(self.world, self.seen, gone) if gone else self

    def of(self, revision: str) -> list[Instance]:
        """Live instances that are not leaving."""
        return self.serving.get(revision, [])

    def ready(self, revision: str) -> int:
        """How many can take traffic."""
        return sum(i.state is _READY for i in self.of(revision))

    def outdated(self, instance: Instance) -> bool:
        """True for an instance that a restart wants replaced. While the clock says that the restart is yet to come (it
        was set back), nothing new could count as new enough: then nothing is replaced."""
        return instance.started_at < self.world.fresh_since <= self.seen.at

    def wanted(self, revision: str) -> int:
        """Instances the world asks for."""
        if revision in self.world.keep:
            return len(self.of(revision))
        return self.world.instances.get(revision, 0)

    def counts(self, drain: frozenset[str]) -> dict[str, int]:
        """Not-leaving instances to have of each revision: what is there, less those told to leave, plus what may start."""
        room = max(0, self.world.bounds.max_total - self.live)
        found: dict[str, int] = {}
        weight = self.world.weights
        for revision in sorted({*self.world.instances, *self.serving}, key=lambda r: (-weight.get(r, 0.0), r)):
            staying = [i for i in self.of(revision) if i.id not in drain]
            fresh = sum(not self.outdated(i) for i in staying)
            missing = max(0, self.wanted(revision) - fresh)
            begun = 0 if revision in self.world.keep else min(missing, room)
            room -= begun
            found[revision] = len(staying) + begun
        return {revision: count for revision, count in found.items() if count or revision in self.world.instances}

    def choose_leaving(self, asked: dict[str, float]) -> frozenset[str]:
        """The instances that may leave now without breaking a promise; first of what serves nobody."""
        leaving: set[str] = set()
        ready = {r: self.ready(r) for r in self.serving}
        served = self.seen.routes.weights
        for revision in sorted(self.serving, key=lambda r: (served.get(r, 0.0) > 0 or self.wanted(r) > 0, r)):
            for instance in self._surplus(revision):
                if instance.state is _READY:
                    left = {**ready, revision: ready[revision] - 1}
                    few = sum(left.values()) < self.world.bounds.min_available
                    if few or not self._carried(revision, ready, left, asked):
                        continue
                    ready = left
                leaving.add(instance.id)
        return frozenset(leaving)

    def _surplus(self, revision: str) -> list[Instance]:
        """Instances beyond what is wanted, those to leave first in front."""
        if revision in self.world.keep:
            return []
        present = self.of(revision)
        wanted = self.wanted(revision)
        order = sorted(
            present,
            key=lambda i: (not self.outdated(i) if wanted else False, _LEAVING_ORDER[i.state], -i.started_at, i.id),
        )
        excess = len(present) - wanted
        old = sum(self.outdated(i) for i in present)
        if wanted and old:
            # While a restart goes on an old one may leave for each new one that is ready, and where nothing could start
            # else; so may new ones beyond the wish.
            fresh_ready = sum(i.state is _READY and not self.outdated(i) for i in present)
            may_leave = max(old - max(0, wanted - fresh_ready), self._crowd(revision, wanted - len(present) + old))
            leaving = [i for i in order if self.outdated(i)][: max(0, may_leave)]
            return leaving + [i for i in order if not self.outdated(i)][: max(0, len(present) - old - wanted)]
        return order[: max(0, excess)]

    def _crowd(self, revision: str, missing: int) -> int:
        """How many have to leave before one of the `missing` new instances has room to start; 0 while some may start."""
        counts = self.counts(frozenset())
        begun = {r: n - len(self.of(r)) for r, n in counts.items()}
        if missing <= begun.get(revision, 0):
            return 0
        staying = sum(len(group) for group in self.serving.values())
        return max(0, staying + sum(begun.values()) - self.world.bounds.max_total + 1)

    def _carried(self, revision: str, ready: dict[str, int], left: dict[str, int], asked: dict[str, float]) -> bool:
        """True when the ready instances that are `left` still carry what is routed, now and by the new weights."""
        if self.world.listener is None:
            return True
        if self.world.follow_ready:
            return self.world.bounds.min_available == 0 or self._borne(ready, left)
        if self.world.bounds.min_available == 0:
            # Downtime was accepted, and what leaves is to be replaced: nothing else could make room.
            all_leave = not any(w > 0 and self.wanted(r) for r, w in asked.items())
            if asked.get(revision, 0.0) > 0 or all_leave:
                return True
        weight = max(self.seen.routes.weights.get(revision, 0.0), asked.get(revision, 0.0))
        # Weights are served in tenths: what rounding added asks for no further instance.
        exact = max(WEIGHT_STEP_PERCENT / 2, weight - WEIGHT_STEP_PERCENT)
        return weight <= 0 or left[revision] >= needed(exact, self.world.bounds)

    def _borne(self, ready: dict[str, int], left: dict[str, int]) -> bool:
        """Users follow the ready instances: no instance comes to carry more than it may, or than one does already. What
        is ready and serves nobody helps nobody."""
        before, after = (_shares(self.world, self.seen, counts) for counts in (ready, left))
        load = after.load(share_out(after, follow_ready=True, atomic=False))
        return load <= max(
            after.bearable + WEIGHT_STEP_PERCENT, before.load(share_out(before, follow_ready=True, atomic=False))
        )


def _weights(world: World, seen: Seen, crew: _Crew) -> dict[str, float]:
    if world.listener is None or not world.weights:
        return {}
    shares = _shares(world, seen, {r: crew.ready(r) for r in crew.serving})
    return share_out(shares, follow_ready=world.follow_ready, atomic=world.atomic)


def _shares(world: World, seen: Seen, ready: dict[str, int]) -> Shares:
    """The question to `share_out`: revisions of the world and those that serve now, with so many ready instances."""
    return shares_of(
        world, seen, {r: ready.get(r, 0) for r in {*world.instances, *world.weights, *seen.routes.weights}}
    )


def _routes(service: str, world: World, weights: dict[str, float], crew: _Crew, first: str | None) -> RouteTable | None:
    if world.listener is None:
        return None
    known = frozenset[str]().union(*crew.seen.routes.endpoints.values())
    endpoints = {
        r: found for r in sorted({*world.instances, *weights, *world.keep}) if (found := _endpoints(crew.of(r), known))
    }
    kept = {r: w for r, w in weights.items() if r in endpoints and w > 0}
    return RouteTable(
        service=service,
        listener=world.listener,
        weights=kept if abs(sum(kept.values()) - 100.0) < 1e-6 else {},
        endpoints=endpoints,
        matches=tuple(m for m in world.matches if crew.ready(m.revision)),
        preview=world.preview if world.preview in endpoints else None,
        sticky_id=world.listener.sticky_id,
        first=first,
    )


def _endpoints(instances: list[Instance], known: frozenset[str]) -> tuple[Endpoint, ...]:
    """The ready ones. When none is, those that were: a probe that fails everywhere says more about the probe. Else
    those that the data plane has already and of which nothing is known yet."""
    by_state = {state: [i for i in instances if i.state is state] for state in _LEAVING_ORDER}
    chosen = (
        by_state[_READY]
        or by_state[InstanceState.UNREADY]
        or [i for i in by_state[InstanceState.STARTING] if i.id in known]
    )
    return tuple(sorted(Endpoint(i.id, i.host, i.port) for i in chosen if i.port is not None))


def _may_stop(instance: Instance, bounds: Bounds, seen: Seen) -> bool:
    if not unrouted(instance, seen.routes):
        return False
    idle = instance.connections is not None and instance.connections == 0
    return idle or instance.port is None or seen.at - instance.since >= bounds.drain_timeout_seconds


def unrouted(instance: Instance, routes: RoutesSeen) -> bool:
    """True when the data plane is known to send nothing to the instance."""
    if routes.status is RouteStatus.ABSENT:
        return True
    if routes.status is RouteStatus.UNREACHABLE:
        return False
    return all(instance.id not in ids for ids in routes.endpoints.values())
