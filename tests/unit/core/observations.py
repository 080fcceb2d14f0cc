"""Random worlds and random observations, and a little production that obeys orders with delays."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st
from msgspec.structs import replace

from ferryman.core.admit import admit
from ferryman.model.seen import LIVE_STATES, Instance, InstanceState, RoutesSeen, RouteStatus, Seen
from ferryman.model.world import Bounds, Listener, Orders, World

REVISIONS = ("candidate", "older", "stable")
LISTENER = Listener(port=8080)
NOW = 10_000.0
STARTING, READY, UNREADY = InstanceState.STARTING, InstanceState.READY, InstanceState.UNREADY
DRAINING, FAILED = InstanceState.DRAINING, InstanceState.FAILED


@st.composite
def shares(draw: st.DrawFn, among: tuple[str, ...]) -> dict[str, float]:
    """Percent per revision, whole tenths, in all 100; or nothing."""
    if not among or draw(st.integers(0, 9)) == 0:
        return {}
    cuts = sorted(draw(st.lists(st.integers(0, 1000), min_size=len(among) - 1, max_size=len(among) - 1)))
    edges = [0, *cuts, 1000]
    return {r: (b - a) / 10 for r, a, b in zip(among, edges[:-1], edges[1:], strict=True)}


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    roomy: bool = False,
    limited: bool = False,
    follow: bool | None = None,
    atomic: bool | None = None,
) -> World:
    """What somebody may want. `roomy`: all of it can be reached from anywhere, sooner or later. The rest fix a part."""
    counts = {r: draw(st.integers(0, 5)) for r in REVISIONS if draw(st.booleans())}
    there = tuple(r for r, n in counts.items() if n)
    weights = draw(shares(there))
    total = sum(counts.values())
    low = draw(st.integers(0, total if roomy else 7))
    high = draw(st.integers(max(low, total if roomy else 0) + 1, max(low, total) + 6))
    floor = draw(st.sampled_from((0.5, 1.0)))
    follow = draw(st.booleans()) if follow is None else follow
    whole = draw(st.booleans()) if atomic is None else atomic
    if roomy and not follow:
        least = [counts[r] * 100 / (w * floor) for r, w in weights.items() if w > 0]
        low = min([low, *(int(n) for n in least)])
    return World(
        instances=counts,
        weights=weights,
        bounds=Bounds(low, high, floor),
        follow_ready=follow,
        limited="candidate" if limited else draw(st.sampled_from((None, "candidate"))),
        keep=() if roomy else draw(st.sampled_from(((), ("candidate",)))),
        atomic=whole and not roomy and not follow,
        listener=draw(st.sampled_from((LISTENER, LISTENER, LISTENER, None))),
        fresh_since=draw(st.sampled_from((0.0, 0.0, NOW - 500.0))),
    )


@st.composite
def observations(draw: st.DrawFn) -> Seen:
    """Any mix of instances, and any table that was served before."""
    states = st.sampled_from((STARTING, READY, READY, READY, UNREADY, DRAINING, FAILED))
    kinds = draw(st.lists(st.tuples(st.sampled_from(REVISIONS), states), max_size=12))
    instances = tuple(
        Instance(
            id=f"{revision}-{number}",
            revision=revision,
            state=state,
            started_at=NOW - draw(st.integers(1, 1000)),
            since=NOW - draw(st.integers(0, 60)),
            port=draw(st.sampled_from((9000 + number, 9000 + number, None))),
            connections=draw(st.sampled_from((None, 0, 3))),
        )
        for number, (revision, state) in enumerate(kinds)
    )
    status = draw(
        st.sampled_from((RouteStatus.APPLIED, RouteStatus.PENDING, RouteStatus.UNREACHABLE, RouteStatus.ABSENT))
    )
    weights = draw(shares(REVISIONS)) if status is not RouteStatus.ABSENT else {}
    routed = frozenset(i.id for i in instances if draw(st.booleans()))
    endpoints = {r: frozenset(i.id for i in instances if i.revision == r and i.id in routed) for r in REVISIONS}
    return Seen(at=NOW, instances=instances, routes=RoutesSeen(status=status, weights=weights, endpoints=endpoints))


def ready(seen: Seen, revision: str, leaving: frozenset[str] = frozenset()) -> int:
    """Ready instances that stay."""
    return sum(i.state is READY and i.revision == revision and i.id not in leaving for i in seen.instances)


@dataclass
class Production:
    """Obeys orders: starts take up to three ticks, unready instances recover or die, tables are served a tick later."""

    random: Random
    instances: dict[str, Instance] = field(default_factory=dict[str, Instance])
    routes: RoutesSeen = field(default_factory=RoutesSeen)
    now: float = NOW
    crashing: frozenset[str] = frozenset()
    pending: RoutesSeen | None = None
    count: int = 0
    most: int = 0

    def seen(self) -> Seen:
        return Seen(at=self.now, instances=tuple(self.instances.values()), routes=self.routes)

    def tick(self, world: World) -> Orders:
        self.now += 1.0
        if self.pending is not None:
            self.routes = self.pending
        for i in list(self.instances.values()):
            self._live(i)
        orders = admit("shop", world, self.seen())
        self._obey(orders)
        return orders

    def _live(self, i: Instance) -> None:
        if i.state is STARTING and self.now - i.since >= self.random.randint(1, 3):
            self.instances[i.id] = replace(i, state=FAILED if i.revision in self.crashing else READY, since=self.now)
        elif i.port is None:  # whoever answers has a port
            self.count += 1
            self.instances[i.id] = replace(i, port=30_000 + self.count)
        elif i.state is UNREADY and self.random.random() < 0.5:
            self.instances[i.id] = replace(i, state=self.random.choice((READY, FAILED)), since=self.now)
        elif i.state is DRAINING:
            self.instances[i.id] = replace(i, connections=max(0, (i.connections or 0) - 1))
        elif i.state is FAILED:
            del self.instances[i.id]

    def _obey(self, orders: Orders) -> None:
        for name in orders.stop:
            del self.instances[name]
        for name in orders.drain:
            busy = self.random.randint(0, 3)
            self.instances[name] = replace(self.instances[name], state=DRAINING, since=self.now, connections=busy)
        for revision, wanted in orders.instances.items():
            there = [
                i for i in self.instances.values() if i.revision == revision and i.state in LIVE_STATES - {DRAINING}
            ]
            for _ in range(wanted - len(there)):
                self.count += 1
                name = f"{revision}-new-{self.count}"
                self.instances[name] = Instance(name, revision, STARTING, self.now, self.now, port=20_000 + self.count)
        table = orders.routes
        self.pending = RoutesSeen()
        if table is not None:
            ends = {r: frozenset(e.instance for e in found) for r, found in table.endpoints.items()}
            self.pending = RoutesSeen(RouteStatus.APPLIED, weights=table.weights, endpoints=ends)
        self.most = max(self.most, sum(i.state in LIVE_STATES for i in self.instances.values()))
