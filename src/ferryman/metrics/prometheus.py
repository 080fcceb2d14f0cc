"""Evidence from a Prometheus server: counters of each arm by query templates, and single values for circuit breakers.

Every series of an answer is followed by itself (`ferryman.metrics.growth`), so templates need no `sum`, and what comes out
never falls. Buckets are placed by their upper bounds among the bounds of all sources.
"""

from __future__ import annotations

import asyncio
import base64
import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ferryman.analysis.promql import fill
from ferryman.metrics.base import BOUNDS_MS, Counters
from ferryman.metrics.growth import Growth, Labels, Numbers
from ferryman.metrics.prometheus_answer import Sample, read_samples, shown, single, wrong
from ferryman.model.errors import Rejected, Unreachable
from ferryman.model.evidence_source import PrometheusSource

if TYPE_CHECKING:
    import httpx2

PATH = "/api/v1/query"
ANSWER_SECONDS = 5.0
READ_SECONDS = 10.0
BODY_BYTES_MAX = 8 * 1024 * 1024
CONNECTIONS_MAX = 4
LE = "le"
_WIDTH = len(BOUNDS_MS) + 1

Authorization = Callable[[], str]
"""The header's value, made anew for each request. May raise `AdapterError`."""


class Request(NamedTuple):
    """What is sent, by POST: queries may be longer than an address."""

    url: str
    headers: dict[str, str]
    form: dict[str, str]


class Prometheus:
    """One server. `url` is http or https, perhaps with a path in front of `/api/v1`. No proxy and no password is taken from
    the environment, and no redirect followed."""

    def __init__(self, url: str, authorization: Authorization | None = None) -> None:
        self.url = url.rstrip("/")
        self._authorization = authorization
        self._client: httpx2.AsyncClient | None = None

    async def ask(self, query: str) -> tuple[Sample, ...]:
        """The series of an instant query, as they are now. Raises `Unreachable` and `Rejected`, which name both."""
        header = self._authorization() if self._authorization is not None else ""
        status, body = await self._send(build(self.url, query, header))
        return read_samples(status, body, query, self.url)

    async def value(self, query: str) -> float | None:
        """The one number of a query; None where there is none. Raises as `ask`, and `Rejected` for several."""
        return single(await self.ask(query), query, self.url)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, request: Request) -> tuple[int, bytes]:
        import httpx2  # noqa: PLC0415 -- takes long to load, and most controllers ask nobody

        if self._client is None:
            limits = httpx2.Limits(max_connections=CONNECTIONS_MAX)
            self._client = httpx2.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=ANSWER_SECONDS, limits=limits
            )
        query, body = request.form["query"], bytearray()
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._client.stream("POST", request.url, headers=request.headers, data=request.form) as answer,
            ):
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > BODY_BYTES_MAX:
                        raise wrong(query, self.url, f"gives more than {BODY_BYTES_MAX} bytes", "ask for fewer series")
                return answer.status_code, bytes(body)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise Rejected("metrics_refused", f"{self.url} is no address of a Prometheus server", "see `url`") from None
        except (httpx2.HTTPError, TimeoutError) as problem:
            why = (
                f"no answer in {ANSWER_SECONDS:g} s" if _is_timeout(problem) else str(problem) or type(problem).__name__
            )
            message = f"{self.url} cannot be asked {shown(query)}: {why}"
            raise Unreachable("metrics_unreachable", message, "is it up, and is the address right?") from None


class PrometheusMetrics:
    """The counters of arms that are told apart by labels. They begin at 0 with the first reading of each arm."""

    bounds_ms: tuple[float, ...] = BOUNDS_MS

    def __init__(self, server: Prometheus, source: PrometheusSource) -> None:
        self._server = server
        self._source = source
        self._arms: dict[str, _Arm] = {}

    async def read(self, arms: Mapping[str, Mapping[str, str]]) -> dict[str, Counters]:
        """Counters by arm; `arms` are the values of the placeholders for each of them. An arm without a request yet is
        absent. Nothing is counted unless everything was answered. Raises `Unreachable` and `Rejected`; also when there
        were series before and none is left, as when the server reads the programs no more."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                read = await asyncio.gather(*(self._read(values) for values in arms.values()))
        except TimeoutError:
            message = f"{self._server.url} did not answer all queries within {READ_SECONDS:g} s"
            raise Unreachable("metrics_unreachable", message, "is it slow, or are there too many series?") from None
        known = {name: self._arms.setdefault(name, _Arm()) for name in arms}
        if any(arm.requests.known for arm in known.values()) and not any(reading.requests for reading in read):
            query = shown(fill(self._source.requests, next(iter(arms.values()))))
            message = f"{query} gives nothing any more, says {self._server.url}, and it did before"
            raise Unreachable("metrics_stale", message, "does the server still read the programs?")
        counted = {name: arm.take(reading) for (name, arm), reading in zip(known.items(), read, strict=True)}
        return {name: counters for name, counters in counted.items() if counters.requests}

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _read(self, values: Mapping[str, str]) -> _Reading:
        """Requests last: whatever failed by then is among them."""
        errors = await self._counters(self._source.errors, values)
        duration = await self._buckets(values) if self._source.duration else {}
        return _Reading(await self._counters(self._source.requests, values), errors, duration)

    async def _counters(self, template: str, values: Mapping[str, str]) -> dict[Labels, Numbers]:
        query = fill(template, values)
        samples = await self._server.ask(query)
        return {frozenset(each.labels.items()): (count_of(each, query, self._server.url),) for each in samples}

    async def _buckets(self, values: Mapping[str, str]) -> dict[Labels, Numbers]:
        query = fill(self._source.duration, values)
        return placed_buckets(await self._server.ask(query), query, self._server.url)


class _Reading(NamedTuple):
    requests: dict[Labels, Numbers]
    errors: dict[Labels, Numbers]
    duration: dict[Labels, Numbers]


class _Arm:
    """What has grown of one arm."""

    def __init__(self) -> None:
        self.requests, self.errors, self.duration = Growth(1), Growth(1), Growth(_WIDTH)

    def take(self, reading: _Reading) -> Counters:
        requests = round(self.requests.take(reading.requests)[0])
        errors = min(requests, round(self.errors.take(reading.errors)[0]))
        return Counters(requests, errors, tuple(map(round, self.duration.take(reading.duration))))


def build(url: str, query: str, authorization: str = "") -> Request:
    """The request for a query."""
    headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
    return Request(url + PATH, headers, {"query": query, "timeout": f"{ANSWER_SECONDS:g}s"})


def bearer(token: str) -> str:
    """The header for a token (RFC 6750)."""
    return f"Bearer {token}"


def basic(user: str, password: str) -> str:
    """The header for a user and a password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def count_of(sample: Sample, query: str, server: str) -> float:
    """The value of a counter. Raises `Rejected` for what none can have."""
    if not math.isfinite(sample.value) or sample.value < 0:
        raise wrong(query, server, f"gives {sample.value}, which no counter can be", "ask for a counter itself")
    return sample.value


def placed_buckets(samples: tuple[Sample, ...], query: str, server: str) -> dict[Labels, Numbers]:
    """Counts per bucket of `BOUNDS_MS`, out of cumulative ones by `le` in seconds. Raises `Rejected`."""
    found: dict[Labels, list[tuple[float, float]]] = {}
    for sample in samples:
        try:
            bound = float(sample.labels[LE])
        except (KeyError, ValueError):
            hint = "ask for the series ..._bucket, and keep `le` when summing"
            raise wrong(query, server, "gives a series without a number in `le`", hint) from None
        labels = frozenset(item for item in sample.labels.items() if item[0] != LE)
        found.setdefault(labels, []).append((bound * 1000.0, count_of(sample, query, server)))
    return {labels: _placed(sorted(steps)) for labels, steps in found.items()}


def _placed(steps: list[tuple[float, float]]) -> Numbers:
    counts, below = [0.0] * _WIDTH, 0.0
    for bound_ms, count in steps:
        counts[bisect_left(BOUNDS_MS, bound_ms)] += max(0.0, count - below)
        below = max(below, count)
    return tuple(counts)


def _is_timeout(problem: BaseException) -> bool:
    return isinstance(problem, TimeoutError) or "Timeout" in type(problem).__name__
