"""Evaluations by OFREP: how many a second `ferry serve` does on one core, beside a bare server around openfeature-flagd-core.

    python bench/flags_ofrep.py [--seconds 5] [--proxy FOLDER]

Both are asked the same by the same client: a flag of five rules of which the fifth matches, a tenth of the users, and one
without targeting, in turn. Each is kept to one core and the client to another; they take turns. Then each is asked at half of
what it did, and a request is late from when it was due. The controller checks a token, bounds what a client may do and sends
the headers that keep browsers safe; the bare server does none of it. It runs with what `ferry serve` has (h11, asyncio), and
with what is faster (httptools, uvloop).

With `--proxy`, all three flags are asked for at once as well, of the controller by OFREP and of Unleash's proxy from npm, which
follows the controller.
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
from urllib.parse import urlencode

import httpx2
import psutil
from _table import Row, show

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from dashboard import Served  # noqa: E402
from support import eventually, free_port  # noqa: E402

SERVER_CORE, CLIENT_CORE = 0, 1
START_SECONDS = 60.0
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


def about(n: int) -> dict[str, str]:
    """What is known of a user."""
    more = {"country": "fr", "tier": "silver", "plan": "pro", "beta": "yes", "email": f"user-{n}@shop.example"}
    return {"targetingKey": f"user-{n}", **more}


def requests(token: str) -> list[bytes]:
    """Of each user, each flag."""
    made: list[bytes] = []
    for n in range(USERS):
        body = json.dumps({"context": about(n)}).encode()
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
def started(command: list[str], told: str, port: int, **environment: str) -> Iterator[tuple[int, int]]:
    """A server that is told something on its standard input: its port and its process."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        assert process.stdin is not None
        process.stdin.write(told)
        process.stdin.close()
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, f"{command[0]} ended"
            assert time.monotonic() < until, f"{command[0]} did not start"
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.kill()
        process.wait(30)


def bare(flags: dict[str, Any], http: str, loop: str) -> contextlib.AbstractContextManager[tuple[int, int]]:
    """The bare server."""
    port = free_port()
    return started([sys.executable, str(HERE / "_ofrep_peer.py"), str(port), http, loop], json.dumps(flags), port)


def proxy(folder: Path, upstream: int, token: str) -> contextlib.AbstractContextManager[tuple[int, int]]:
    """Unleash's own, from npm, with our controller for the server it gets its features from."""
    port = free_port()
    script = f"""
        const {{ createApp }} = require({json.dumps(str(folder / "node_modules/@unleash/proxy"))});
        createApp({{ unleashUrl: "http://127.0.0.1:{upstream}/api", unleashApiToken: {json.dumps(token)},
                     clientKeys: ["bench"], unleashAppName: "bench", logLevel: "error" }}).listen({port}, "127.0.0.1");
    """
    return started(["node", "-"], script, port)


def of_all(token: str) -> dict[str, list[bytes]]:
    """Of each user all flags at once: by OFREP, and as the proxy is asked."""
    ofrep: list[bytes] = []
    unleash: list[bytes] = []
    for n in range(USERS):
        body = json.dumps({"context": about(n)}).encode()
        head = "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        ofrep.append(f"{head}Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        given = {f"properties[{name}]": value for name, value in about(n).items() if name != "targetingKey"}
        query = urlencode({"userId": f"user-{n}", **given})
        unleash.append(f"GET /proxy?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: bench\r\n\r\n".encode())
    return {"ferry serve": ofrep, "unleash-proxy": unleash}


def knows_flags(port: int) -> None:
    """Wait until the proxy has its features and gives the right ones."""
    query = {"userId": "user-1", "properties[beta]": "yes"}

    def names() -> set[str]:
        answer = httpx2.get(f"http://127.0.0.1:{port}/proxy", params=query, headers={"authorization": "bench"})
        return {each["name"] for each in answer.json()["toggles"]} if answer.status_code == 200 else set()

    eventually(lambda: names() >= {"plain", "rules"}, what="the features in the proxy", seconds=START_SECONDS)


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


def compared(
    servers: dict[str, tuple[int, int]], asked: dict[str, list[bytes]], each: int, args: argparse.Namespace
) -> list[Row]:
    """Servers in turn, with `each` evaluations a request."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
    for _ in range(args.rounds):
        for name, place in servers.items():
            found[name].append(press(place, asked[name], args.seconds))
    rows: list[Row] = []
    for name, place in servers.items():
        best = max(one["per_second"] for one in found[name])
        late = press(place, asked[name], args.seconds, best / 2)["late"]
        cpu = min(one["cpu"] for one in found[name]) / each
        rows += [
            Row(f"{name}: evaluations a second", f"{best * each:,.0f}"),
            Row("  of a core for each", f"{cpu:.0f} us"),
            Row("  at half of that: p50; p99", f"{late[len(late) // 2]:.2f}; {late[int(len(late) * 0.99)]:.2f} ms"),
        ]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--proxy", type=Path, help="a folder in which `npm install @unleash/proxy` was run")
    args = parser.parse_args()
    load = Row("load average of the machine before", f"{os.getloadavg()[0]:.2f}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-ofrep-")))
        server, token, flags = stack.enter_context(controller(folder))
        servers = {"ferry serve": server}
        with contextlib.ExitStack() as bares:
            for http, loop in (("h11", "asyncio"), ("httptools", "uvloop")):
                servers[f"bare server, {http}, {loop}"] = bares.enter_context(bare(flags, http, loop))
            asked = requests(token)
            same_answers(list(servers.values()), asked)
            rows = compared(servers, dict.fromkeys(servers, asked), 1, args)
        show("Evaluations by OFREP, one flag a request, one core each", [load, *rows])
        if args.proxy:
            other = stack.enter_context(proxy(args.proxy.resolve(), server[0], token))
            knows_flags(other[0])
            both = {"ferry serve": server, "unleash-proxy": other}
            show("All flags for one user, one core each", compared(both, of_all(token), len(FLAGS), args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
