"""The load client on real sockets, against a good shop and against servers that do wrong in every way it must name."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from ferryman.demo.load import LoadClient, LoadReport, report_between
from support import free_port
from unit.demo.peers import Script, read_request, running_shop, scripted_server, until

OK = b"HTTP/1.1 200 OK\r\nX-Version: v1\r\nContent-Length: 2\r\n\r\nok"


def client(port: int, **options: object) -> LoadClient:
    chosen: dict[str, object] = {"rate_per_second": 100, "connections": 2, "timeout_seconds": 5.0, "seed": 1, **options}
    return LoadClient(f"http://127.0.0.1:{port}", **chosen)  # pyright: ignore[reportArgumentType]


async def run_until(one: LoadClient, requests: int) -> LoadReport:
    await one.start()
    await until(lambda: one.snapshot().requests >= requests, f"{requests} requests")
    return await one.stop()


def against(script: Script, requests: int, **options: object) -> LoadReport:
    async def run() -> LoadReport:
        async with scripted_server(script) as port:
            return await run_until(client(port, **options), requests)

    return asyncio.run(run())


def answer_all(answer: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)

    return script


def answer_once(answer: bytes, after: Callable[[], Awaitable[None]] | None = None) -> Script:
    """One answer a connection, then (after something) the end of it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        if after is not None:
            await after()

    return script


def test_a_steady_stream_over_the_connections_asked_for() -> None:
    async def run() -> LoadReport:
        async with running_shop(latency_ms=2.0) as (server, port):
            one = client(port, rate_per_second=400, connections=6, headers={"X-User": "tester"})
            await one.start()
            await asyncio.sleep(1.0)
            assert len(server.connections) == one.snapshot().connections_open >= 6
            return await one.stop()

    report = asyncio.run(run())
    assert report.requests_per_second == pytest.approx(400, rel=0.1)
    assert report.client_failures == report.app_errors == report.skipped == report.retried == 0
    assert list(report.versions) == ["v1"]
    v1 = report.versions["v1"]
    assert v1.requests == report.requests
    assert v1.share_percent == 100
    assert v1.p50_ms is not None
    assert v1.p50_ms > 1.5
    assert report.started_epoch_seconds <= v1.first_seen_epoch_seconds <= v1.last_seen_epoch_seconds


def test_errors_of_the_service_are_not_failures() -> None:
    async def run() -> LoadReport:
        async with running_shop(version="v3", error_percent=50.0) as (_, port):
            return await run_until(client(port, rate_per_second=500), 200)

    report = asyncio.run(run())
    assert report.client_failures == 0
    assert report.app_errors == report.versions["v3"].app_errors
    assert 50 < report.app_errors < report.requests - 50


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_status_without_a_version_is_a_failure(status: int) -> None:
    report = against(answer_all(b"HTTP/1.1 %d X\r\nContent-Length: 10\r\n\r\nno healthy" % status), 5)
    assert report.client_failures == report.requests >= 5
    assert report.failures_by_kind == {"status": report.requests}
    assert f"{status} without version: no healthy" in report.examples[0].text
    assert report.app_errors == 0
    assert report.connections_opened == 2, "the connection itself was good"


def test_an_error_status_below_500_with_a_version_is_a_refusal() -> None:
    report = against(answer_all(b"HTTP/1.1 404 X\r\nX-Version: v1\r\nContent-Length: 0\r\n\r\n"), 5)
    assert (report.client_failures, report.app_errors) == (0, 0)
    assert report.versions["v1"].refusals == report.requests


def test_no_listener_is_a_failure_each_time() -> None:
    report = asyncio.run(run_until(client(free_port()), 10))
    assert report.client_failures == report.requests >= 10
    assert report.failures_by_kind == {"connect": report.requests}


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\nX-Ver", OK[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na"]
)
def test_a_connection_that_ends_before_its_answer_is_a_failure(part: bytes) -> None:
    report = against(answer_once(part), 5)
    assert report.failures_by_kind == {"reset": report.requests}
    assert report.retried == 0, "a first request of a connection is not retried"


def test_a_reset_in_the_middle_is_a_failure() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await read_request(reader)
        writer.write(OK[:-1])
        await writer.drain()
        await asyncio.sleep(0.02)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()

    report = against(script, 5)
    assert report.failures_by_kind == {"reset": report.requests}


def test_what_is_no_http_is_a_failure() -> None:
    report = against(answer_once(b"SSH-2.0-x\r\n\r\n"), 5)
    assert report.failures_by_kind == {"protocol": report.requests}


def test_no_answer_in_time_is_a_failure_and_stop_is_bounded() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await reader.read(-1)

    async def run() -> tuple[LoadReport, float]:
        async with scripted_server(silent) as port:
            one = client(port, timeout_seconds=0.3, max_connections=3)
            await one.start()
            await asyncio.sleep(0.6)
            began = asyncio.get_running_loop().time()
            report = await one.stop()
            return report, asyncio.get_running_loop().time() - began

    report, took = asyncio.run(run())
    assert report.failures_by_kind == {"timeout": report.requests}
    assert report.requests > 40, "those that waited for a connection count too"
    assert took < 3


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length"),
        b"HTTP/1.0 200 OK\r\nX-Version: v1\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nX-Version: v1\r\n\r\nuntil the end",
    ],
)
def test_an_announced_close_is_no_failure(answer: bytes) -> None:
    report = against(answer_once(answer), 20)
    assert (report.client_failures, report.retried) == (0, 0)
    assert report.versions["v1"].requests == report.connections_opened == report.requests


def test_a_close_between_requests_is_no_failure() -> None:
    report = against(answer_once(OK), 20, rate_per_second=50)
    assert report.client_failures == 0
    assert report.versions["v1"].requests == report.requests


def close_at_second_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> Awaitable[None]:
    async def script() -> None:
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)

    return script()


def test_a_request_on_a_stale_connection_is_retried_once() -> None:
    report = against(close_at_second_request, 20)
    assert report.client_failures == 0
    assert report.retried >= 5
    assert report.versions["v1"].requests == report.requests


def test_a_retry_that_fails_too_is_one_failure() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        if number == 0:
            writer.write(OK)
            await read_request(reader)

    report = against(script, 10, connections=1)
    assert report.versions["v1"].requests == report.retried == 1
    assert report.client_failures == report.requests - 1


def test_what_is_not_idempotent_is_not_retried() -> None:
    report = against(close_at_second_request, 10, paths=("POST /checkout",))
    assert report.retried == 0
    assert report.failures_by_kind == {"reset": report.client_failures}
    assert report.client_failures >= 4


def test_interim_answers_and_chunks_are_understood() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nX-Version: v1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    report = against(answer_all(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + chunked), 10)
    assert report.client_failures == 0
    assert report.connections_opened == 2


def test_a_slow_server_does_not_slow_the_stream() -> None:
    async def run() -> tuple[LoadReport, int]:
        async with running_shop(slow_percent=100.0, slow_ms=300.0) as (_, port):
            one = client(port, rate_per_second=100, connections=2)
            await one.start()
            await asyncio.sleep(1.0)
            opened = one.snapshot().connections_open
            return await one.stop(), opened

    report, opened = asyncio.run(run())
    assert report.requests > 90
    assert report.client_failures == 0
    assert opened >= 25, "as many as the answers under way need"


def test_windows_split_a_run_without_loss() -> None:
    async def run() -> None:
        async with running_shop() as (_, port):
            one = client(port, rate_per_second=300)
            await one.start()
            first = one.snapshot()
            await until(lambda: one.snapshot().requests >= 50, "50 requests")
            second = one.snapshot()
            await until(lambda: one.snapshot().requests >= 120, "120 requests")
            whole = await one.stop()
            third = one.snapshot()
            parts = [report_between(first, second), report_between(second, third)]
            assert sum(part.requests for part in parts) == whole.requests
            assert sum(part.versions["v1"].requests for part in parts) == whole.versions["v1"].requests

    asyncio.run(run())


def test_users_keep_their_cookies_and_their_moves_are_counted() -> None:
    """Each user is told its first version by a cookie; every third request of the server's ignores it."""
    issued = 0
    handled = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        nonlocal issued, handled
        while True:
            head = await read_request(reader)
            handled += 1
            cookie = b""
            if b"\r\nCookie: side=" in head:
                side = head.partition(b"side=")[2][:2]
            else:
                issued += 1
                side = b"v1" if issued % 2 else b"v2"
                cookie = b"Set-Cookie: side=%s; Max-Age=100\r\n" % side
            if handled > 40 and handled % 3 == 0:
                side = b"v9"
            writer.write(b"HTTP/1.1 200 OK\r\nX-Version: %s\r\n%sContent-Length: 0\r\n\r\n" % (side, cookie))

    async def run() -> tuple[LoadReport, LoadReport, LoadClient]:
        async with scripted_server(script) as port:
            one = client(port, users=10, rate_per_second=200)
            await one.start()
            await until(lambda: one.snapshot().requests >= 35, "35 requests")
            early = report_between(None, one.snapshot())
            await until(lambda: one.snapshot().requests >= 120, "120 requests")
            return early, await one.stop(), one

    early, late, one = asyncio.run(run())
    assert issued == 10, "each user was told once"
    assert early.moved_back == 0
    assert early.moves == {}
    trails = one.user_trails()
    assert late.moved_back == sum(trail.moved_back for trail in trails) > 5
    assert {trail.versions[0] for trail in trails} == {"v1", "v2"}
    assert set(late.moves) == {"v1>v9", "v9>v1", "v2>v9", "v9>v2"}


def test_busy_users_are_skipped_not_doubled() -> None:
    async def run() -> LoadReport:
        async with running_shop(slow_percent=100.0, slow_ms=200.0) as (_, port):
            one = client(port, users=3, rate_per_second=100)
            await one.start()
            await until(lambda: one.snapshot().skipped > 20, "skipped requests")
            assert one.snapshot().in_flight <= 3
            return await one.stop()

    assert asyncio.run(run()).client_failures == 0


def test_a_stall_of_the_client_is_no_burst() -> None:
    async def run() -> LoadReport:
        async with running_shop() as (_, port):
            one = client(port, rate_per_second=100)
            await one.start()
            import time

            time.sleep(1.5)  # noqa: ASYNC251 - the stall itself
            await until(lambda: one.snapshot().requests >= 40, "40 requests")
            return await one.stop()

    report = asyncio.run(run())
    assert report.skipped >= 90
    assert report.client_failures == 0


@pytest.mark.parametrize(
    ("url", "options", "text"),
    [
        ("https://127.0.0.1", {}, "no base URL"),
        ("http://127.0.0.1/path", {}, "no base URL"),
        ("http://192.0.2.1:80", {}, "loopback"),
        ("http://example.test", {}, "loopback"),
        ("http://127.0.0.1", {"rate_per_second": 0}, "rate_per_second is 0"),
        ("http://127.0.0.1", {"connections": 0}, "connections is 0"),
        ("http://127.0.0.1", {"users": -1}, "users is -1"),
        ("http://127.0.0.1", {"timeout_seconds": 0}, "timeout_seconds is 0"),
        ("http://127.0.0.1", {"paths": ()}, "paths is empty"),
        ("http://127.0.0.1", {"paths": ("nopath",)}, "'nopath'"),
        ("http://127.0.0.1", {"headers": {"a b": "c"}}, "'a b'"),
        ("http://127.0.0.1", {"headers": {"a": "c\r\nd: e"}}, "header 'a'"),
    ],
)
def test_wrong_arguments_are_named(url: str, options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        LoadClient(url, **{"rate_per_second": 10.0, **options})
