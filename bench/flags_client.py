"""How a client of `ferryman-flags` starts and follows: without a server, after a change, after a fork.

    python bench/flags_client.py [--rounds N]

The server is the small one of the tests, in a process of its own on loopback; what a change takes in it is part of the figure.
Times are of the clock on the wall, so a busy machine shows in them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdk" / "src"))
from ferryman_flags import FlagClient, disk
from ferryman_flags.server import Server
from flag_server import TOKEN, FlagServer
from flag_worlds import flag
from support import free_port

FLAGS = 200
WAIT_SECONDS = 30.0


def serve(orders: Connection) -> None:
    """Answer each order by the time (`time.monotonic`, one clock for all processes) at which a flag was changed."""
    with FlagServer() as server:
        server.flags = {f"flag-{n}": flag(False) for n in range(FLAGS)}
        orders.send(server.url)
        while (value := orders.recv()) is not None:
            at = time.monotonic()
            server.set(**{"flag-0": flag(value)})
            orders.send(at)


def start(rounds: int) -> list[Row]:
    """A port that refuses, and a snapshot of 200 flags."""
    url = f"http://127.0.0.1:{free_port()}"
    document = {"version": 1, "flags": {f"flag-{n}": flag(True) for n in range(FLAGS)}}
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flags.json"
        disk.save(path, json.dumps(document).encode(), source=Server(url, TOKEN).source, version=1, now=time.time())
        for _ in range(rounds):
            began = time.monotonic()
            client = FlagClient(url, TOKEN, snapshot=path)
            right = client.bool("flag-7", False)
            taken.append((time.monotonic() - began) * 1000)
            assert right
            client.close()
    middle = statistics.median(taken)
    return [Row("start with a snapshot, the server down, median", f"{middle:.1f} ms", "<= 50 ms", middle <= 50)]


def follow(url: str, orders: Connection, rounds: int) -> list[Row]:
    with FlagClient(url, TOKEN) as client:
        assert client.ready(WAIT_SECONDS)
        taken: list[float] = []
        for n in range(rounds):
            value = n % 2 == 0
            orders.send(value)
            taken.append((seen(client, value) - orders.recv()) * 1000)
    taken.sort()
    middle, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
    return [
        Row("a change is seen, one client, median", f"{middle:.1f} ms", "<= 3 ms", middle <= 3),
        Row("  of 100 changes the slowest but one", f"{late:.1f} ms"),
    ]


def seen(client: FlagClient, value: bool) -> float:
    """When the client evaluates to this value."""
    until = time.monotonic() + WAIT_SECONDS
    while client.bool("flag-0", not value) is not value:
        if time.monotonic() > until:
            raise TimeoutError("the change did not arrive")
        time.sleep(0.0001)
    return time.monotonic()


def fork(url: str, orders: Connection) -> list[Row]:
    """A child of a process whose client is current: until it sees a change that was made at the moment of the fork."""
    with FlagClient(url, TOKEN) as client:
        assert client.ready(WAIT_SECONDS)
        orders.send(False)
        seen(client, False)
        orders.recv()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os.write(writer, str(seen(client, True)).encode())
            os._exit(0)
        orders.send(True)
        at: Any = orders.recv()
        os.waitpid(child, 0)
        taken = float(os.read(reader, 100)) - at
    return [Row("a forked worker sees a change", f"{taken * 1000:.1f} ms", "<= 1 s", taken <= 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="changes, and a fifth as many starts (%(default)s)")
    rounds = parser.parse_args().rounds
    logging.disable()  # that a server is down is said in the log, and here it is the point
    orders, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        url: str = orders.recv()
        rows = start(max(rounds // 5, 1)) + follow(url, orders, rounds) + fork(url, orders)
        orders.send(None)
        server.join(WAIT_SECONDS)
    finally:
        server.kill()
    return 0 if show("A client of flags", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
