"""Five thousand clients of the live stream of a real controller, two events a second each, and a bare server beside it.

    python bench/stream.py [--clients 5000] [--seconds 30] [--events 2]

A rollout stands at a quarter of the users and is paused and resumed, which appends an event each time; every client is sent
each event, and the view of the service when that changed. An event's lateness is the moment at which the kernel had it
for the client, less the `at` with which it was appended. The floor is a loop over plain asyncio transports which sends
as many bytes to as many clients, read by the same program.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
from _helper import Helper
from _table import Row, show
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dashboard import Served
from project import SERVICE

SLOW = "{canary: {hold: 3600s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"
SETTLE_SECONDS = 2.0
P99_GOAL_MS, LAG_GOAL_SECONDS = 500.0, 1.0
LAG = "ferryman_tick_lag_seconds_bucket"


@dataclass
class Found:
    """One run: milliseconds of all arrivals, and what the clients told."""

    late: list[float]
    told: dict[str, Any]
    connect_seconds: float

    def percentile(self, share: float) -> float:
        return self.late[min(len(self.late) - 1, int(share * len(self.late)))]


def main() -> int:
    """Measure and print; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--events", type=float, default=2.0, help="a second")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard == resource.RLIM_INFINITY or hard > args.clients + 200, f"at most {hard} files may be open"
    began = time.time() - time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ferryman-stream-") as folder, Served(Path(folder) / "shop") as project:
        rows, found = ours(project, args.clients, args.seconds, args.events)
    rows += floor(args.clients, args.seconds, args.events, found.told["bytes_per_second"])
    assert abs(time.time() - time.monotonic() - began) < 0.02, "the clock was set during the run"
    rows.append(Row("load average of the machine at the end, with all of this", f"{os.getloadavg()[0]:.2f}"))
    return 0 if show(f"{args.clients} clients of the live stream, {args.events:g} events a second each", rows) else 1


def ours(project: Served, count: int, seconds: float, per_second: float) -> tuple[list[Row], Found]:
    """A real controller."""
    project.serve()
    project.carry("v1")
    project.deploy("v2", SLOW)
    project.until("it is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    controller = psutil.Process(project.controller_pid)
    before_mib = controller.memory_info().rss / 2**20
    load = os.getloadavg()[0]
    helper = Helper("--port", str(project.web_port), "--count", str(count))
    connected = helper.read()["seconds"]
    time.sleep(SETTLE_SECONDS)
    position = project.client.events(SERVICE, after=0).events[-1].position
    lags, cpu, began = lag_counts(project), sum(controller.cpu_times()[:2]), time.perf_counter()
    asked = press(project, seconds, per_second)
    share = (sum(controller.cpu_times()[:2]) - cpu) / (time.perf_counter() - began)
    lag = worst_lag(lags, lag_counts(project))
    time.sleep(SETTLE_SECONDS)
    helper.say("end")
    told = helper.read()
    memory_mib = controller.memory_info().rss / 2**20
    helper.close()
    events = {e.position: e.at for e in project.client.events(SERVICE, after=position, limit=1000).events}
    arrivals = {int(p): found for p, found in told["arrivals"].items() if int(p) in events}
    late = sorted(1000 * (at - events[p]) for p, found in arrivals.items() for at in found)
    found = Found(late, told, connected)
    whole = len(late) + told["dropped"] == len(events) * count and not told["lost"] and not told["ended"]
    p99 = found.percentile(0.99)
    return [
        Row("load average of the machine before", f"{load:.2f}"),
        Row("clients connected, each with its snapshot, in", f"{connected:.1f} s"),
        Row("events appended", f"{len(events)}, {len(events) / asked:.2f} a second"),
        Row("arrivals at clients", f"{len(late):,} of {len(events) * count:,}"),
        Row("lost without a word", f"{told['lost']}, {told['ended']} streams ended", "0", whole),
        Row("replaced by a snapshot for clients that fell behind", f"{told['dropped']} in {told['again']} snapshots"),
        Row("messages read again by the rules of HTTP and the stream", f"{told['checked']:,}"),
        Row("append to client, p50", f"{found.percentile(0.5):.0f} ms"),
        Row("append to client, p99", f"{p99:.0f} ms", f"<= {P99_GOAL_MS:.0f} ms", p99 <= P99_GOAL_MS),
        Row("append to client, slowest", f"{late[-1]:.0f} ms"),
        Row("tick lag of the controller, p99", f"<= {lag:g} s", f"<= {LAG_GOAL_SECONDS:g} s", lag <= LAG_GOAL_SECONDS),
        Row("memory of the controller, before and with the clients", f"{before_mib:.0f}, {memory_mib:.0f} MiB"),
        Row("memory for each client", f"{1024 * (memory_mib - before_mib) / count:.1f} KiB"),
        Row("cores used: controller; all clients", f"{share:.2f}; {told['cpu']:.2f}"),
        Row("bytes to each client", f"{told['bytes_per_second'] / 1024:.1f} KiB/s"),
    ], found


def press(project: Served, seconds: float, per_second: float) -> float:
    """Pause and resume so often; seconds that it took."""
    began = time.monotonic()
    for number in range(int(seconds * per_second)):
        time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        project.client.verb(SERVICE, "resume" if number % 2 else "pause", actor="bench")
    return time.monotonic() - began


def lag_counts(project: Served) -> dict[float, float]:
    """Turns by the bound of their lag, cumulative."""
    text = httpx2.get(f"{project.url}/metrics").text
    families = text_string_to_metric_families(text)
    return {float(s.labels["le"]): s.value for f in families for s in f.samples if s.name == LAG}


def worst_lag(before: dict[float, float], after: dict[float, float]) -> float:
    """The bound below which 99 of 100 turns stayed."""
    turns = {bound: after[bound] - before[bound] for bound in sorted(after)}
    return next(bound for bound, count in turns.items() if count >= 0.99 * turns[float("inf")])


def floor(count: int, seconds: float, per_second: float, bytes_per_second: float) -> list[Row]:
    """The bare server, with the same clients."""
    server = Helper("--floor", str(int(bytes_per_second / per_second)), "--rate", str(per_second))
    helper = Helper("--port", str(server.read()["port"]), "--count", str(count))
    connected = helper.read()["seconds"]
    server.say("begin")
    time.sleep(seconds)
    memory = psutil.Process(server.process.pid).memory_info().rss / 2**20
    server.say("end")
    done = server.read()
    time.sleep(SETTLE_SECONDS)
    helper.say("end")
    told = helper.read()
    helper.close()
    server.close()
    late = sorted(1000 * (at - done["sent"][p]) for p, found in told["arrivals"].items() for at in found)
    return [
        Row("floor: clients connected in", f"{connected:.1f} s"),
        Row("floor: send to client, p50", f"{statistics.median(late):.0f} ms"),
        Row("floor: send to client, p99", f"{late[int(0.99 * len(late))]:.0f} ms"),
        Row("floor: memory", f"{memory:.0f} MiB"),
        Row("floor: cores used: server; all clients", f"{done['cpu']:.2f}; {told['cpu']:.2f}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
