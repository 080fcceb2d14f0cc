"""Adapters that answer from memory, for ten thousand services at once: see `scale.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ferryman.engine.checks import CheckRun, Outcome
from ferryman.engine.ports import Ports
from ferryman.metrics.base import Counters
from ferryman.metrics.memory import BOUNDS_MS
from ferryman.model.generation import Generation
from ferryman.model.revision import Revision
from ferryman.model.seen import Instance, InstanceState, RoutesSeen, RouteStatus
from ferryman.model.world import Orders, RouteTable
from ferryman.routers.base import Capabilities
from ferryman.store.base import Store
from ferryman.targets.base import Action, StartInstance
from ferryman.targets.planning import plan_actions

TEMPLATE = "template-service"
EMPTY = (0,) * (len(BOUNDS_MS) + 1)


@dataclass
class Place:
    """What there is of all services: instances are ready at once, tables are served at once."""

    now: Callable[[], float]
    instances: dict[str, tuple[Instance, ...]] = field(default_factory=dict[str, tuple[Instance, ...]])
    routes: dict[str, RoutesSeen] = field(default_factory=dict[str, RoutesSeen])
    reads: dict[str, int] = field(default_factory=dict[str, int])
    started: int = 0

    def like(self, other: "Place", service: str) -> None:
        """Stand with this service where another place stands with the template."""
        self.instances[service], self.routes[service] = other.instances[TEMPLATE], other.routes[TEMPLATE]


@dataclass
class Target:
    """`targets.base.Target` with the real planning."""

    place: Place

    async def start(self) -> None:
        return

    async def apply(
        self, service: str, orders: Orders, revisions: Mapping[str, Revision], generation: Generation
    ) -> tuple[Action, ...]:
        place = self.place
        seen, now = place.instances.get(service, ()), place.now()
        planned = plan_actions(seen, (), orders, revisions.keys(), lambda _: now, now)
        for revision in planned.start:
            place.started += 1
            port = 20_000 + place.started % 10_000
            made = Instance(f"i{place.started}", revision, InstanceState.READY, now, now, port=port, connections=0)
            seen = (*seen, made)
        place.instances[service] = seen
        return tuple(StartInstance(revision) for revision in planned.start)

    async def observe(self, service: str) -> tuple[Instance, ...]:
        return self.place.instances.get(service, ())

    async def logs(self, instance: str, lines: int) -> str:
        return ""

    async def log_errors(self, service: str) -> dict[str, int]:
        return {}

    def on_change(self, callback: Callable[[str], None]) -> None:
        return

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        return []

    async def close(self) -> None:
        return


@dataclass
class Router:
    """`routers.base.Router`."""

    place: Place
    caps = Capabilities(
        smallest_weight_percent=0.1, matches=True, sticky=True, mirror=False, atomic=True, acknowledges=True
    )

    async def start(self) -> None:
        return

    async def apply(self, table: RouteTable, generation: Generation) -> RoutesSeen:
        known = self.place.routes.get(table.service)
        if known is not None and known.generation == generation and known.weights == table.weights:
            return known
        self.place.routes[table.service] = RoutesSeen(
            status=RouteStatus.APPLIED,
            generation=generation,
            weights=table.weights,
            endpoints={r: frozenset(e.instance for e in ends) for r, ends in table.endpoints.items()},
            matches=len(table.matches),
            preview=table.preview,
        )
        return self.place.routes[table.service]

    async def observe(self, service: str) -> RoutesSeen:
        return self.place.routes.get(service, RoutesSeen())

    async def remove(self, service: str, generation: Generation) -> None:
        self.place.routes.pop(service, None)

    def facts(self, service: str) -> list[tuple[str, str, dict[str, object]]]:
        return []

    async def close(self) -> None:
        return

    async def shutdown(self) -> None:
        return


@dataclass
class Metrics:
    """`metrics.base.MetricsSource`: at each reading 500 requests more have come."""

    place: Place
    bounds_ms: tuple[float, ...] = BOUNDS_MS

    async def read(self, service: str) -> dict[str, Counters]:
        self.place.reads[service] = count = self.place.reads.get(service, 0) + 1
        routes = self.place.routes.get(service)
        found: dict[str, Counters] = {}
        for revision, percent in (routes.weights if routes else {}).items():
            each = int(5 * percent) * count // 10
            buckets = (*EMPTY[:20], *(each,) * 10, *EMPTY[30:])
            found[revision] = Counters(requests=each * 10, errors=each // 25, buckets=buckets)
        return found

    async def close(self) -> None:
        return


class NoChecks:
    """`engine.checks.Checker` where there are none."""

    def begin(self, run: CheckRun) -> None:
        return

    def take(self) -> list[Outcome]:
        return []

    async def close(self) -> None:
        return


def ports(store: Store, place: Place) -> Ports:
    return Ports(
        store=store,
        target=Target(place),
        router=Router(place),
        metrics=Metrics(place),
        now=place.now,
        owner="bench",
        checker=lambda _: NoChecks(),
    )
