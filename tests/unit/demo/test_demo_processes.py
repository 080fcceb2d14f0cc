"""Shop and load client as the processes that they are in the demo."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ferryman.demo.load import LoadSnapshot, read_snapshot, report_between
from support import eventually, free_port

pytestmark = pytest.mark.real

SOURCE = Path(__file__).resolve().parents[3] / "src"


def start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"ferryman.demo.{module}", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def started_shop(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    port = free_port()
    shop = start("shop", *arguments, PORT=str(port), FERRYMAN_INSTANCE="i-7", FERRYMAN_REVISION="r-7")
    eventually(lambda: get(port, "/healthz"), what="the shop to listen")
    return shop, port


def ended(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    return process.returncode, out, err


def test_a_shop_says_who_it_is_and_drains_at_sigterm() -> None:
    shop, port = started_shop("--version", "v2")
    status, text = get(port, "/whoami")
    said = json.loads(text)
    assert (status, said["version"], said["instance"], said["revision"]) == (200, "v2", "i-7", "r-7")
    code, out, err = ended(shop)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"start version=v2 instance=i-7 port={port} pid={shop.pid}"
    assert lines[-1].startswith("stop version=v2 served=")


def test_a_running_request_outlives_sigterm() -> None:
    shop, port = started_shop("--slow-percent", "100", "--slow-ms", "800")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.1)
        shop.send_signal(signal.SIGTERM)
        answer = b""
        while piece := client.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close\r\n" in answer
    assert shop.wait(timeout=10) == 0


def test_the_drain_is_bounded() -> None:
    shop, port = started_shop("--slow-percent", "100", "--slow-ms", "60000", "--drain-limit-seconds", "0.3")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.1)
        code, out, _ = ended(shop)
    assert code == 0
    assert " cut=1 " in out


def test_readiness_comes_late() -> None:
    shop, port = started_shop("--start-seconds", "1")
    assert get(port, "/healthz")[0] == 503
    eventually(lambda: get(port, "/healthz")[0] == 200, what="readiness")
    ended(shop)


def test_readiness_never_comes_and_goes() -> None:
    never, port = started_shop("--never-ready")
    assert get(port, "/healthz")[0] == 503
    ended(never)
    leaving, port = started_shop("--unready-after", "0.1")
    eventually(lambda: get(port, "/healthz")[0] == 503, what="the loss of readiness")
    assert get(port, "/")[0] == 200
    assert "unready\n" in ended(leaving)[1]


def test_exits_are_as_told() -> None:
    at_once = start("shop", "--exit-at-once", "7", PORT=str(free_port()))
    out, _ = at_once.communicate(timeout=15)
    assert (at_once.returncode, out) == (7, "exit at once code=7\n")
    later, _ = started_shop("--exit-after", "0.2")
    out, _ = later.communicate(timeout=15)
    assert later.returncode == 1
    assert out.endswith("crash code=1\n")


def test_sigterm_can_be_ignored_and_the_drain_be_slow() -> None:
    stubborn, port = started_shop("--ignore-sigterm")
    stubborn.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert get(port, "/")[0] == 200
    code, out, _ = ended(stubborn, signal.SIGINT)
    assert code == 0
    assert "SIGTERM ignored\n" in out
    slow, port = started_shop("--slow-drain-seconds", "1")
    began = time.monotonic()
    slow.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert get(port, "/")[0] == 200, "it serves on while it drains slowly"
    assert slow.wait(timeout=10) == 0
    assert time.monotonic() - began > 1


def test_memory_leaks_and_cpu_burns() -> None:
    shop, port = started_shop("--leak-mb-per-second", "100", "--burn-cpu", "0.3")
    process = psutil.Process(shop.pid)
    before = process.memory_info().rss
    eventually(lambda: process.memory_info().rss > before + 50 * 1024 * 1024, what="50 MB more")
    burnt = sum(process.cpu_times()[:2])
    time.sleep(1)
    assert sum(process.cpu_times()[:2]) - burnt > 0.1
    assert get(port, "/")[0] == 200
    ended(shop)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "text"),
    [
        ((), {"PORT": ""}, 2, "PORT must be a number"),
        ((), {"PORT": "70000"}, 2, "PORT must be a number"),
        (("--error-percent", "101"), {"PORT": "1"}, 2, "101 is not between 0 and 100"),
        (("--version", "v 1"), {"PORT": "1"}, 2, "is no version"),
    ],
)
def test_a_wrong_call_is_explained(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, text: str
) -> None:
    shop = start("shop", *arguments, **environment)
    _, err = shop.communicate(timeout=15)
    assert shop.returncode == code
    assert text in err
    assert "Traceback" not in err


def test_a_taken_port_is_explained() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        shop = start("shop", PORT=str(port))
        _, err = shop.communicate(timeout=15)
    assert shop.returncode == 1
    assert err.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in err


def test_the_load_process_reports_each_second_and_at_the_end(tmp_path: Path) -> None:
    shop, port = started_shop("--version", "v5")
    file = tmp_path / "load.json"
    load = start("load", "--url", f"http://127.0.0.1:{port}", "--rate", "200", "--report", str(file), "--json")

    def snapshot_with(requests: int) -> LoadSnapshot | None:
        now = read_snapshot(file)
        return now if now.requests >= requests else None

    first = eventually(lambda: snapshot_with(0), what="a first report")
    second = eventually(lambda: snapshot_with(first.requests + 151), what="a later report")
    code, out, err = ended(load)
    assert (code, err) == (0, "")
    printed = json.loads(out)
    content = json.loads(file.read_text())
    assert content["finished"] is True
    assert content["report"]["requests"] == printed["requests"] == printed["versions"]["v5"]["requests"]
    assert printed["client_failures"] == 0
    assert report_between(first, second).versions["v5"].requests > 150
    assert list(tmp_path.iterdir()) == [file], "nothing else is left"
    ended(shop)


def test_the_load_process_ends_by_itself_and_explains_a_wrong_call() -> None:
    load = start("load", "--url", f"http://127.0.0.1:{free_port()}", "--seconds", "0.5", "--rate", "20")
    out, _ = load.communicate(timeout=15)
    assert load.returncode == 0
    assert "failure connect: GET /" in out
    wrong = start("load", "--url", "http://192.0.2.1:80")
    _, err = wrong.communicate(timeout=15)
    assert wrong.returncode == 2
    assert "only calls loopback addresses" in err
