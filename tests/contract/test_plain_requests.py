"""Plain requests are answered as all others are: the same request with one header more goes the usual way, and is compared.

Over real sockets: in one piece or in several, one after the other, more than one at once, and by clients that leave.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ferryman.api import plain
from ferryman.api.plain import PlainRequest, plain_request
from served_flags import ServedFlags, serving_flags

SECONDS = 30.0
PATH = "/ofrep/v1/evaluate/flags"
DOCUMENT = """\
flags:
  simple: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
  listed: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{allow: [ana], serve: on}]}
"""
USUAL = "X-Odd: 1\r\n"
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    with serving_flags(tmp_path_factory.mktemp("flags"), DOCUMENT) as made:
        yield made


@pytest.fixture
def client(served: ServedFlags) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as made:
        made.settimeout(SECONDS)
        yield made


def request(token: str, key: str = "/simple", body: Any = None, more: str = "") -> bytes:
    content = json.dumps({"context": {"targetingKey": "ana"}} if body is None else body).encode()
    head = f"POST {PATH}{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{more}"
    head += f"Authorization: Bearer {token}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def answer(client: socket.socket, behind: bytearray | None = None) -> Answer:
    """One answer; what was read beyond it goes to `behind`."""
    data = bytes(behind or b"")
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        assert more, data
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    length = int(headers.get("content-length", 0))
    while len(rest) < length:
        rest += client.recv(65536)
    if behind is not None:
        behind[:] = rest[length:]
    headers.pop("date")
    return int(first.split(" ")[1]), headers, rest[:length]


def asked(client: socket.socket, *pieces: bytes) -> Answer:
    for piece in pieces:
        client.sendall(piece)
    return answer(client)


def without_ticket(found: Answer) -> Answer:
    status, headers, body = found
    told = json.loads(body)
    endpoint = told["eventStreams"][0]["endpoint"]
    endpoint["requestUri"], ticket, _ = endpoint["requestUri"].partition("?ticket=")
    assert ticket
    return (
        status,
        {name: value for name, value in headers.items() if name != "content-length"},
        json.dumps(told).encode(),
    )


@pytest.mark.parametrize(
    ("key", "body", "token"),
    [
        ("/simple", None, ""),
        ("/listed", {"context": {"targetingKey": "ben"}}, ""),
        ("/gone", None, ""),
        ("/simple", {"context": 3}, ""),
        ("/simple", {"other": 3}, ""),
        ("/simple", {}, ""),
        ("/simple", {"context": {"long": "x" * 100_000}}, ""),
        ("/simple", {"context": {"long": "x" * 3_000_000}}, ""),
        ("", None, ""),
        ("/simple", None, "wrong"),
    ],
)
def test_the_answer_is_the_same(served: ServedFlags, client: socket.socket, key: str, body: Any, token: str) -> None:
    given = token or served.token
    assert plain_request(request(given, key, body)) is not None
    assert plain_request(request(given, key, body, USUAL)) is None
    one = asked(client, request(given, key, body))
    with socket.create_connection(client.getpeername()) as other:
        other.settimeout(SECONDS)
        usual = asked(other, request(given, key, body, USUAL))
    if not key:  # each names a ticket of its own
        one, usual = without_ticket(one), without_ticket(usual)
    assert one == usual


def test_an_answer_that_is_known_has_no_body(served: ServedFlags, client: socket.socket) -> None:
    status, headers, _ = asked(client, request(served.token, ""))
    assert status == 200
    found = asked(client, request(served.token, "", more=f"If-None-Match: {headers['etag']}\r\n"))
    assert (found[0], found[2]) == (304, b"")
    assert asked(client, request(served.token))[0] == 200, "the connection goes on"


def test_one_connection_serves_plain_ones_and_others_in_turn(served: ServedFlags, client: socket.socket) -> None:
    for n in range(30):
        whole = request(served.token, more=USUAL if n % 3 == 1 else "")
        cut = (n * 37) % len(whole)
        pieces = (whole,) if n % 2 else (whole[:cut], whole[cut:])
        status, _, body = asked(client, *[piece for piece in pieces if piece])
        assert (status, json.loads(body)["value"]) == (200, True)


@pytest.mark.parametrize("more", ["", USUAL])
def test_requests_that_do_not_wait_are_answered_in_order(served: ServedFlags, client: socket.socket, more: str) -> None:
    keys = ["/simple", "/listed", "/gone"] * 10
    for key in keys:
        client.sendall(request(served.token, key, more=more))
    behind = bytearray()
    found = [answer(client, behind) for _ in keys]
    assert [json.loads(body)["key"] for _, _, body in found] == [key[1:] for key in keys]
    client.sendall(b"".join(request(served.token, key) for key in keys))
    found = [answer(client, behind) for _ in keys]
    assert [status for status, _, _ in found] == [200, 200, 404] * 10


def test_a_client_that_leaves_disturbs_nobody(served: ServedFlags, client: socket.socket) -> None:
    for _ in range(20):
        with socket.create_connection(client.getpeername()) as other:
            other.sendall(request(served.token, ""))
    assert asked(client, request(served.token))[0] == 200


def test_a_page_of_another_site_is_told_that_it_may(served: ServedFlags, client: socket.socket) -> None:
    _, headers, _ = asked(client, request(served.token, more="Origin: https://shop.example\r\n"))
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"


GOOD = request("T", body={})


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"POST", b"post"),
        (b"POST", b"GET"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
        (b"/simple", b"/simple?environment=prod"),
        (b"/simple", b"/sim%70le"),
        (b"/simple", b"/a/b"),
        (b"/simple ", b"/simple  "),
        (PATH.encode(), b"/v1/flags/evaluations"),
        (b"Host: 127.0.0.1\r\n", b""),
        (b"Host: ", b"Host : "),
        (b"Host: 127.0.0.1\r\n", b"Host: a\r\nHost: a\r\n"),
        (b"Host: 127.0.0.1\r\n", b"Host: a\r\n b\r\n"),
        (b"Host: 127.0.0.1\r\n", b"Host: a\rb\r\n"),
        (b"Host: 127.0.0.1\r\n", b"Host: a\nb\r\n"),
        (b"Host: 127.0.0.1\r\n", b"Host:\r\n"),
        (b"Host: 127.0.0.1\r\n", b"Host: \x80\r\n"),
        (b"Content-Length: 2", b"Content-Length: 3"),
        (b"Content-Length: 2", b"Content-Length: 1"),
        (b"Content-Length: 2", b"Content-Length: +2"),
        (b"Content-Length: 2", b"Content-Length: 02"),
        (b"Content-Length: 2", b"Content-Length: 2, 2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nConnection: close"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nExpect: 100-continue"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nUpgrade: websocket"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nIdempotency-Key: k"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nUser-Agent: " + b"x" * plain.HEAD_BYTES_MAX),
        (b"\r\n\r\n{}", b"\r\n\r\n{} "),
        (b"\r\n\r\n{}", b"\r\n\r\n{"),
        (b"\r\n\r\n{}", b"\r\n"),
    ],
)
def test_what_is_odd_in_the_least_way_is_not_plain(was: bytes, now: bytes) -> None:
    assert was in GOOD
    assert plain_request(GOOD.replace(was, now, 1)) is None


def test_what_is_plain() -> None:
    assert plain_request(GOOD) == PlainRequest(
        f"{PATH}/simple",
        [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer T"),
            (b"content-length", b"2"),
        ],
        b"{}",
    )
