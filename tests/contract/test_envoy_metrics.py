"""The counters of the real Envoy, as the judge gets them."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import dataplane
from dataplane import HOST, Client
from ferryman.metrics.base import Counters
from ferryman.metrics.envoy import EnvoyMetrics
from ferryman.model.errors import Unreachable
from ferryman.model.world import Match
from ferryman.routers.envoy import process
from ferryman.routers.envoy.evidence import BOUNDS_US

pytestmark = pytest.mark.real


ZERO = Counters(0, 0, ())


async def counted(
    metrics: EnvoyMetrics, service: str, done: Callable[[dict[str, Counters]], bool], *, seconds: float = 10
) -> dict[str, Counters]:
    """Wait until the counters say what `done` awaits: a request is counted a moment after its answer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not done(found := await metrics.read(service)):
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.02)
    return found


def measured(found: dict[str, Counters], revision: str) -> int:
    return sum(found.get(revision, ZERO).buckets)


def test_the_bounds_are_those_that_envoy_was_told() -> None:
    assert [round(bound * 1000) for bound in EnvoyMetrics.bounds_ms] == list(BOUNDS_US)
    assert len(EnvoyMetrics.bounds_ms) == 57


def test_requests_errors_and_durations_per_revision(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0})
            metrics = EnvoyMetrics(tmp_path)
            assert await metrics.read("shop") == {}
            client = Client(shop.port)
            for _ in range(7):
                await client.get()
            for _ in range(3):
                await client.get("/fail")
            shop.instances["r1"][0].slow_seconds = 0.3
            await client.get("/slow")
            await shop.apply({"r2": 100.0})
            await client.get()
            found = await counted(metrics, "shop", lambda now: measured(now, "r1") == 11 and measured(now, "r2") == 1)
            one, two = found["r1"], found["r2"]
            assert (one.requests, one.errors, one.codes) == (11, 3, {"2xx": 8, "5xx": 3})
            assert (two.requests, two.errors, two.codes) == (1, 0, {"2xx": 1})
            assert len(one.buckets) == len(metrics.bounds_ms) + 1
            assert (sum(one.buckets), sum(two.buckets)) == (11, 1)
            slow = [
                bound for bound, count in zip(metrics.bounds_ms, one.buckets, strict=False) if count and bound >= 300
            ]
            assert len(slow) >= 1
            assert await metrics.read("cart") == {}
            assert await EnvoyMetrics(shop.router.admin_socket).read("shop") == found

    dataplane.run(body)


def test_what_never_answers_is_an_error_of_its_version(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1) as shop:
            await shop.apply({"r1": 100.0})
            client = Client(shop.port)
            assert (await client.get("/break")).status == 503
            await shop.instances["r1"][0].stop()
            assert (await client.get()).status == 503
            found = await counted(EnvoyMetrics(tmp_path), "shop", lambda now: now.get("r1", ZERO).requests == 2)
            assert (found["r1"].requests, found["r1"].errors) == (2, 2)

    dataplane.run(body)


def test_a_client_that_leaves_is_no_error(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1) as shop:
            await shop.apply({"r1": 100.0})
            for _ in range(3):
                _, writer = await asyncio.open_connection(HOST, shop.port)
                writer.write(b"GET /hang HTTP/1.1\r\nhost: shop\r\n\r\n")
                begun = shop.instances["r1"][0].requests
                await dataplane.until(lambda begun=begun: shop.instances["r1"][0].requests > begun, what="the request")
                writer.close()
            admin = shop.router._supervisor.admin

            async def left() -> bool:
                counts = await admin.counts(r"^fm\.req\..*\.code\.0\.flags\.DC$")
                return sum(counts.values()) == 3

            assert await process.poll_until(left, limit_seconds=10, every_seconds=0.02)
            await Client(shop.port).get()
            found = await counted(EnvoyMetrics(tmp_path), "shop", lambda now: measured(now, "r1") == 1)
            assert (found["r1"].requests, found["r1"].errors, sum(found["r1"].buckets)) == (1, 0, 1)

    dataplane.run(body)


def test_only_a_random_sample_of_users_counts(tmp_path: Path) -> None:
    """Neither testers nor our own preview checks are evidence, nor streams a duration."""

    async def body() -> None:
        async with dataplane.shop(tmp_path) as shop:
            await shop.apply({"r1": 100.0}, matches=(Match("header", "x-tester", None, "r2"),), preview="r2")
            client = Client(shop.port)
            for _ in range(5):
                assert (await client.get(x_tester="1")).body == "r2"
                assert (await Client(shop.preview_port).get()).body == "r2"
            await client.get(accept="text/event-stream")
            await client.get()
            found = await counted(EnvoyMetrics(tmp_path), "shop", lambda now: measured(now, "r1") == 1)
            assert set(found) == {"r1"}
            assert (found["r1"].requests, sum(found["r1"].buckets)) == (2, 1)

    dataplane.run(body)


def test_after_a_restart_counters_begin_again(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1) as shop:
            await shop.apply({"r1": 100.0})
            metrics = EnvoyMetrics(tmp_path)
            for _ in range(5):
                await Client(shop.port).get()
            await counted(metrics, "shop", lambda now: now.get("r1", ZERO).requests == 5)
            pid = shop.router.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await dataplane.until(lambda: shop.router.pid not in (None, pid), what="another Envoy")
            await dataplane.observed(shop.router, "shop", dataplane.RouteStatus.APPLIED)
            await Client(shop.port).get()
            found = await counted(metrics, "shop", lambda now: "r1" in now)
            assert found["r1"].requests == 1

    dataplane.run(body)


def test_without_envoy_it_is_unreachable(tmp_path: Path) -> None:
    async def body() -> None:
        for place in (tmp_path, tmp_path / "admin.sock"):
            with pytest.raises(Unreachable, match="cannot be read"):
                await EnvoyMetrics(place).read("shop")
        async with dataplane.envoy(tmp_path) as router:
            metrics = EnvoyMetrics(router.admin_socket)
            assert await metrics.read("shop") == {}
        with pytest.raises(Unreachable):
            await metrics.read("shop")

    dataplane.run(body)


@pytest.mark.slow
def test_what_takes_longer_than_the_last_bound_is_counted_beyond_it(tmp_path: Path) -> None:
    async def body() -> None:
        async with dataplane.shop(tmp_path, r1=1) as shop:
            await shop.apply({"r1": 100.0})
            streams: list[object] = []
            for seconds in (16.6, 17.2):
                shop.instances["r1"][0].slow_seconds = seconds
                reader, writer = await asyncio.open_connection(HOST, shop.port)
                streams += [reader, writer]
                writer.write(b"GET /slow HTTP/1.1\r\nhost: shop\r\n\r\n")
                begun = len(streams) // 2
                await dataplane.until(
                    lambda begun=begun: shop.instances["r1"][0].requests == begun, what="the request at its instance"
                )
            found = await counted(
                EnvoyMetrics(tmp_path), "shop", lambda now: now.get("r1", ZERO).requests == 2, seconds=30
            )
            assert found["r1"].buckets == (*[0] * 56, 1, 1)

    dataplane.run(body)
