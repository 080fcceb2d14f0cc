"""Evidence from the embedded Envoy: the counters of its access loggers, read over its admin socket.

A request counts when it was answered, or failed on our side of the client: response flags UF (connect failed),
UH (no instance), UO (overload), UC (instance closed) and UT (time-out) are errors whatever the code, and so is every
5xx. A client that left before an answer (code 0) is neither a request nor an error. Requests steered to a revision by
a match are left out: they are no random sample of the users, so they must not enter a comparison.

Wire format: ``/stats?format=json&histogram_buckets=disjoint``; names are
``fm.req.version.<cluster>.route.<route>.code.<code>.flags.<flags>``, ``fm.dur_us.version.<cluster>.route.<route>``, and
``fm.over`` likewise for what lies above the last bound. `cumulative` is read, never `interval`, which any other reader
empties. Envoy brings histograms up to date after it was asked, so it is asked twice and the second answer is taken;
should they lag behind the counters even then, the next reading has the rest. No figure ever falls but by a restart.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from ferryman.metrics.base import BOUNDS_MS, Counters
from ferryman.model.errors import Unreachable

TARGET = "/stats?format=json&histogram_buckets=disjoint&usedonly&filter=%5Efm%5C."
REQUEST = re.compile(r"fm\.req\.version\.([^.]+)\.route\.([^.]+)\.code\.(\d+)\.flags\.(.+)")
DURATION = re.compile(r"fm\.(?:dur_us|over)\.version\.([^.]+)\.route\.([^.]+)")
REFRESH = "/stats?format=json&usedonly&filter=%5Efm%5C.refresh%24"
REFRESH_SECONDS = 0.03
ERROR_FLAGS = frozenset({"UF", "UH", "UO", "UC", "UT"})
ROUTE = "split"
ANSWER_LIMIT_SECONDS = 1.0
BODY_LIMIT_BYTES = 32 * 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024


class EnvoyMetrics:
    """Reads one Envoy. When it restarts, its counters start from zero again; they are passed on as they are."""

    bounds_ms: tuple[float, ...] = BOUNDS_MS

    def __init__(self, place: Path) -> None:
        """`place`: the admin socket, or the router's state folder, whose record names the socket."""
        self._place = place

    async def read(self, service: str) -> dict[str, Counters]:
        return read_counters(await self._stats(), service)

    async def close(self) -> None:
        return

    async def _stats(self) -> list[dict[str, Any]]:
        place = self._place
        try:
            if place.is_dir():
                place = Path(json.loads((place / "envoy.json").read_text())["admin"])
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                await _get(place, REFRESH)
                await asyncio.sleep(REFRESH_SECONDS)
                loaded = cast("dict[str, Any]", json.loads(await _get(place, TARGET)))
            return loaded["stats"]
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise Unreachable(
                "metrics_unreachable", f"Envoy's counters cannot be read from {place}: {reason}", "is Envoy running?"
            ) from error


def read_counters(stats: Iterable[dict[str, Any]], service: str) -> dict[str, Counters]:
    """Counters per revision of `service` in an answer of Envoy's ``/stats``."""
    requests: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    overlong: Counter[str] = Counter()
    codes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    buckets: dict[str, list[int]] = {}
    for stat in stats:
        for histogram in stat.get("histograms", ()):
            found = DURATION.fullmatch(histogram["name"])
            if found and (revision := _revision(service, found[1], found[2])):
                buckets[revision] = [int(bucket["cumulative"]) for bucket in histogram["buckets"]]
        name, value = stat.get("name", ""), int(stat.get("value", 0))
        if (found := DURATION.fullmatch(name)) and (revision := _revision(service, found[1], found[2])):
            overlong[revision] += value
        if not (found := REQUEST.fullmatch(name)) or not (revision := _revision(service, found[1], found[2])):
            continue
        failed = bool(ERROR_FLAGS.intersection(found[4].split(","))) or found[3].startswith("5")
        if found[3] == "0" and not failed:
            continue
        requests[revision] += value
        errors[revision] += value * failed
        codes[revision][f"{found[3][0]}xx"] += value
    return {
        revision: Counters(
            count,
            errors[revision],
            (*buckets.get(revision, [0] * len(BOUNDS_MS)), overlong[revision]),
            dict(codes[revision]),
        )
        for revision, count in requests.items()
    }


def _revision(service: str, cluster: str, route: str) -> str:
    owner, _, revision = cluster.rpartition("--")
    return revision if owner == service and route == ROUTE else ""


async def _get(socket: Path, target: str) -> bytes:
    """The body of an answer in chunks (RFC 9112 section 7.1). Raises OSError or ValueError."""
    reader, writer = await asyncio.open_unix_connection(str(socket), limit=LINE_LIMIT_BYTES)
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n".encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200") or b"transfer-encoding: chunked" not in head.lower():
            raise ValueError(f"unexpected answer {head[:40]!r}")
        body = bytearray()
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            if len(body) + size > BODY_LIMIT_BYTES:
                raise ValueError("the answer is too long")
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        return bytes(body)
    finally:
        writer.close()
