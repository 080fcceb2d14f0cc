"""Evidence from a real Prometheus server, which reads programs of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from ferryman.engine.prometheus import make_prometheus
from ferryman.metrics.base import BOUNDS_MS, Counters
from ferryman.metrics.prometheus import BODY_BYTES_MAX, Prometheus, PrometheusMetrics
from ferryman.model.errors import AdapterError, Rejected, Unreachable
from ferryman.model.evidence_source import PrometheusServer, PrometheusSource
from ferryman.model.secret import Secret
from ferryman.model.settings import Settings
from prometheus_kit import Exporter, PrometheusProcess, prometheus
from receivers import HttpReceiver
from support import free_port

T = TypeVar("T")
NAMES = ("on", 'o"ff}', "new\\path", "día")
ARMS = {name: {"variant": name, "flag": "new-checkout"} for name in NAMES}
LE = ("0.01", "0.1", "1", "+Inf")


def page(counts: dict[str, tuple[int, int]]) -> str:
    """Counters of requests and failures by variant. Those that fail take 0.5 s, the others 5 ms."""
    lines = ["# TYPE shop_requests_total counter"]
    for variant, (requests, failures) in counts.items():
        label = 'variant="' + variant.replace("\\", "\\\\").replace('"', '\\"') + '"'
        lines.append(f'shop_requests_total{{{label},code="200"}} {requests - failures}')
        lines.append(f'shop_requests_total{{{label},code="500"}} {failures}')
        for le in LE:
            count = requests if le in {"1", "+Inf"} else requests - failures
            lines.append(f'shop_seconds_bucket{{{label},le="{le}"}} {count}')
    return "\n".join(lines) + "\n"


class Shops:
    """Two processes of one program, and the server that reads both."""

    def __init__(self, one: Exporter, other: Exporter, server: PrometheusProcess) -> None:
        self.one, self.other, self.server = one, other, server

    def count(self, exporter: Exporter, counts: dict[str, tuple[int, int]]) -> None:
        """Set the counters of one, and wait until the server has read them."""
        exporter.lines, exporter.down = page(counts), False
        where = f'instance="{exporter.address}"'
        for variant, (requests, _) in counts.items():
            label = variant.replace("\\", "\\\\").replace('"', '\\"')
            self.server.read(f'sum(shop_requests_total{{variant="{label}",{where}}})', requests)

    def end(self, exporter: Exporter) -> None:
        """One does not answer any more."""
        exporter.down = True
        self.server.read(f'sum(shop_requests_total{{instance="{exporter.address}"}})', None)

    def source(self) -> PrometheusSource:
        """How its counters are asked for."""
        return PrometheusSource(
            PrometheusServer(self.server.url),
            requests='shop_requests_total{variant="{{variant}}"}',
            errors="shop_requests_total{variant='{{variant}}', code=~\"5..\"}",
            duration='shop_seconds_bucket{variant="{{variant}}"}',
        )


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[Shops]:
    one, other = Exporter(), Exporter()
    try:
        with prometheus(tmp_path, one, other) as server:
            yield Shops(one, other, server)
    finally:
        one.close()
        other.close()


def with_server(url: str, use: Callable[[Prometheus], Awaitable[T]]) -> T:
    async def run() -> T:
        server = Prometheus(url)
        try:
            return await use(server)
        finally:
            await server.close()

    return asyncio.run(run())


def placed(counters: Counters) -> dict[float, int]:
    """Upper bound in ms -> requests, of the classes that have any."""
    return {bound: count for bound, count in zip((*BOUNDS_MS, float("inf")), counters.buckets, strict=True) if count}


@pytest.mark.real
def test_counters_of_every_arm_whatever_it_is_called(shops: Shops) -> None:
    async def use(server: Prometheus) -> None:
        metrics = PrometheusMetrics(server, shops.source())
        shops.count(shops.one, dict.fromkeys(NAMES, (1000, 10)))
        assert await metrics.read(ARMS) == {}
        shops.count(shops.one, {name: (1100 + n, 10 + n) for n, name in enumerate(NAMES)})
        found = await metrics.read(ARMS)
        assert {name: (each.requests, each.errors) for name, each in found.items()} == {
            name: (100 + n, n) for n, name in enumerate(NAMES)
        }
        slow = next(bound for bound in BOUNDS_MS if bound >= 1000)
        fast = next(bound for bound in BOUNDS_MS if bound >= 10)
        assert placed(found["new\\path"]) == {fast: 100, slow: 2}

    with_server(shops.server.url, use)


@pytest.mark.real
def test_counters_never_fall_whatever_becomes_of_the_processes(shops: Shops) -> None:
    arms = {"on": ARMS["on"]}

    async def use(server: Prometheus) -> None:
        metrics, seen = PrometheusMetrics(server, shops.source()), list[int]()

        async def read() -> None:
            seen.append(sum(each.requests for each in (await metrics.read(arms)).values()))

        shops.count(shops.one, {"on": (500, 0)})
        await read()
        shops.count(shops.other, {"on": (30, 0)})  # a second process, which began meanwhile
        await read()
        shops.count(shops.one, {"on": (20, 0)})  # the first began anew
        await read()
        shops.end(shops.one)
        await read()
        shops.count(shops.one, {"on": (25, 0)})
        await read()
        assert seen == [0, 30, 50, 50, 55]
        shops.end(shops.one)
        shops.end(shops.other)
        with pytest.raises(Unreachable, match="gives nothing any more") as caught:
            await metrics.read(arms)
        assert shops.server.url in caught.value.message
        shops.count(shops.other, {"on": (31, 0)})
        await read()
        assert seen[-1] == 56

    with_server(shops.server.url, use)


@pytest.mark.real
def test_single_values_and_queries_that_are_none(shops: Shops) -> None:
    shops.count(shops.one, {"on": (7, 1)})
    url = shops.server.url
    assert with_server(url, lambda server: server.value('sum(shop_requests_total{code="500"})')) == 1.0
    assert with_server(url, lambda server: server.value("scalar(vector(2.5))")) == 2.5
    assert with_server(url, lambda server: server.value("nobody_counts_this")) is None
    assert with_server(url, lambda server: server.value("0 / 0")) is None
    for query, words in (("sum(", "bad_data"), ("shop_requests_total", "2 series"), ("up[5m]", "matrix")):
        with pytest.raises(Rejected, match=words) as caught:
            with_server(url, lambda server, query=query: server.value(query))
        assert query in caught.value.message
        assert url in caught.value.message


def test_a_server_that_is_not_there_or_is_another() -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=gone):
        with_server(gone, lambda server: server.value("up"))
    with HttpReceiver() as other:
        other.answer = lambda _: (302, {"Location": gone}, b"")
        with pytest.raises(AdapterError, match=other.url):
            with_server(other.url, lambda server: server.value("up"))


def test_an_answer_without_end_is_not_taken_in() -> None:
    with HttpReceiver() as other:
        other.answer = lambda _: (200, {}, b" " * (BODY_BYTES_MAX + 1))
        with pytest.raises(Rejected, match="more than"):
            with_server(other.url, lambda server: server.value("up"))


def test_a_secret_is_sent_and_told_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    place = PrometheusServer("", Secret(env="TEST_METRICS_TOKEN"))

    async def ask(url: str) -> None:
        server = make_prometheus(msgspec.structs.replace(place, url=url), settings)
        try:
            await server.value("up")
        finally:
            await server.close()

    with HttpReceiver() as other:
        with pytest.raises(AdapterError, match="TEST_METRICS_TOKEN is not set"):
            asyncio.run(ask(other.url))
        monkeypatch.setenv("TEST_METRICS_TOKEN", "s3cret")
        with pytest.raises(AdapterError) as caught:
            asyncio.run(ask(other.url))
        assert [each.headers["authorization"] for each in other.requests] == ["Bearer s3cret"]
    assert "s3cret" not in str(caught.value)
