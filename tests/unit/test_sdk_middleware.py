"""The middleware binds a context to each request, and adds each request to the variants that it was given."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ferryman_flags import FlagClient
from ferryman_flags.evidence import CLASSES, EXPOSURES_MAX, Evidence, duration_class, hashed_key
from ferryman_flags.middleware import AsgiFlags, WsgiFlags
from flag_worlds import flag, targeted

FLAGS = {
    "flags": {
        "new": targeted({"if": [{"==": [{"var": "targetingKey"}, "u1"]}, "on"]}),
        "gone": flag(True, state="DISABLED"),
    }
}


@pytest.fixture
def flags() -> FlagClient:
    client = FlagClient("", bootstrap=FLAGS)  # no address: it only evaluates
    client.bool("new", False, {"targetingKey": "u1"})
    return client


def told(flags: FlagClient) -> tuple[dict[tuple[str, str], tuple[int, int]], list[dict[str, Any]]]:
    outcomes, exposures = flags.evidence.drain()
    for outcome in outcomes:
        assert sum(outcome["durations"]) == outcome["requests"]
    return {(o["flag"], o["variant"]): (o["requests"], o["failures"]) for o in outcomes}, exposures


async def _asgi(scope: Any, status: int | None, flags: FlagClient) -> list[Any]:
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        flags.bool("gone", False)
        value = flags.bool("new", False)
        await asyncio.sleep(0)
        value = value and flags.bool("new", False)
        if status is None:
            raise RuntimeError("the application failed")
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "body": str(value).encode()})

    async def receive() -> Any:
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    middleware = AsgiFlags(application, flags, lambda scope: {"targetingKey": scope["user"]})
    await middleware(scope, receive, send)
    return sent


def asgi(flags: FlagClient, user: str, status: int | None, kind: str = "http") -> list[Any]:
    return asyncio.run(_asgi({"type": kind, "user": user}, status, flags))


def test_asgi_requests_are_told_apart_by_variant(flags: FlagClient) -> None:
    assert asgi(flags, "u1", 200)[-1]["body"] == b"True"
    assert asgi(flags, "u2", 404)[-1]["body"] == b"False"
    asgi(flags, "u1", 503)
    with pytest.raises(RuntimeError, match="the application"):
        asgi(flags, "u2", None)
    outcomes, exposures = told(flags)
    assert outcomes == {("new", "on"): (2, 1), ("new", "off"): (2, 1)}
    assert exposures.count({"flag": "new", "variant": "on", "key": hashed_key("u1")}) == 2
    assert "u1" not in str(exposures)
    assert told(flags) == ({}, [])


def test_a_websocket_and_a_lifespan_are_no_requests(flags: FlagClient) -> None:
    assert asgi(flags, "u1", 200, "websocket")[-1]["body"] == b"True"
    assert asgi(flags, "u1", 200, "lifespan")[-1]["body"] == b"False"
    assert told(flags) == ({}, [])


def test_requests_at_the_same_time_do_not_mix(flags: FlagClient) -> None:
    async def many() -> list[list[Any]]:
        requests = [_asgi({"type": "http", "user": f"u{n % 2}"}, 200, flags) for n in range(40)]
        return await asyncio.gather(*requests)

    answers = asyncio.run(many())
    assert [answer[-1]["body"] for answer in answers] == [b"False", b"True"] * 20
    assert told(flags)[0] == {("new", "on"): (20, 0), ("new", "off"): (20, 0)}


def wsgi(flags: FlagClient, user: str, status: str, body: Callable[[bool], Iterable[bytes]]) -> list[bytes]:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return body(flags.bool("new", False))

    def start_response(status: str, *_: Any) -> None:
        started.append(status)

    started: list[str] = []
    middleware = WsgiFlags(application, flags, lambda environ: {"targetingKey": environ["user"]})
    answer = middleware({"user": user}, start_response)
    assert not flags.bool("new", True), "nothing is bound outside the application"
    pieces: list[bytes] = []
    try:
        for piece in answer:
            pieces.append(piece)
            assert not flags.bool("new", True)
    finally:
        answer.close()  # pyright: ignore[reportAttributeAccessIssue] - as a server does
    assert started == [status]
    return pieces


def test_wsgi_requests_are_told_apart_by_variant(flags: FlagClient) -> None:
    def lazily(value: bool) -> Iterable[bytes]:
        yield str(value).encode()
        yield str(flags.bool("new", False)).encode()

    def badly(value: bool) -> Iterable[bytes]:
        yield b"begun"
        raise RuntimeError("the body failed")

    assert wsgi(flags, "u1", "200 OK", lambda value: [str(value).encode()]) == [b"True"]
    assert wsgi(flags, "u1", "200 OK", lazily) == [b"True", b"True"]
    assert wsgi(flags, "u2", "500 No", lazily) == [b"False", b"False"]
    with pytest.raises(RuntimeError, match="the body"):
        wsgi(flags, "u2", "200 OK", badly)
    assert told(flags)[0] == {("new", "on"): (2, 0), ("new", "off"): (2, 2)}


def test_a_context_that_cannot_be_made_costs_no_request(flags: FlagClient) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [str(flags.bool("new", False)).encode()]

    assert list(WsgiFlags(application, flags, lambda _: 1 // 0)({}, lambda *_: None)) == [b"False"]  # pyright: ignore[reportArgumentType]


def test_durations_have_classes() -> None:
    assert [duration_class(ms / 1000) for ms in (0, 1, 1.1, 1.9, 2, 2.1, 4, 1000, 16_384, 10**9)] == [
        0,
        0,
        1,
        4,
        4,
        5,
        8,
        40,
        56,
        CLASSES - 1,
    ]


def test_the_sample_is_bounded_and_even() -> None:
    evidence = Evidence()
    for n in range(5000):
        evidence.add([("f", "on")], f"user-{n}", ok=True, seconds=0)
    _, exposures = evidence.drain()
    assert len(exposures) == EXPOSURES_MAX
    late = {hashed_key(f"user-{n}") for n in range(2500, 5000)}
    assert 20 <= sum(exposure["key"] in late for exposure in exposures) <= 80
