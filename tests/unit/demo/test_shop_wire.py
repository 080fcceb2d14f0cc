"""The sample shop on real sockets in this process: HTTP, drain, and the answers it chooses."""

import asyncio
import json
import re

import pytest

from ferryman.demo import shop_http
from unit.demo.peers import running_shop, send, until

GET = b"GET %s HTTP/1.1\r\nHost: shop\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"


def ask(*pieces: bytes, half_close: bool = False, **options: object) -> bytes:
    async def run() -> bytes:
        async with running_shop(**options) as (_, port):
            return await send(port, *pieces, half_close=half_close)

    return asyncio.run(run())


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"^HTTP/1\.1 (\d{3}) ", answer, re.MULTILINE)]


def body(answer: bytes) -> dict[str, object]:
    return json.loads(answer.rpartition(b"\r\n\r\n")[2])


def test_one_connection_carries_many_requests() -> None:
    answer = ask(GET % b"/", GET % b"/catalog", GET % b"/healthz", LAST % b"/checkout")
    assert statuses(answer) == [200, 200, 200, 200]
    assert answer.count(b"X-Version: v1\r\n") == answer.count(b"X-Instance: i-1\r\n") == 4
    assert answer.count(b"Connection: close") == 1


def test_pipelined_requests_are_answered_in_order_each_after_its_time() -> None:
    paths = [b"/", b"/nope", b"/catalog", b"/whoami"] * 5
    answer = ask(b"".join(GET % path for path in paths) + LAST % b"/healthz", latency_ms=2.0)
    assert statuses(answer) == [200, 404, 200, 200] * 5 + [200]


def test_a_request_may_come_byte_by_byte() -> None:
    message = b"\r\n" + LAST % b"/"
    assert statuses(ask(*(message[index : index + 1] for index in range(len(message))))) == [200]


def test_bodies_are_read_and_ignored() -> None:
    post = b"POST /checkout HTTP/1.1\r\nHost: shop\r\n"
    answer = ask(
        post + b"Content-Length: 12\r\n\r\nGET / HTTP/9",
        post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        LAST % b"/",
    )
    assert statuses(answer) == [200, 200, 200]


def test_a_client_that_waits_to_be_told_gets_told() -> None:
    head = (
        b"POST /checkout HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert statuses(ask(head, b"ok")) == [100, 200]


def test_head_has_the_length_and_no_body() -> None:
    head = ask((LAST % b"/catalog").replace(b"GET", b"HEAD"))
    get = ask(LAST % b"/catalog")
    assert head == get.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        (b"GET nopath HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_a_malformed_request_is_refused_and_ends_the_connection(message: bytes, status: int) -> None:
    answer = ask(message)
    assert statuses(answer) == [status]
    assert b"X-Version: v1\r\n" in answer
    assert b"Connection: close\r\n" in answer


def test_a_method_that_is_not_meant_is_refused_and_the_connection_lives() -> None:
    answer = ask(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", LAST % b"/")
    assert statuses(answer) == [405, 200]
    assert b"Allow: GET, HEAD, POST\r\n" in answer


def test_a_client_that_has_said_all_is_answered() -> None:
    assert statuses(ask(GET % b"/", half_close=True, latency_ms=20.0)) == [200]


def test_whoami_echoes_what_routing_looks_at_and_no_credentials() -> None:
    answer = ask(
        b"GET /whoami?key=hidden HTTP/1.1\r\nHost: shop\r\nX-User: tester\r\nCookie: fm_r=1\r\n"
        b"Authorization: Bearer hidden\r\nX-Api-Key: hidden\r\nConnection: close\r\n\r\n"
    )
    said = body(answer)
    assert (said["version"], said["instance"], said["revision"]) == ("v1", "i-1", "r-1")
    assert said["headers"] == {"host": "shop", "x-user": "tester", "cookie": "fm_r=1"}
    assert b"hidden" not in answer


def test_errors_name_their_version_and_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(GET % b"/", GET % b"/healthz", LAST % b"/checkout?card=1234", error_percent=100.0)
    assert statuses(answer) == [500, 200, 500]
    assert answer.count(b"X-Version: v1\r\n") == 3
    assert capsys.readouterr().out.splitlines() == [
        "error status=500 path=/ number=1",
        "error status=500 path=/checkout number=2",
    ]


def test_a_share_of_requests_fails() -> None:
    answer = ask(GET % b"/" * 2000 + LAST % b"/", error_percent=10.0)
    assert 150 < statuses(answer).count(500) < 250


def test_before_it_is_ready_no_page_is_served() -> None:
    async def run() -> list[int]:
        async with running_shop() as (server, port):
            server.shop.ready = False
            return statuses(await send(port, GET % b"/healthz", LAST % b"/"))

    assert asyncio.run(run()) == [503, 503]


@pytest.mark.parametrize(("option", "status"), [(True, 503), (False, 200)])
def test_health_while_draining_is_an_option(option: bool, status: int) -> None:
    async def run() -> bytes:
        async with running_shop(unready_while_draining=option) as (server, port):
            server.shop.draining = True
            return await send(port, GET % b"/healthz")

    answer = asyncio.run(run())
    assert statuses(answer) == [status]
    assert b"Connection: close\r\n" in answer


def test_drain_ends_what_runs_and_closes_what_idles() -> None:
    async def run() -> tuple[bytes, int, float]:
        async with running_shop(slow_percent=100.0, slow_ms=300.0) as (server, port):
            loop = asyncio.get_running_loop()
            busy = loop.create_task(send(port, GET % b"/"))
            idle = loop.create_task(send(port, b""))
            half = loop.create_task(send(port, GET % b"/healthz", b"GET / HTT"))
            await until(lambda: sum(one.unfinished for one in server.connections) == 2, "two unfinished requests")
            await until(lambda: len(server.connections) == 3, "three connections")
            began = loop.time()
            cut = await server.drain(1.5)
            took = loop.time() - began
            with pytest.raises(ConnectionRefusedError):
                await send(port, GET % b"/")
            assert await idle == b""
            await asyncio.gather(half, return_exceptions=True)
            return await busy, cut, took

    answer, cut, took = asyncio.run(run())
    assert statuses(answer) == [200]
    assert b"Connection: close\r\n" in answer
    assert cut == 1, "the request that never came in full"
    assert 1.4 < took < 4


def test_drain_of_an_idle_shop_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_http, "LINGER_SECONDS", 8.0)

    async def run() -> float:
        async with running_shop() as (server, port):
            clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            await until(lambda: len(server.connections) == 5, "five connections")
            began = asyncio.get_running_loop().time()
            draining = asyncio.get_running_loop().create_task(server.drain(10))
            for reader, writer in clients:
                assert await reader.read() == b""
                writer.close()
            assert await draining == 0
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(run()) < 4


def test_a_client_that_never_reads_does_not_fill_the_memory() -> None:
    async def run() -> int:
        async with running_shop() as (server, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(200):
                writer.write(GET % b"/catalog" * 1000)
                try:
                    async with asyncio.timeout(0.3):
                        await writer.drain()
                except TimeoutError:
                    break
            else:
                pytest.fail("the shop read all of it")
            connection = next(iter(server.connections))
            held = len(connection._buffer) + connection._transport.get_write_buffer_size()
            writer.transport.abort()
            return held

    assert asyncio.run(run()) < 1024 * 1024


def test_a_request_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_http, "REQUEST_READ_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(shop_http, "SWEEP_SECONDS", 0.02)
    assert statuses(ask(b"GET / HTTP/1.1\r\n")) == [408]


def test_an_idle_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_http, "IDLE_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(shop_http, "SWEEP_SECONDS", 0.02)
    assert statuses(ask(GET % b"/")) == [200]
