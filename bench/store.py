"""How many events a second the event log takes, durably, and how quickly a controller has its services back.

    python bench/store.py [--seconds 2.5] [--services 10000] [--folder DIR] [--json]

Cases run in turn, several rounds each, because the speed of a disk drifts: read the ratios. `fsync` is the number of
times a second that the disk takes 4 KiB durably, measured in the same run. About 20 seconds.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from ferryman.core.evolve import evolve
from ferryman.engine.controller import SNAPSHOT_EVENTS
from ferryman.model.event import Draft, StepEntered
from ferryman.model.plan import HoldGate, Phase, Plan, Step, VerdictGate
from ferryman.model.release import Release
from ferryman.model.revision import Health, Revision, Run
from ferryman.model.rollout import Rollout, Service, Track
from ferryman.model.world import Bounds, Listener, World
from ferryman.store.base import Append, Lease
from ferryman.store.sqlite import SqliteStore

ROUNDS = 2
TASKS = 256
LEASE_SECONDS = 3600.0
PLAN_STEPS = 8
RESTART_STEPS = 3


class Case:
    """What one way of writing took, over all rounds; `against` is the case that its ratio is taken to."""

    def __init__(
        self, name: str, tasks: int, steps: int, *, snapshot_events: int = 1, against: "Case | None" = None
    ) -> None:
        self.name = name
        self.tasks = tasks
        self.steps = steps
        self.snapshot_events = snapshot_events
        self.against = against or self
        self.seconds = 0.0
        self.latencies_ms: list[float] = []

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.latencies_ms, n=100)[percent - 1]


def service(name: str, steps: int) -> Service:
    """A service in mid-canary with a plan of so many steps; 0: nothing but its name."""
    if not steps:
        return Service(name=name)
    bounds = Bounds(min_available=4, max_total=8)
    listener = Listener(port=8080, preview_port=8081, sticky_key="cookie")
    walked = tuple(
        Step(
            f"weight {number}",
            Phase.PROGRESSING,
            World({"rev-a": 4, "rev-b": 1 + number}, {"rev-a": 100.0 - number, "rev-b": float(number)}, bounds,
                  limited="rev-b", listener=listener),
            (HoldGate(600.0), VerdictGate(1800.0)),
            number,
        )
        for number in range(steps)
    )  # fmt: skip
    run = Run(("python3", "-m", "shop", "--port", "{port}"), "shop", {"MODE": "production", "LEVEL": "info"})
    revisions = {
        key: Revision(key, label, key * 8, run, Health("/healthz")) for key, label in (("rev-a", "v1"), ("rev-b", "v2"))
    }
    plan = Plan("canary", "rev-b", "rev-a", 4, walked, walked[:1], walked[0].world)
    release = Release(service=name, label="v2", command=run.command, replicas=4)
    rollout = Rollout(f"{name}-7", 7, "deploy", release, "rev-b", "rev-a", plan, 1.0e9, "bench")
    return Service(name, revisions=revisions, promoted=("rev-a",), current=rollout, steady=walked[0].world, rollouts=7)


async def write_for(store: SqliteStore, case: Case, seconds: float, prefix: str) -> None:
    """All tasks append one event after the other, each to a service of its own, as the engine does."""
    names = [f"{prefix}-{number}" for number in range(case.tasks)]
    leases = await asyncio.gather(*(store.claim(name, "bench", 0.0, LEASE_SECONDS) for name in names))
    end = time.perf_counter() + seconds

    async def writer(lease: Lease) -> None:
        state = service(lease.service, case.steps)
        draft = Draft("r-7", StepEntered(Track.FORWARD, 1, "weight 5", Phase.PROGRESSING, 5.0, "the stage passed"))
        while (began := time.perf_counter()) < end:
            state = msgspec.structs.replace(state, seq=state.seq + 1, at=began)
            await store.append(Append(lease, state.seq - 1, began, (draft,), state))
            case.latencies_ms.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(writer(lease) for lease in leases))
    case.seconds += time.perf_counter() - began


async def restart(path: Path, services: int, steps: int) -> dict[str, Any]:
    """How long it takes to write so many services for the first time, and then to open the file and load them all."""
    store = SqliteStore(path)
    await store.open()

    async def first(number: int) -> None:
        name = f"service-{number:05}"
        lease = await store.claim(name, "bench", 0.0, LEASE_SECONDS)
        state = msgspec.structs.replace(service(name, steps), seq=1)
        draft = Draft("r-7", StepEntered(Track.FORWARD, 1, "weight 5", Phase.PROGRESSING, 5.0))
        await store.append(Append(lease, 0, 1.0, (draft,), state))

    began = time.perf_counter()
    await asyncio.gather(*(first(number) for number in range(services)))
    wrote = time.perf_counter() - began
    await store.close()
    began, cpu = time.perf_counter(), time.process_time()
    store = SqliteStore(path)
    await store.open()
    loaded = await store.load_all()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    await store.close()
    assert len(loaded) == services
    return {
        "services": services,
        "snapshot_bytes": len(msgspec.json.encode(loaded[0].service)),
        "first_writes_seconds": round(wrote, 2),
        "open_and_load_seconds": round(took, 3),
        "open_and_load_cpu_seconds": round(cpu, 3),
    }


def fsyncs_per_second(folder: Path, seconds: float = 0.5) -> float:
    """What the disk itself can do."""
    count, began = 0, time.perf_counter()
    with (folder / "probe").open("wb", buffering=0) as file:
        while time.perf_counter() - began < seconds:
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            count += 1
    return count / (time.perf_counter() - began)


async def measure(folder: Path, seconds: float, services: int) -> dict[str, Any]:
    small = Case("one transaction an event, small", 1, 0)
    large = Case(f"one transaction an event, plan of {PLAN_STEPS} steps", 1, PLAN_STEPS)
    cases = [
        small,
        Case(f"group commit, {TASKS} tasks, small", TASKS, 0, against=small),
        large,
        Case(f"group commit, {TASKS} tasks, plan of {PLAN_STEPS} steps", TASKS, PLAN_STEPS, against=large),
        Case(
            f"the same, a snapshot every {SNAPSHOT_EVENTS} events",
            TASKS,
            PLAN_STEPS,
            snapshot_events=SNAPSHOT_EVENTS,
            against=large,
        ),
    ]
    fsync = fsyncs_per_second(folder)
    for turn in range(ROUNDS):
        for number, case in enumerate(cases):
            store = SqliteStore(folder / f"{number}.db", fold=evolve, snapshot_events=case.snapshot_events)
            await store.open()
            await write_for(store, case, seconds / ROUNDS, f"round{turn}")
            await store.close()
    return {
        "fsyncs_per_second": round(fsync),
        "cases": [
            {
                "case": case.name,
                "events_per_second": round(case.per_second),
                "p50_ms": round(case.percentile(50), 2),
                "p99_ms": round(case.percentile(99), 2),
                "ratio": round(case.per_second / case.against.per_second, 1),
            }
            for case in cases
        ],
        "restart": await restart(folder / "restart.db", services, RESTART_STEPS),
    }


def show(found: dict[str, Any]) -> None:
    row = "{:<44}{:>10}{:>10}{:>10}{:>8}"
    print(f"the disk: {found['fsyncs_per_second']} fsyncs of 4 KiB a second\n")
    print(row.format("append, durable when it returns", "events/s", "p50 ms", "p99 ms", "ratio"))
    for case in found["cases"]:
        print(row.format(case["case"], case["events_per_second"], case["p50_ms"], case["p99_ms"], f"x{case['ratio']}"))
    back = found["restart"]
    print(
        "\nrestart: {services} services with snapshots of {snapshot_bytes} bytes, opened and loaded in"
        " {open_and_load_seconds} s, {open_and_load_cpu_seconds} s of them CPU (first written in {first_writes_seconds} s)".format(
            **back
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.5, help="for each case, over all rounds")
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder otherwise")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = asyncio.run(measure(Path(folder), options.seconds, options.services))
    if options.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
