"""Envoy's admin interface: HTTP/1.1 over a unix socket, one connection a request, everything bounded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ferryman.model.errors import Unreachable
from ferryman.routers.envoy.names import Kind, Resource

ANSWER_LIMIT_SECONDS = 1.0
BODY_LIMIT_BYTES = 32 * 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024


class Snapshot:
    """Statistics at one moment: which version of which file Envoy serves, and how often it refused one."""

    def __init__(self, values: Mapping[str, str | int]) -> None:
        self._values = values

    def version(self, resource: Resource) -> str | None:
        """The acknowledged version text; None before the first."""
        return str(self._values.get(f"{resource.statistics}.version_text", "")) or None

    def refusals(self, resource: Resource) -> int:
        """How many files were refused for their content or their form."""
        counts = [self._values.get(f"{resource.statistics}.{end}", 0) for end in ("update_rejected", "update_failure")]
        return sum(int(count) for count in counts)

    def warming(self, resource: Resource) -> bool:
        """True while a cluster waits for its endpoints and does not serve."""
        return resource.kind is Kind.EDS and bool(self._values.get(f"{resource.statistics}.warming_state", 0))


class Admin:
    """A client of one admin socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def snapshot(self, resources: Iterable[Resource]) -> Snapshot:
        """The state of these files. Raises `Unreachable`."""
        prefixes = "|".join(sorted(re.escape(resource.statistics) for resource in resources))
        pattern = rf"^({prefixes})\.(version_text|update_rejected|update_failure|warming_state)$"
        loaded = cast(
            "dict[str, Any]",
            msgspec.json.decode(await self.get(f"/stats?format=json&filter={quote(pattern, safe='')}")),
        )
        return Snapshot({stat["name"]: stat["value"] for stat in loaded["stats"] if "name" in stat})

    async def counts(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose name matches the regular expression. Raises `Unreachable`."""
        loaded = cast(
            "dict[str, Any]",
            msgspec.json.decode(await self.get(f"/stats?format=json&filter={quote(pattern, safe='')}")),
        )
        return {stat["name"]: int(stat["value"]) for stat in loaded["stats"] if "name" in stat}

    async def answers(self) -> bool:
        """Whether there is an Envoy behind the socket that answers in time."""
        try:
            await self.get("/ready")
        except Unreachable:
            return False
        return True

    async def get(self, target: str) -> bytes:
        """The body of an answer, whatever its status. Raises `Unreachable`."""
        return await self._ask("GET", target)

    async def post(self, target: str) -> bytes:
        """Ask for an action. Raises `Unreachable`."""
        return await self._ask("POST", target)

    async def _ask(self, method: str, target: str) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                return await self._exchange(method, target)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise Unreachable(
                "envoy_unreachable",
                f"Envoy's admin socket {self.socket} does not answer: {reason}",
                "see envoy.log in the state folder; the controller restarts an Envoy that died",
            ) from error

    async def _exchange(self, method: str, target: str) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=LINE_LIMIT_BYTES)
        try:
            head = f"{method} {target} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            writer.write(head.encode("ascii"))
            fields = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"transfer-encoding: chunked" in fields:
                return await _chunked(reader)
            found = re.search(rb"content-length: *(\d+)", fields)
            length = int(found[1]) if found else 0
            if length > BODY_LIMIT_BYTES:
                raise ValueError("the answer is too long")
            return await reader.readexactly(length)
        finally:
            writer.close()


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    """A body in chunks (RFC 9112 section 7.1), without trailers, which Envoy's admin never sends."""
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        if len(body) + size > BODY_LIMIT_BYTES:
            raise ValueError("the answer is too long")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return bytes(body)
