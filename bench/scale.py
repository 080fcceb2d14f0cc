"""Ten thousand rollouts at once: one controller's loops, the real event log on disk, adapters that answer from memory.

    python bench/scale.py [--rollouts 10000] [--seconds 40] [--quick] [--folder DIR]

Every rollout stands at 5 % of a canary and is judged at each tick of ten seconds; each judged turn writes its
measurement durably. A tick's lag is how much later than due a turn began, after the controller's start was digested.
"""

import argparse
import asyncio
import logging
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
from _scale_world import TEMPLATE, Place, ports
from _table import Row, show
from msgspec.structs import replace

from ferryman.core.evolve import evolve
from ferryman.core.phases import Verb
from ferryman.core.verbs import command, deploy
from ferryman.engine.clock import SteadyClock
from ferryman.engine.controller import SNAPSHOT_EVENTS
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.ports import Options
from ferryman.engine.starting import FIRST_EVENTS, STARTING_MAX, begin_all, settle_memory
from ferryman.model.event import Draft
from ferryman.model.release import Analysis, Canary, Release, Routing, SetWeight
from ferryman.model.rollout import Service
from ferryman.spec.revision import make_revision
from ferryman.store.base import Append, Loaded
from ferryman.store.memory import MemoryStore
from ferryman.store.sqlite import SqliteStore

TICK_SECONDS = 10.0
LEASE_SECONDS = 120.0
WARM_SECONDS = 15.0
HELD = "5%"
STEPS_LIMIT = 60
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


def names_of(count: int) -> list[str]:
    return [f"service-{number:05}" for number in range(count)]


async def prepare(path: Path, count: int) -> float:
    """The log of so many rollouts; seconds that it took."""
    clock = SteadyClock()
    return await write_all(path, await template(clock), names_of(count), clock)


async def measure(path: Path, count: int, seconds: float, wrote: float) -> Found:
    clock = SteadyClock()
    made, names = await template(clock), names_of(count)
    memory = resident_mib()
    book = Book(time.perf_counter(), count=count)
    store = SqliteStore(path, fold=evolve, snapshot_events=SNAPSHOT_EVENTS)
    await store.open()
    await store.end_leases()
    # One set of ports for all, as in the controller.
    place, loops, tasks = Place(clock), dict[str, Watched](), list[asyncio.Task[None]]()
    starting, shared = asyncio.Semaphore(STARTING_MAX), ports(store, place)
    for name in names:
        place.like(made.place, name)

    def begin(name: str, item: Loaded | None) -> None:
        if name not in loops:
            loops[name] = loop = Watched(name, shared, OPTIONS, lambda: False)
            loop.book = book
            if item is not None:
                loop.begin_with(item)
            tasks.append(asyncio.create_task(loop.run(starting)))

    newest = await store.newest(limit=FIRST_EVENTS)
    for stored in newest:
        clock.not_before(stored.event.at)
    await begin_all(store, newest, begin)
    load = time.perf_counter() - book.began
    settle_memory()
    await book.everyone.wait()
    everyone = time.perf_counter() - book.began
    await asyncio.sleep(max(0.0, WARM_SECONDS - everyone))
    book.counting, turns, cpu, began = True, book.turns, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    book.counting, turned = False, book.turns - turns
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    memory = resident_mib() - memory
    verbs, events = await ask_all(list(loops.values()))
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


def one_size(path: Path, count: int, seconds: float) -> Found:
    """Each part in a process of its own, so that memory is that of the controller."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        wrote = pool.apply(_prepare, (path, count))
        return pool.apply(_measure, (path, count, seconds, wrote))


def _prepare(path: Path, count: int) -> float:
    logging.disable(logging.WARNING)
    return asyncio.run(prepare(path, count))


def _measure(path: Path, count: int, seconds: float, wrote: float) -> Found:
    logging.disable(logging.WARNING)
    return asyncio.run(measure(path, count, seconds, wrote))


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
        Row("all paused at once, beside the turns: durable events a second", f"{last.events_per_second:,.0f}"),
        Row("turns that failed", str(last.troubles), "0", not last.troubles),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40.0, help="of measuring, for each size")
    parser.add_argument("--quick", action="store_true", help="a thousand rollouts, ten seconds")
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder otherwise")
    options = parser.parse_args()
    count, seconds = (1_000, 10.0) if options.quick else (options.rollouts, options.seconds)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = [one_size(Path(folder) / f"{n}.db", n, seconds) for n in (*(n for n in SIZES if n < count), count)]
    return 0 if show(f"Scale: {count:,} rollouts, a tick every {TICK_SECONDS:g} s", rows(found, count)) else 1


if __name__ == "__main__":
    sys.exit(main())
