"""Clients of flagd at a real `ferry serve`: how long a kill takes to all who follow by sync, and how many evaluations it answers.

    python bench/flagd.py [--clients 1 100 1000] [--rounds N]

The clients are streams of grpcio, each with a connection of its own, in one process beside. Counted is from the moment at which
the kill is asked for until a client has its message, the write to disk included. Times are of the clock on the wall.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc.aio
import httpx2
import psutil
from _table import Row, show
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2, evaluation_pb2_grpc
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2, sync_pb2_grpc

FLAGS = 20
WAIT_SECONDS = 60.0
GOALS_P99_MS = {1000: 200.0}
OWN = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
DOCUMENT = "flags:\n" + "".join(
    f"  flag-{n}: {{kind: ops, variants: {{on: true, off: false}}, off: off, default: on}}\n" for n in range(FLAGS)
)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """A controller; its record."""
    command = [sys.executable, "-m", "ferryman", "--project", str(folder), "serve", "--listen", "127.0.0.1:0"]
    command += ["--flagd-port", "0", "--flagd-sync-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        record, until = folder / ".ferryman" / "controller.json", time.monotonic() + WAIT_SECONDS
        while not record.exists():
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("the controller did not start")
            time.sleep(0.05)
        yield json.loads(record.read_text())
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)


def follow(place: str, count: int, orders: Connection) -> None:
    """`count` streams. Says when all have their first message; then, for each order, when each had the next one."""
    asyncio.run(_follow(place, count, orders))


async def _follow(place: str, count: int, orders: Connection) -> None:
    arrived: list[float] = []
    enough = asyncio.Event()

    async def one() -> None:
        async with grpc.aio.insecure_channel(place, options=OWN) as channel:
            async for _ in sync_pb2_grpc.FlagSyncServiceStub(channel).SyncFlags(sync_pb2.SyncFlagsRequest()):
                arrived.append(time.monotonic())
                if len(arrived) == count:
                    enough.set()

    tasks = [asyncio.create_task(one()) for _ in range(count)]
    while True:
        async with asyncio.timeout(WAIT_SECONDS):
            await enough.wait()
        done = [*arrived]
        arrived.clear()
        enough.clear()
        orders.send(done)
        if not await asyncio.to_thread(orders.recv):
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def changes(record: dict[str, Any], count: int, rounds: int) -> list[Row]:
    orders, theirs = multiprocessing.Pipe()
    clients = multiprocessing.get_context("spawn").Process(
        target=follow, args=(record["flagd"]["sync"], count, theirs), daemon=True
    )
    clients.start()
    taken: list[float] = []
    before = memory_mib(record)
    try:
        orders.recv()
        more, cpu = memory_mib(record) - before, cpu_seconds(record)
        with httpx2.Client(transport=httpx2.HTTPTransport(uds=record["socket"]), base_url="http://localhost") as owner:
            for n in range(rounds):
                orders.send(True)
                began = time.monotonic()
                path = f"/v1/environments/prod/flags/flag-0/{'unkill' if n % 2 else 'kill'}"
                owner.post(path, json={}).raise_for_status()
                taken += [(at - began) * 1000 for at in orders.recv()]
        cost = (cpu_seconds(record) - cpu) / rounds * 1000
        orders.send(False)
        clients.join(WAIT_SECONDS)
    finally:
        clients.kill()
    taken.sort()
    middle, late, goal = statistics.median(taken), taken[int(len(taken) * 0.99)], GOALS_P99_MS.get(count)
    who = "1 client" if count == 1 else f"{count:,} clients"
    return [
        Row(f"a kill is seen, {who}, median", f"{middle:.1f} ms"),
        Row("  99 of 100", f"{late:.1f} ms", f"<= {goal:g} ms" if goal else "", None if goal is None else late <= goal),
        Row("  the controller's memory for them, and CPU for each change", f"{more:.1f} MiB, {cost:.0f} ms"),
    ]


def evaluations(record: dict[str, Any], seconds: float) -> list[Row]:
    """One after the other by one client: both of grpcio."""
    with grpc.insecure_channel(record["flagd"]["evaluation"]) as channel:
        stub, taken = evaluation_pb2_grpc.ServiceStub(channel), list[float]()
        before = cpu_seconds(record)
        until = time.monotonic() + seconds
        while (began := time.monotonic()) < until:
            request = evaluation_pb2.ResolveBooleanRequest(flag_key="flag-1")
            request.context.update({"targetingKey": "ana", "country": "de"})
            assert stub.ResolveBoolean(request).value is True
            taken.append((time.monotonic() - began) * 1000)
    cost = (cpu_seconds(record) - before) / len(taken) * 1e6
    taken.sort()
    return [
        Row("an evaluation costs the controller", f"{cost:.0f} us of CPU"),
        Row("an evaluation, median", f"{statistics.median(taken):.2f} ms"),
        Row("  99 of 100", f"{taken[int(len(taken) * 0.99)]:.2f} ms"),
    ]


def cpu_seconds(record: dict[str, Any]) -> float:
    """What the controller has used until now."""
    times = psutil.Process(record["pid"]).cpu_times()
    return times.user + times.system


def memory_mib(record: dict[str, Any]) -> float:
    return psutil.Process(record["pid"]).memory_info().rss / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 100, 1000], help="how many follow (1 100 1000)")
    parser.add_argument("--rounds", type=int, default=20, help="kills and unkills (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as record:
        with httpx2.Client(transport=httpx2.HTTPTransport(uds=record["socket"]), base_url="http://localhost") as owner:
            owner.post("/v1/flags", json={"document": DOCUMENT, "parent": 0}).raise_for_status()
        rows = [row for count in args.clients for row in changes(record, count, args.rounds)]
        rows += evaluations(record, 3.0)
    return 0 if show("Clients of flagd", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
