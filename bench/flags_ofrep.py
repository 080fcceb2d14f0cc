"""Evaluations by OFREP: how many a second `ferry serve` does on one core, beside a bare server around openfeature-flagd-core.

    python bench/flags_ofrep.py [--seconds 5]

Both are asked the same by the same client: a flag of five rules of which the fifth matches, a tenth of the users, and one
without targeting, in turn. Each is kept to one core and the client to another; they take turns. Then each is asked at half of
what it did, and a request is late from when it was due. The controller checks a token, bounds what a client may do and sends
the headers that keep browsers safe; the bare server does none of it. It runs with what `ferry serve` has (h11, asyncio), and
with what is faster (httptools, uvloop).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
from _table import Row, show

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from dashboard import Served  # noqa: E402
from support import free_port  # noqa: E402

SERVER_CORE, CLIENT_CORE = 0, 1
USERS = 500
RULES = [
    'country in ["de", "at"]', 'tier == "gold"', 'ends_with(email, "@example.com")', 'plan in ["trial"]', 'beta == "yes"',
]  # fmt: skip
BOTH = {"kind": "ops", "variants": {"on": True, "off": False}, "off": "off"}
FLAGS = {
    "plain": {**BOTH, "default": "on"},
    "rules": {**BOTH, "rules": [{"when": rule, "serve": "on" if rule is RULES[-1] else "off"} for rule in RULES]},
    "share": {**BOTH, "rollout": {"exposure": 10}},
}


def requests(token: str) -> list[bytes]:
    """Of each user, each flag."""
    made: list[bytes] = []
    for n in range(USERS):
        about = {"country": "fr", "tier": "silver", "plan": "pro", "beta": "yes", "email": f"user-{n}@shop.example"}
        body = json.dumps({"context": {"targetingKey": f"user-{n}", **about}}).encode()
        for key in FLAGS:
            head = (
                f"POST /ofrep/v1/evaluate/flags/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            )
            head += f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
            made.append(head.encode() + body)
    return made


@contextlib.contextmanager
def controller(folder: Path) -> Iterator[tuple[tuple[int, int], str, dict[str, Any]]]:
    """A real one: its port and process, a token, and its flags as flagd has them."""
    with Served(folder / "shop") as project:
        project.serve()
        record = json.loads((project.state / "controller.json").read_text())
        os.sched_setaffinity(record["pid"], {SERVER_CORE})
        transport = httpx2.HTTPTransport(uds=record["socket"])
        with httpx2.Client(transport=transport, base_url="http://localhost", timeout=30) as owner:
            owner.post("/v1/flags", json={"document": json.dumps({"flags": FLAGS}), "parent": 0}).raise_for_status()
            asked = {"name": "bench", "program": "server", "environment": "prod"}
            token = str(owner.post("/v1/tokens", json=asked).json()["token"])
            served = owner.get("/v1/flags/definitions", params={"environment": "prod"}).json()
        yield (project.web_port, record["pid"]), token, {"flags": served["flags"]}


@contextlib.contextmanager
def peer(flags: dict[str, Any], http: str, loop: str) -> Iterator[tuple[int, int]]:
    """The bare server: its port and its process."""
    port = free_port()
    command = [sys.executable, str(HERE / "_ofrep_peer.py"), str(port), http, loop]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    try:
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        assert process.stdin is not None
        process.stdin.write(json.dumps(flags))
        process.stdin.close()
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < until, "the bare server did not start"
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.kill()
        process.wait(30)


def press(server: tuple[int, int], asked: list[bytes], seconds: float, rate: float = 0.0) -> dict[str, Any]:
    """What the clients found, and the microseconds of a core that an evaluation took."""
    port, pid = server
    command = [sys.executable, str(HERE / "_ofrep_load.py"), "--port", str(port)]
    command += ["--seconds", str(seconds), "--rate", str(rate)]
    lines = "\n".join(each.hex() for each in asked)
    before = sum(psutil.Process(pid).cpu_times()[:2])
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=True, timeout=seconds + 120,
        preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT_CORE}),
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert not found["wrong"], found
    return {**found, "cpu": (sum(psutil.Process(pid).cpu_times()[:2]) - before) / found["count"] * 1e6}


def same_answers(servers: list[tuple[int, int]], asked: list[bytes]) -> None:
    """What is timed is the same work."""
    for request in asked[:60]:
        head, _, body = request.decode().partition("\r\n\r\n")
        path, token = head.split(" ")[1], head.partition("Bearer ")[2].partition("\r\n")[0]
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answers = [
            httpx2.post(f"http://127.0.0.1:{port}{path}", content=body, headers=headers).json() for port, _ in servers
        ]
        assert len({(each["value"], each["variant"]) for each in answers}) == 1, answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rows = [Row("load average of the machine before", f"{os.getloadavg()[0]:.2f}")]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-ofrep-")))
        server, token, flags = stack.enter_context(controller(folder))
        servers = {"ferry serve": server}
        for http, loop in (("h11", "asyncio"), ("httptools", "uvloop")):
            servers[f"bare server, {http}, {loop}"] = stack.enter_context(peer(flags, http, loop))
        asked = requests(token)
        same_answers(list(servers.values()), asked)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
        for _ in range(args.rounds):
            for name, place in servers.items():
                found[name].append(press(place, asked, args.seconds))
        for name, place in servers.items():
            best = max(each["per_second"] for each in found[name])
            late = press(place, asked, args.seconds, best / 2)["late"]
            cpu = min(each["cpu"] for each in found[name])
            rows += [
                Row(f"{name}: evaluations a second", f"{best:,.0f}"),
                Row("  of a core for each", f"{cpu:.0f} us"),
                Row("  at half of that: p50; p99", f"{late[len(late) // 2]:.2f}; {late[int(len(late) * 0.99)]:.2f} ms"),
            ]
    return 0 if show("Evaluations by OFREP, one core each", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
