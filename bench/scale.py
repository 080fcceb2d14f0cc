"""Ten thousand rollouts at once: one controller's loops, the real event log on disk, adapters that answer from memory.

    python bench/scale.py [--rollouts 10000] [--seconds 40] [--quick] [--folder DIR]

Every rollout stands at 5 % of a canary and is judged at each tick of ten seconds; each judged turn writes its
measurement durably. A tick's lag is how much later than due a turn began, after the controller's start was digested.
"""

import argparse
import asyncio
import logging
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
from _table import Row, show
from msgspec.structs import replace

from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb
from ferryman.core.verbs import command, deploy
from ferryman.engine.checks import CheckRun, Outcome
from ferryman.engine.clock import SteadyClock
from ferryman.engine.controller import STARTING_MAX
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.ports import Options, Ports
from ferryman.metrics.base import Counters
from ferryman.metrics.memory import BOUNDS_MS
from ferryman.model.event import Draft
from ferryman.model.generation import Generation
from ferryman.model.release import Analysis, Canary, Release, Routing, SetWeight
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.model.seen import Instance, InstanceState, RoutesSeen, RouteStatus
from ferryman.model.world import Orders, RouteTable
from ferryman.routers.base import Capabilities
from ferryman.spec.revision import make_revision
from ferryman.store.base import Append, Store
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore
from ferryman.targets.base import Action, StartInstance
from ferryman.targets.planning import plan_actions

TICK_SECONDS = 10.0
LEASE_SECONDS = 120.0
WARM_SECONDS = 15.0
HELD = "5%"
TEMPLATE = "template-service"
STEPS_LIMIT = 60
EMPTY = (0,) * (len(BOUNDS_MS) + 1)
SIZES = (100, 1_000)
LAG_GOAL_SECONDS, RESTART_GOAL_SECONDS = 1.0, 1.0
OPTIONS = Options(
    moving_seconds=TICK_SECONDS,
    watching_seconds=TICK_SECONDS,
    steady_seconds=TICK_SECONDS,
    lease_seconds=LEASE_SECONDS,
)
RELEASE = Release(
    service=TEMPLATE,
    label="v1",
    command=("run",),
    replicas=4,
    health_http_path="/",
    strategy=Canary(steps=(SetWeight(5, 36_000), SetWeight(25, 36_000), SetWeight(50, 36_000))),
    routing=Routing(port=8080),
    analysis=Analysis(interval_seconds=TICK_SECONDS, min_wait_seconds=36_000),
)


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


# ---- ten thousand times the same, each under its own name


class Template(NamedTuple):
    """One service at 5 %, as text to be renamed: its events, the state after them, and what is there."""

    drafts: bytes
    state: bytes
    place: Place


async def template(clock: SteadyClock) -> Template:
    store, place = MemoryStore(fold=evolve), Place(clock)
    await store.open()
    loop = ServiceLoop(TEMPLATE, ports(store, place), OPTIONS, lambda: False)
    for label in ("v1", "v2"):
        release = replace(RELEASE, label=label)
        revision = make_revision(release, None, 1)
        await loop.ask(lambda s, now, r=release, v=revision: deploy(s, r, v, actor="bench", now=now))
        for _ in range(STEPS_LIMIT):
            await loop.turn()
            rollout = loop.service.current
            if rollout is not None and (
                rollout.phase.terminal or (rollout.current.name == HELD and rollout.reached_at)
            ):
                break
    events = [stored.event for stored in await store.events(TEMPLATE)]
    drafts = [Draft(event.rollout, event.body, event.actor) for event in events]
    assert loop.service.current is not None
    assert loop.service.current.current.name == HELD
    return Template(msgspec.json.encode(drafts), msgspec.json.encode(loop.service), place)


async def write_all(path: Path, made: Template, names: list[str], clock: SteadyClock) -> float:
    """All services into a new file, each by one append; seconds."""
    store = SqliteStore(path)
    await store.open()
    began = time.perf_counter()
    limit = asyncio.Semaphore(512)
    decode_drafts, decode_state = msgspec.json.Decoder(list[Draft]).decode, msgspec.json.Decoder(Service).decode

    async def one(name: str) -> None:
        async with limit:
            drafts = decode_drafts(made.drafts.replace(TEMPLATE.encode(), name.encode()))
            state = decode_state(made.state.replace(TEMPLATE.encode(), name.encode()))
            lease = await store.claim(name, "before", clock(), 1.0)
            await store.append(Append(lease, 0, state.at, tuple(drafts), state))

    await asyncio.gather(*map(one, names))
    await store.close()
    return time.perf_counter() - began


# ---- the controller


class Watched(ServiceLoop):
    """A loop that keeps book of its turns in `book`."""

    book: "Book"

    async def guarded_turn(self) -> float:
        due = await super().guarded_turn()
        self.book.turned(self.health.lag_seconds, self.health.trouble)
        return due


@dataclass
class Book:
    """Turns since the start; lags of those that count."""

    began: float
    first_at: float = 0.0
    turns: int = 0
    lags: list[float] = field(default_factory=list[float])
    troubles: list[str] = field(default_factory=list[str])
    counting: bool = False
    count: int = 0
    everyone: asyncio.Event = field(default_factory=asyncio.Event)

    def turned(self, lag: float, trouble: str) -> None:
        self.first_at = self.first_at or time.perf_counter() - self.began
        self.turns += 1
        if self.turns == self.count:
            self.everyone.set()
        if self.counting:
            self.lags.append(lag)
        if trouble:
            self.troubles.append(trouble)


class Found(NamedTuple):
    """Figures of one size. Seconds, MiB, milliseconds."""

    rollouts: int
    write_seconds: float
    load_seconds: float
    first_seconds: float
    all_seconds: float
    lag_p50: float
    lag_p99: float
    turns: int
    cpu_ms: float
    cpu_share: float
    verbs_per_second: float
    events_per_second: float
    memory_mib: float
    troubles: int


async def measure(folder: Path, count: int, seconds: float) -> Found:
    clock = SteadyClock()
    made, names = await template(clock), [f"service-{number:05}" for number in range(count)]
    path = folder / f"{count}.db"
    wrote = await write_all(path, made, names, clock)
    memory = resident_mib()
    book = Book(time.perf_counter(), count=count)
    store = SqliteStore(path, fold=evolve)
    await store.open()
    await store.end_leases()
    loaded = await store.load_all()
    load = time.perf_counter() - book.began
    clock.not_before(max(item.service.at for item in loaded))
    place = Place(clock)
    loops: list[Watched] = []
    for item in loaded:
        place.like(made.place, item.service.name)
        loop = Watched(item.service.name, ports(store, place), OPTIONS, lambda: False)
        loop.book = book
        loops.append(loop)
    starting = asyncio.Semaphore(STARTING_MAX)
    tasks = [asyncio.create_task(loop.run(starting)) for loop in loops]
    await book.everyone.wait()
    everyone = time.perf_counter() - book.began
    await asyncio.sleep(max(0.0, WARM_SECONDS - everyone))
    book.counting, turns, cpu, began = True, book.turns, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    book.counting, turned = False, book.turns - turns
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    memory = resident_mib() - memory
    verbs, events = await ask_all(loops)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    lags = sorted(book.lags)
    return Found(
        count, wrote, load, book.first_at, everyone, statistics.median(lags), lags[int(len(lags) * 0.99)], turned,
        1e3 * cpu / turned, cpu / took, verbs, events, memory, len(book.troubles),
    )  # fmt: skip


async def ask_all(loops: list[Watched]) -> tuple[float, float]:
    """Every rollout is paused by a person at the same moment: (verbs, events) a second until all were answered."""
    before = sum(loop.service.seq for loop in loops)
    began = time.perf_counter()
    await asyncio.gather(*(loop.ask(lambda s, now: command(s, Verb.PAUSE, actor="bench", now=now)) for loop in loops))
    took = time.perf_counter() - began
    return len(loops) / took, (sum(loop.service.seq for loop in loops) - before) / took


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def rows(found: list[Found], count: int) -> list[Row]:
    last = found[-1]
    table = [
        Row(
            f"{one.rollouts:,} rollouts: CPU for a turn, of one core, memory",
            f"{one.cpu_ms:.2f} ms, {100 * one.cpu_share:.0f}%, {1024 * one.memory_mib / one.rollouts:.0f} KiB each",
        )
        for one in found
    ]
    ratio = last.cpu_ms / found[0].cpu_ms
    return [
        *table,
        Row(f"cost of a turn, {found[0].rollouts:,} to {count:,} rollouts", f"x{ratio:.2f}", "flat, <= x1.3", ratio <= 1.3),
        Row("tick lag p50, p99", f"{last.lag_p50:.3f} s, {last.lag_p99:.3f} s", f"<= {LAG_GOAL_SECONDS:g} s",
            last.lag_p99 <= LAG_GOAL_SECONDS),
        Row("restart: opened and loaded", f"{last.load_seconds:.2f} s"),
        Row("restart: first decision, all decided", f"{last.first_seconds:.2f} s, {last.all_seconds:.2f} s",
            f"first < {RESTART_GOAL_SECONDS:g} s", last.first_seconds < RESTART_GOAL_SECONDS),
        Row("all paused at once: durable events a second", f"{last.events_per_second:,.0f}"),
        Row("turns that failed", str(last.troubles), "0", not last.troubles),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40.0, help="of measuring, for each size")
    parser.add_argument("--quick", action="store_true", help="a thousand rollouts, ten seconds")
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder otherwise")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    count, seconds = (1_000, 10.0) if options.quick else (options.rollouts, options.seconds)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        sizes = [*(size for size in SIZES if size < count), count]
        found = [asyncio.run(measure(Path(folder), size, seconds)) for size in sizes]
    return 0 if show(f"Scale: {count:,} rollouts, a tick every {TICK_SECONDS:g} s", rows(found, count)) else 1


if __name__ == "__main__":
    sys.exit(main())
