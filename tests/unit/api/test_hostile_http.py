"""Clients that mean no good, against the real server over its sockets: each is held to its bound, and nobody else notices."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from certificates import make_certificate
from ferryman.api import connection, requests
from ferryman.api.connection import HEADER_BYTES_MAX
from ferryman.api.connection_book import ADDRESS_CONNECTIONS_MAX, RESERVED_FILES, Book, raise_file_limit, tcp_book
from ferryman.api.place import ControllerRecord
from ferryman.api.stream import response
from ferryman.model.settings import Listen, Settings
from support import eventually
from unit.api.doors_kit import with_token
from unit.api.fake_controller import FakeController, serving
from unit.cli.samples import CANARY, event

SECONDS = 20.0
HERE = Listen("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.5)
    monkeypatch.setattr(connection, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.5)


@pytest.fixture
def fake() -> FakeController:
    return FakeController(services={"shop": CANARY})


@pytest.fixture
def record(fake: FakeController, tmp_path: Path) -> Iterator[ControllerRecord]:
    with serving(fake, tmp_path, listen=HERE) as made:
        yield made
        # Whatever was done to it, everybody else is served.
        assert httpx2.get(f"{made.url}/v1/services", timeout=SECONDS).status_code == 200


def owner(record: ControllerRecord) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(record.socket)
    return made


def caller(record: ControllerRecord) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(str(record.url).rpartition(":")[2])))
    made.settimeout(SECONDS)
    return made


def rest(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65536):
            said += data
    return said


def told(said: bytes) -> tuple[int, str]:
    """Status and code of a refusal."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, said
    return int(head.split()[1]), json.loads(body)["code"]


def drip(client: socket.socket, first: bytes, drop: bytes) -> bytes:
    """Send `first`, then `drop` again and again until the server has enough; what it said."""
    client.sendall(first)
    client.settimeout(0.05)
    deadline = time.monotonic() + SECONDS
    said = b""
    while time.monotonic() < deadline:
        try:
            data = client.recv(65536)
        except TimeoutError:
            with contextlib.suppress(OSError):
                client.send(drop)
            continue
        except ConnectionError:
            return said
        if not data:
            return said
        said += data
    raise AssertionError(f"after {SECONDS:g} s the server still listens; it said {said!r}")


@pytest.mark.parametrize("first", [b"", b"GET /v1/services HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_headers_that_trickle_in_are_given_up(record: ControllerRecord, first: bytes) -> None:
    with caller(record) as client:
        assert told(drip(client, first, b"x: y\r\n" if first else b"")) == (408, "slow_request")


def test_so_are_those_of_a_second_request(record: ControllerRecord) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with caller(record) as client:
        client.sendall(ask)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert told(drip(client, ask[:-2], b"x: y\r\n")) == (408, "slow_request")


@pytest.mark.parametrize("method", [b"POST /v1/services/shop/pause", b"GET /healthz"])
def test_a_body_that_trickles_in_is_given_up(record: ControllerRecord, method: bytes) -> None:
    first = method + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    with owner(record) as client:
        said = drip(client, first, b" ")
    assert said.startswith(b"HTTP/1.1 408" if b"POST" in method else b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 2 * HEADER_BYTES_MAX + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: " + b"a" * 2 * HEADER_BYTES_MAX + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"x: y\r\n" * (HEADER_BYTES_MAX // 3) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: " + b"a" * 4 * HEADER_BYTES_MAX,
    ],
    ids=["line", "header", "headers", "without an end"],
)
@pytest.mark.parametrize("parts", [1, 50])
def test_headers_that_are_too_large_are_refused(record: ControllerRecord, head: bytes, parts: int) -> None:
    step = -(-len(head) // parts)
    with caller(record) as client, contextlib.suppress(ConnectionError):
        for start in range(0, len(head), step):
            client.sendall(head[start : start + step])
            time.sleep(0.001)
        said = rest(client)
        assert not said or told(said) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nx: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(record: ControllerRecord, nonsense: bytes) -> None:
    with caller(record) as client:
        client.sendall(nonsense)
        said = rest(client)
    answers = [line for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert all(line.startswith(b"HTTP/1.1 4") for line in answers), said


def test_a_request_behind_another_is_not_mistaken_for_its_body(record: ControllerRecord, fake: FakeController) -> None:
    hidden = b"POST /v1/services/shop/abort HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
    with owner(record) as client:
        client.sendall(
            b"POST /v1/services/shop/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden
        )
        rest(client)
    assert [call[0] for call in fake.calls if call[0] in {"pause", "abort"}] == []


def test_many_requests_in_one_breath_are_answered_one_by_one(record: ControllerRecord) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    count = 300
    with caller(record) as client:
        client.sendall(ask * (count - 1) + ask[:-2] + b"Connection: close\r\n\r\n")
        assert rest(client).count(b"HTTP/1.1 200") == count


def test_who_asks_and_never_reads_is_cut_off(
    record: ControllerRecord, fake: FakeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "BEHIND_BYTES_MAX", 4096)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", int(str(record.url).rpartition(":")[2])))
        client.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        eventually(lambda: clients(record) == 1, what="the client to follow", seconds=SECONDS)
        for position in range(5, 400):
            fake.log.append(event(position, "x" * 20_000))
        eventually(lambda: clients(record) == 0, what="the client to be cut off", seconds=SECONDS)


def clients(record: ControllerRecord) -> int:
    return figure(record, "ferryman_stream_clients")


def figure(record: ControllerRecord, name: str) -> int:
    lines = httpx2.get(f"{record.url}/metrics", timeout=SECONDS).text.splitlines()
    return int(float(next(line for line in lines if line.startswith(name + " ")).split()[1]))


def test_one_address_cannot_have_all_connections(fake: FakeController, tmp_path: Path) -> None:
    settings = Settings(str(tmp_path), HERE, connections_per_address=3)
    with serving(fake, tmp_path, settings=settings) as record, contextlib.ExitStack() as stack:
        held = [stack.enter_context(caller(record)) for _ in range(3)]
        with caller(record) as fourth:
            assert told(rest(fourth)) == (503, "too_many_connections")
        transport = httpx2.HTTPTransport(uds=record.socket)
        with httpx2.Client(transport=transport, base_url="http://localhost") as command:
            assert command.get("/v1/services").status_code == 200, "the socket is not bounded by it"
        held[0].close()
        eventually(lambda: admitted(record), what="room for another", seconds=SECONDS)


def admitted(record: ControllerRecord) -> bool:
    with caller(record) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return rest(client).startswith(b"HTTP/1.1 200")


def test_other_machines_have_a_bound_and_this_one_that_of_all() -> None:
    book = Book(1000)
    assert [book.enter("10.0.0.1") for _ in range(ADDRESS_CONNECTIONS_MAX)] == [None] * ADDRESS_CONNECTIONS_MAX
    assert book.enter("10.0.0.1") is not None
    assert book.enter("10.0.0.2") is None
    assert book.enter("::1") is None
    book.leave("10.0.0.1")
    book.leave("10.0.0.1")
    assert book.enter("10.0.0.1") is None
    while book.enter("127.0.0.1") is None:
        pass
    assert book.refused == 2


def test_clients_leave_the_controller_files_for_its_work() -> None:
    assert tcp_book(1024, None).most == 1024 - RESERVED_FILES
    assert tcp_book(10, None).most == 1
    code = "import resource as r; from ferryman.api.connection_book import raise_file_limit as f; "
    code += "r.setrlimit(r.RLIMIT_NOFILE, (300, 900)); print(f(), r.getrlimit(r.RLIMIT_NOFILE)[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["900", "900"]
    assert raise_file_limit() <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_who_never_comes_to_the_end_of_tls_is_counted_from_the_start(tmp_path: Path) -> None:
    fake, _ = with_token()
    tls = make_certificate(tmp_path)
    settings = Settings(str(tmp_path), HERE, tls=tls, connections_per_address=3)
    trusted = ssl.create_default_context(cafile=str(tmp_path / "ferry.pem"))
    with serving(fake, tmp_path, settings=settings) as record, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(caller(record)) for _ in range(3)]
        with caller(record) as fourth:
            assert rest(fourth) == b"", "turned away without a word: it speaks no HTTP yet"
        for one in silent:
            one.close()

        def alive() -> bool:
            try:
                return httpx2.get(f"{record.url}/healthz", verify=trusted, timeout=SECONDS).status_code == 200
            except httpx2.TransportError:
                return False

        eventually(alive, what="room for another", seconds=SECONDS)
