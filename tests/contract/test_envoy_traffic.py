"""What users of a service behind the real Envoy meet: shares, stickiness, matches, preview, retries."""

import asyncio
import contextlib
import math
from collections import Counter
from pathlib import Path

import pytest

import dataplane
from dataplane import HOST, Client, Shop
from ferryman.model.generation import Generation
from ferryman.model.seen import RouteStatus
from ferryman.model.world import Listener, Match, RouteTable

pytestmark = pytest.mark.real
SIGMAS = 4.5
"""A share further from the asked one than this happens by chance once in 100,000 runs."""


async def sides(port: int, requests: int, *, clients: int = 8, **headers: str) -> Counter[str]:
    """Who answered `requests` requests."""
    found: Counter[str] = Counter()

    async def ask(count: int) -> None:
        client = Client(port)
        for _ in range(count):
            found[(await client.get(**headers)).body] += 1
        client.close()

    await asyncio.gather(*(ask(requests // clients) for _ in range(clients)))
    return found


def share_holds(hits: int, requests: int, percent: float) -> bool:
    share = percent / 100
    return abs(hits - requests * share) <= SIGMAS * math.sqrt(requests * share * (1 - share)) + 1


def test_shares_are_what_was_asked(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=2, r2=1) as shop:
            for percent in (0.5, 5.0, 25.0, 50.0):
                await shop.apply({"r1": 100 - percent, "r2": percent})
                found = await sides(shop.port, 1600)
                assert share_holds(found["r2"], 1600, percent), (percent, found)
            await shop.apply({"r1": 100.0})
            assert (await sides(shop.port, 200))["r1"] == 200

    dataplane.run(body)


def test_no_user_changes_side_while_the_candidate_grows(tmp_path: Path) -> None:
    async def body() -> None:
        users = 1000
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 95.0, "r2": 5.0}, sticky_key="cookie")
            cookies: list[str] = []
            where: list[str] = []
            client = Client(shop.port)
            for _ in range(users):
                answer = await client.get()
                cookies.append(answer.headers["set-cookie"].split(";")[0])
                where.append(answer.body)
            assert len(set(cookies)) == users
            assert share_holds(where.count("r2"), users, 5.0)
            for percent in (5.0, 25.0, 50.0, 100.0):
                await shop.apply({"r1": 100 - percent, "r2": percent}, sticky_key="cookie")
                answers = [await client.get(cookie=f"theme=dark; {cookie}; a=b") for cookie in cookies]
                assert not [answer for answer in answers if "set-cookie" in answer.headers], "cookie given anew"
                now = [answer.body for answer in answers]
                assert not [pair for pair in zip(where, now, strict=True) if pair == ("r2", "r1")], "moved back"
                assert share_holds(now.count("r2"), users, percent), (percent, now.count("r2"))
                where = now
            await shop.apply({"r1": 100.0}, sticky_key="cookie")
            assert {(await client.get(cookie=cookie)).body for cookie in cookies[:50]} == {"r1"}

    dataplane.run(body)


def test_a_third_revision_keeps_the_growing_one_monotone(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1, r2=1, r0=1) as shop:
            users = [f"u{number}" for number in range(400)]
            exposed: set[str] = set()
            for percent in (10.0, 40.0, 70.0):
                rest = (100 - percent) / 2
                await shop.apply({"r0": rest, "r1": rest, "r2": percent}, sticky_key="x-user")
                client = Client(shop.port)
                now = {user for user in users if (await client.get(x_user=user)).body == "r2"}
                assert exposed <= now
                assert share_holds(len(now), len(users), percent)
                exposed = now

    dataplane.run(body)


def test_a_client_cannot_choose_its_cookie(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 95.0, "r2": 5.0}, sticky_key="cookie")
            answer = await Client(shop.port).get(x_request_id="x; Domain=evil")
            assert "evil" not in answer.headers["set-cookie"]
            assert answer.headers["set-cookie"].startswith("fm_release-1=")
            assert "HttpOnly" in answer.headers["set-cookie"]

    dataplane.run(body)


def test_testers_meet_the_candidate_whatever_the_weights(tmp_path: Path) -> None:
    async def body() -> None:
        matches = (
            Match("header", "x-tester", "yes", "r2"),
            Match("header", "x-any", None, "r2"),
            Match("cookie", "beta", "1.0", "r2"),
            Match("cookie", "inside", None, "r2"),
            Match("header", "x-gone", None, "r9"),
        )
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0}, matches=matches, sticky_key="cookie")
            client = Client(shop.port)
            for headers in (
                {"x_tester": "yes"},
                {"x_any": "whatever"},
                {"cookie": "beta=1.0"},
                {"cookie": "a=b; beta=1.0; c=d"},
                {"cookie": "inside=x"},
            ):
                assert (await client.get(**headers)).body == "r2", headers
            for headers in (
                {"x_tester": "yes!"},
                {"cookie": "beta=1x0"},
                {"cookie": "notbeta=1.0"},
                {"cookie": "beta=1.01"},
                {"x_gone": "1"},
            ):
                assert (await client.get(**headers)).body == "r1", headers
            await shop.apply({"r1": 100.0})
            assert (await client.get(x_tester="yes")).body == "r1"

    dataplane.run(body)


def test_the_preview_port_shows_the_previewed_revision_only(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0}, preview="r2")
            assert await sides(shop.preview_port, 40) == {"r2": 40}
            assert await sides(shop.port, 40) == {"r1": 40}
            await shop.apply({"r1": 100.0})
            answer = await Client(shop.preview_port).get()
            assert (answer.status, answer.body) == (503, "shop: no revision is previewed now\n")

    dataplane.run(body)


def test_without_a_version_the_answer_says_so(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.envoy(tmp_path) as router:
            (port,) = dataplane.outside_ports(1)
            seen = await router.apply(RouteTable("shop", Listener(port), {}, {}), Generation(1, 1))
            assert seen.status == RouteStatus.APPLIED
            answer = await Client(port).get()
            assert (answer.status, answer.body) == (503, "shop: no version takes traffic yet\n")

    dataplane.run(body)


def test_a_dead_instance_costs_no_request(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=3) as shop:
            await shop.apply({"r1": 100.0})
            load = dataplane.Load(shop.port)
            await load.reach(200)
            shop.instances["r1"][0].retire()
            begun = load.requests
            await load.reach(begun + 600)
            await load.stop()
            assert not load.failures

    dataplane.run(body)


def test_an_error_of_the_version_is_not_repeated(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=2) as shop:
            await shop.apply({"r1": 100.0})
            client = Client(shop.port)
            assert [(await client.get("/fail")).status for _ in range(20)] == [500] * 20
            assert sum(up.requests for up in shop.instances["r1"]) == 20

    dataplane.run(body)


def test_a_websocket_passes(tmp_path: Path) -> None:
    """The upstream speaks just enough of RFC 6455: it switches protocols, then repeats what it is sent."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert b"upgrade: websocket" in (await reader.readuntil(b"\r\n\r\n")).lower()
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
            while data := await reader.read(100):
                writer.write(data)
        writer.close()

    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1) as shop:
            (port,) = dataplane.outside_ports(1)
            server = await asyncio.start_server(echo, HOST, port)
            shop.instances["r1"][0].port = port
            await shop.apply({"r1": 100.0})
            reader, writer = await asyncio.open_connection(HOST, shop.port)
            writer.write(b"GET /ws HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101")
            for word in (b"one", b"two"):
                writer.write(word)
                assert await reader.readexactly(3) == word
            writer.close()
            server.close()

    dataplane.run(body)


def test_a_shadow_header_of_a_client_does_not_pass(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            text = (await Client(shop.port).get("/headers", x_ferryman_shadow="1", x_other="2")).body.lower()
            assert "x-ferryman-shadow" not in text
            assert "x-other: 2" in text

    dataplane.run(body)


def test_a_changed_port_moves_the_service(tmp_path: Path) -> None:
    async def body(shop: Shop) -> None:
        (other,) = dataplane.outside_ports(1)
        await shop.apply({"r1": 100.0})
        await shop.apply({"r1": 100.0}, port=other)
        assert (await Client(other).get()).body == "r1"
        with pytest.raises(OSError, match="Connect call failed"):
            await Client(shop.port).get()

    async def outside() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await body(shop)

    dataplane.run(outside)
