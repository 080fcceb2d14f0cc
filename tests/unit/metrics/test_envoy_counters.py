"""Reading Envoy's answer: what is a request, what an error, and what is no evidence at all."""

from typing import Any

import pytest

from ferryman.metrics.base import Counters
from ferryman.metrics.envoy import BOUNDS_MS, read_counters
from ferryman.metrics.memory import MemoryMetrics
from ferryman.model.errors import Unreachable


def request(
    code: int, flags: str = "-", value: int = 1, version: str = "shop--r1", route: str = "split"
) -> dict[str, Any]:
    return {"name": f"fm.req.version.{version}.route.{route}.code.{code}.flags.{flags}", "value": value}


@pytest.mark.parametrize(
    ("code", "flags", "requests", "errors"),
    [
        (200, "-", 1, 0),
        (404, "-", 1, 0),
        (500, "-", 1, 1),
        (503, "UF", 1, 1),
        (503, "UF,URX", 1, 1),
        (503, "UH", 1, 1),
        (503, "UO", 1, 1),
        (504, "UT", 1, 1),
        (200, "UC", 1, 1),
        (0, "UC", 1, 1),
        (0, "DC", 0, 0),
        (0, "-", 0, 0),
        (200, "DC", 1, 0),
    ],
)
def test_what_counts(code: int, flags: str, requests: int, errors: int) -> None:
    found = read_counters([request(code, flags)], "shop")
    assert (found["r1"].requests, found["r1"].errors) == (requests, errors) if requests else found == {}


def test_series_of_a_revision_are_summed() -> None:
    stats = [
        request(200, value=90),
        request(500, value=7),
        request(503, "UF", value=3),
        request(200, value=5, version="shop--r2"),
    ]
    found = read_counters(stats, "shop")
    assert (found["r1"].requests, found["r1"].errors, found["r1"].codes) == (100, 10, {"2xx": 90, "5xx": 10})
    assert found["r2"] == Counters(5, 0, (0,) * 58, {"2xx": 5})


@pytest.mark.parametrize(
    "other",
    [
        request(200, version="cart--r1"),
        request(200, version="shop--eu--r1"),
        request(200, version="-"),
        request(200, route="match"),
        request(503, "NR", version="-", route="-"),
        {"name": "fm.req.other", "value": 3},
        {"name": "server.uptime", "value": 3},
    ],
)
def test_what_is_somebody_elses(other: dict[str, Any]) -> None:
    assert read_counters([other], "shop") == {}


def test_a_service_whose_name_holds_the_separator() -> None:
    assert set(read_counters([request(200, version="shop--eu--r1")], "shop--eu")) == {"r1"}


def test_buckets_are_cumulative_counts_per_bucket_and_what_lies_beyond() -> None:
    histogram = {
        "name": "fm.dur_us.version.shop--r1.route.split",
        "buckets": [
            {"upper_bound": bound * 1000, "interval": 99, "cumulative": index} for index, bound in enumerate(BOUNDS_MS)
        ],
    }
    over = {"name": "fm.over.version.shop--r1.route.split", "value": 4}
    found = read_counters([request(200), {"histograms": [histogram]}, over], "shop")
    assert found["r1"].buckets == (*range(57), 4)


def test_memory_counts_as_told() -> None:
    import asyncio

    async def body() -> None:
        metrics = MemoryMetrics()
        assert await metrics.read("shop") == {}
        metrics.add("shop", "r1", requests=10, errors=2, latency_ms=1.0)
        metrics.add("shop", "r1", requests=5, latency_ms=99_999)
        found = (await metrics.read("shop"))["r1"]
        assert (found.requests, found.errors, found.codes) == (15, 2, {"2xx": 13, "5xx": 2})
        assert (found.buckets[0], found.buckets[-1], sum(found.buckets)) == (10, 5, 15)
        metrics.restart()
        assert await metrics.read("shop") == {}
        metrics.down = True
        with pytest.raises(Unreachable):
            await metrics.read("shop")
        with pytest.raises(ValueError, match="3 errors"):
            metrics.add("shop", "r1", requests=2, errors=3)

    asyncio.run(body())
