"""From a change of a flag to its clients: 1, 100 and 1,000 of them on the stream of `ferry serve`, and a bare server beside it.

    python bench/flags_changes.py [--updates 20] [--flags 200] [--clients 1,100,1000]

A flag's exposure is changed so often, then it is killed and unkilled so often. A change is seen when the kernel of the
client has it, and it was made at the `at` of its config version, which is before it is written durably; so the figures hold
the write. The clients are in another process, and count what they missed. The floor sends as many bytes to as many clients
by a plain loop over asyncio's transports, and writes nothing down.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
from _helper import Helper
from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dashboard import Served
from support import eventually

PLACE = "/v1/environments/prod/flags/flag-0"
GOALS_MS = {1: (0.5, 3.0), 100: (0.99, 20.0), 1000: (0.99, 200.0)}
"""For so many clients, the percentile and its bound."""
PAUSE_SECONDS = 0.25
SETTLE_SECONDS = 1.0


def document(flags: int) -> str:
    """Flags at half of the users."""
    rollout = {"kind": "ops", "variants": {"on": True, "off": False}, "off": "off", "rollout": {"exposure": 50}}
    return json.dumps({"flags": {f"flag-{n}": rollout for n in range(flags)}})


class Controller:
    """A real one, with flags."""

    def __init__(self, project: Served, flags: int) -> None:
        project.serve()
        self.port = project.web_port
        record = json.loads((project.state / "controller.json").read_text())
        transport = httpx2.HTTPTransport(uds=record["socket"])
        self._owner = httpx2.Client(transport=transport, base_url="http://localhost", timeout=30)
        self.post("/v1/flags", {"document": document(flags), "parent": 0})
        asked = {"name": "bench", "program": "server", "environment": "prod"}
        self.token = str(self.post("/v1/tokens", asked)["token"])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._owner.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def change(self, updates: int) -> None:
        """Exposures, one after the other."""
        for n in range(updates):
            time.sleep(PAUSE_SECONDS)
            asked = {"exposure_percent": 50 + n % 2 + 1, "parent": self.version()}
            self.post(f"{PLACE}/change", asked)

    def kill(self, updates: int) -> None:
        """Kill and unkill in turn."""
        for n in range(updates):
            time.sleep(PAUSE_SECONDS)
            self.post(f"{PLACE}/{'unkill' if n % 2 else 'kill'}", {"reason": "bench"})

    def version(self) -> int:
        return int(self._owner.get("/v1/environments/prod/flags").json()["version"])

    def made_at(self) -> dict[int, float]:
        """Epoch seconds of each config version of the flag."""
        return {each["version"]: each["at"] for each in self._owner.get(f"{PLACE}/history").json()}


def percentile(late: list[float], share: float) -> float:
    return late[min(len(late) - 1, int(share * len(late)))]


def follow(controller: Controller, count: int, updates: int) -> tuple[list[Row], int]:
    """So many clients; also the bytes of one message."""
    before = set(controller.made_at())
    helper = Helper(
        *("--port", str(controller.port), "--count", str(count)),
        *("--path", "/v1/flags/stream", "--token", controller.token),
    )
    helper.read()
    time.sleep(SETTLE_SECONDS)
    controller.change(updates)
    changed = set(controller.made_at()) - before
    controller.kill(updates)
    time.sleep(SETTLE_SECONDS)
    helper.say("end")
    told = helper.read()
    helper.close()
    at = controller.made_at()
    rows: list[Row] = []
    for what, versions in (("changed", changed), ("killed or unkilled", set(at) - before - changed)):
        arrivals = [(seen - at[v]) * 1000 for v in versions for seen in told["arrivals"].get(str(v), ())]
        late = sorted(arrivals)
        whole = len(late) == len(versions) * count and len(versions) == updates and not told["lost"]
        share, bound = GOALS_MS.get(count, (0.99, 200.0))
        figure = percentile(late, share)
        rows += [
            Row(
                f"{count:,} client{'s' * (count > 1)}, {what}: p{share * 100:g}",
                f"{figure:.1f} ms",
                f"<= {bound:g} ms",
                figure <= bound,
            ),
            Row("  p50; slowest", f"{percentile(late, 0.5):.1f}; {late[-1]:.1f} ms"),
            Row("  arrived", f"{len(late):,} of {updates * count:,}", "all", whole),
        ]
    return rows, int(told["bytes_per_second"] * PAUSE_SECONDS)


def floor(count: int, updates: int, size: int) -> list[Row]:
    """The bare server, with the same clients."""
    server = Helper("--floor", str(max(size, 64)), "--rate", str(1 / PAUSE_SECONDS))
    helper = Helper("--port", str(server.read()["port"]), "--count", str(count))
    helper.read()
    time.sleep(SETTLE_SECONDS)
    server.say("begin")
    time.sleep(updates * PAUSE_SECONDS)
    server.say("end")
    done = server.read()
    time.sleep(SETTLE_SECONDS)
    helper.say("end")
    told = helper.read()
    for each in (helper, server):
        each.close()
    late = sorted((at - done["sent"][p]) * 1000 for p, found in told["arrivals"].items() for at in found)
    share, _ = GOALS_MS.get(count, (0.99, 0.0))
    figures = f"{percentile(late, share):.1f}; {percentile(late, 0.5):.1f} ms"
    return [Row(f"  floor, nothing written down: p{share * 100:g}; p50", figures)]


def disk(folder: Path, updates: int) -> Row:
    """What one durable commit takes on this disk: it is in every figure but the floor's."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (body TEXT)")
    taken: list[float] = []
    for _ in range(updates):
        time.sleep(PAUSE_SECONDS / 10)
        began = time.perf_counter()
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 400,))
        taken.append((time.perf_counter() - began) * 1000)
    connection.close()
    taken.sort()
    return Row("one durable commit alone, p50; slowest", f"{percentile(taken, 0.5):.1f}; {taken[-1]:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--flags", type=int, default=200)
    parser.add_argument("--clients", default="1,100,1000")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    rows = [Row("load average of the machine before", f"{load:.2f}")]
    with tempfile.TemporaryDirectory(prefix="ferryman-flags-") as folder, Served(Path(folder) / "shop") as project:
        rows.append(disk(Path(folder), args.updates))
        controller = Controller(project, args.flags)
        eventually(lambda: controller.version() > 0, what="the flags")
        for count in map(int, args.clients.split(",")):
            found, size = follow(controller, count, args.updates)
            rows += [*found, *floor(count, args.updates, size)]
    return 0 if show(f"A change of one of {args.flags} flags, seen by its clients", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
