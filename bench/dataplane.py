"""The embedded Envoy: how fast a weight is served, and whether anybody notices changes, scaling, or a death.

Upstreams and users run in a process of their own, so that they do not wait for the one that is measured.

    python bench/dataplane.py
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import dataplane
from dataplane import Client, Load, Upstream
from ferryman.metrics.envoy import EnvoyMetrics
from ferryman.model.generation import Generation
from ferryman.model.seen import RouteStatus
from ferryman.model.world import Endpoint, Listener, RouteTable
from ferryman.routers.envoy import EnvoyRouter

FLIPS = 100
CHANGES = 200
CHANGES_SECONDS = 5.0
CLIENTS = 32
USERS = 3000


async def crowd(revisions: list[str]) -> None:
    """The other process: prints the ports of its instances, then for each line `port` that it reads sends users there
    until the next line, and prints what they met."""
    instances = [await Upstream(revision).start() for revision in revisions]
    print(json.dumps([up.port for up in instances]), flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        load = Load(int(line), clients=CLIENTS, pause_seconds=0.0)
        await asyncio.to_thread(sys.stdin.readline)
        await load.stop()
        print(json.dumps({"requests": load.requests, "failures": load.failures, "bodies": load.bodies}), flush=True)


class Crowd:
    """The other process, from here."""

    def __init__(self, process: asyncio.subprocess.Process, ports: list[int]) -> None:
        self.process = process
        self.ports = ports

    async def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def read(self) -> dict[str, object]:
        assert self.process.stdout is not None
        found: dict[str, object] = json.loads(await self.process.stdout.readline())
        return found


@contextlib.asynccontextmanager
async def other_process(revisions: list[str]) -> AsyncGenerator[Crowd]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "crowd", *revisions, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield Crowd(process, json.loads(await process.stdout.readline()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Bench:
    """One service on one Envoy."""

    def __init__(self, router: EnvoyRouter, crowd: Crowd, revisions: list[str]) -> None:
        self.router = router
        self.crowd = crowd
        self.revisions = revisions
        self.port = dataplane.outside_ports(1)[0]
        self.rev = 0
        self.endpoints: dict[str, list[Endpoint]] = {}
        for revision, port in zip(revisions, crowd.ports, strict=True):
            self.endpoints.setdefault(revision, []).append(Endpoint(str(port), dataplane.HOST, port))

    async def apply(self, percent: float, *, sticky: str | None = None) -> float:
        """Give r2 this share; milliseconds until it was acknowledged."""
        self.rev += 1
        weights = {"r1": 100 - percent, "r2": percent} if percent else {"r1": 100.0}
        spots = {revision: tuple(found) for revision, found in self.endpoints.items()}
        table = RouteTable("shop", Listener(self.port, None, sticky), weights, spots, sticky_id="bench", first="r2")
        began = time.perf_counter()
        seen = await self.router.apply(table, Generation(1, self.rev))
        assert seen.status == RouteStatus.APPLIED, seen
        return (time.perf_counter() - began) * 1000

    async def users_begin(self) -> None:
        await self.crowd.send(str(self.port))
        await asyncio.sleep(0.3)

    async def users_end(self) -> tuple[int, int]:
        """(requests, failures) since `users_begin`."""
        await self.crowd.send("end")
        found = await self.crowd.read()
        failures = found["failures"]
        assert isinstance(failures, list)
        if failures:
            print("failures:", failures[:3], file=sys.stderr)
        return int(str(found["requests"])), len(failures)


async def flips(bench: Bench) -> list[Row]:
    await bench.apply(0)
    took = sorted([await bench.apply(float(1 + number % 99)) for number in range(FLIPS)])
    return [
        Row("weight to acknowledged, p50", f"{took[FLIPS // 2]:.1f} ms", "<= 10 ms", took[FLIPS // 2] <= 10),
        Row("weight to acknowledged, max", f"{took[-1]:.1f} ms", "<= 100 ms", took[-1] <= 100),
    ]


async def changes(bench: Bench) -> list[Row]:
    await bench.users_begin()
    began = time.perf_counter()
    took: list[float] = []
    for number in range(CHANGES):
        took.append(await bench.apply(float(number % 100)))
        due = began + (number + 1) * CHANGES_SECONDS / CHANGES
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    seconds = time.perf_counter() - began
    requests, failures = await bench.users_end()
    return [
        Row(f"{CHANGES} changes in {seconds:.1f} s under load, failed", f"{failures} of {requests}", "0", not failures),
        Row("the same, weight to acknowledged, p50 and max", f"{statistics.median(took):.1f}, {max(took):.1f} ms"),
    ]


async def scaling(bench: Bench) -> list[Row]:
    """Instances out and in again, a revision out and in again; nobody's request may fail."""
    await bench.users_begin()
    whole = {revision: list(found) for revision, found in bench.endpoints.items()}
    for _ in range(10):
        bench.endpoints["r1"] = whole["r1"][:1]
        await bench.apply(50)
        bench.endpoints = {"r1": whole["r1"]}
        await bench.apply(0)
        bench.endpoints = dict(whole)
        await bench.apply(50)
        await asyncio.sleep(0.1)
    requests, failures = await bench.users_end()
    return [Row("scale-in and removal under load, failed", f"{failures} of {requests}", "0", not failures)]


async def sticky(bench: Bench) -> list[Row]:
    users = [f"user-{number}" for number in range(USERS)]
    exposed: set[str] = set()
    back, shares = 0, list[str]()
    for percent in (5.0, 25.0, 50.0):
        await bench.apply(percent, sticky="x-user")
        now: set[str] = set()

        async def ask(part: list[str], now: set[str] = now) -> None:
            client = Client(bench.port)
            now |= {user for user in part if (await client.get(x_user=user)).body == "r2"}
            client.close()

        await asyncio.gather(*(ask(users[start::8]) for start in range(8)))
        back += len(exposed - now)
        shares.append(f"{100 * len(now) / USERS:.1f}")
        exposed = now
    return [
        Row(f"moved back at 5, 25, 50 % of {USERS} users", str(back), "0", back == 0),
        Row("their shares", f"{', '.join(shares)} %"),
    ]


async def deaths(bench: Bench) -> list[Row]:
    await bench.apply(50)
    took: list[float] = []
    for _ in range(3):
        assert bench.router.pid is not None
        began = time.perf_counter()
        os.kill(bench.router.pid, signal.SIGKILL)
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if (await Client(bench.port).get()).status == 200:
                    break
            await asyncio.sleep(0.005)
        took.append(time.perf_counter() - began)
        await dataplane.observed(bench.router, "shop", RouteStatus.APPLIED)
        await asyncio.sleep(0.5)
    return [
        Row(
            "Envoy killed: serving again, median of 3",
            f"{statistics.median(took):.2f} s",
            "<= 1 s",
            statistics.median(took) <= 1,
        )
    ]


async def reading(bench: Bench, folder: Path) -> list[Row]:
    metrics = EnvoyMetrics(folder)
    await Client(bench.port).get()
    took: list[float] = []
    for _ in range(20):
        began = time.perf_counter()
        await metrics.read("shop")
        took.append((time.perf_counter() - began) * 1000)
    return [Row("one reading of the counters (30 ms of it waiting), p50", f"{statistics.median(took):.1f} ms")]


async def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        async with other_process(["r1", "r1", "r2"]) as crowd_of_users, dataplane.envoy(Path(name)) as router:
            rows = [Row("Envoy started and users ready", f"{time.perf_counter() - began:.2f} s")]
            bench = Bench(router, crowd_of_users, ["r1", "r1", "r2"])
            for part in (flips, changes, scaling, sticky, deaths):
                rows += await part(bench)
            rows += await reading(bench, Path(name))
    rows.append(Row("load of the machine, 1 min", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"))
    return 0 if show("Data plane: Envoy", rows) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["crowd"]:
        asyncio.run(crowd(sys.argv[2:]))
    else:
        sys.exit(asyncio.run(main()))
