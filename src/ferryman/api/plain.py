"""Requests that programs make for each of their users, read and answered without the machinery that anything else needs.

A plain request is whole in one piece, a POST of HTTP/1.1 to where flags are evaluated, with headers that are all known, each
once, and a `content-length` that is just right. Nothing can be odd about it, so it is read by a few lines (h11 takes longer
than the rest of the answer). Whatever is not plain in the least way goes the usual way, which says what is wrong with it. The
application, and so every check, is the same.

Source: RFC 9112 (messages), the ASGI specification 3.0 (scope and messages).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message

HEAD_BYTES_MAX = 8 * 1024
_FIRST = re.compile(rb"POST (/ofrep/v1/evaluate/flags(?:/[A-Za-z0-9._-]{1,128})?) HTTP/1\.1")
_VALUE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_KNOWN = frozenset(
    b"host user-agent accept accept-encoding accept-language content-type content-length authorization x-api-key "
    b"if-none-match connection origin referer".split()
)
_WITHOUT_BODY = frozenset({204, 304})
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
Headers = list[tuple[bytes, bytes]]
log = logging.getLogger("ferryman.connection")


class PlainRequest(NamedTuple):
    """Path, headers by small names, and the body."""

    path: str
    headers: Headers
    body: bytes


def plain_request(data: bytes) -> PlainRequest | None:
    """The request that is all of `data`; None if it is not a plain one."""
    if not data.startswith(b"POST /ofrep/"):
        return None
    head, end, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    found = _FIRST.fullmatch(first)
    if not end or found is None or len(head) > HEAD_BYTES_MAX:
        return None
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name not in _KNOWN or name in headers or _VALUE.fullmatch(value) is None:
            return None
        headers[name] = value
    if headers.get(b"content-length") != b"%d" % len(body) or b"host" not in headers:
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return PlainRequest(found[1].decode(), [*headers.items()], body)


class PlainCycle:
    """One plain request and its answer, which is written when it is whole. To uvicorn's protocol it is what its own
    `RequestResponseCycle` is: it is told that the client left, or that this answer is to be the last."""

    def __init__(self, request: PlainRequest, transport: asyncio.Transport, default_headers: Headers) -> None:
        self.disconnected = False
        self.keep_alive = True
        self.response_complete = False
        self.message_event = asyncio.Event()
        self._body: bytes | None = request.body
        self._transport = transport
        self._default_headers = default_headers
        self._status = 0
        self._headers: Headers = []
        self._parts: list[bytes] = []

    async def run(self, app: ASGIApp, scope: dict[str, Any], done: Callable[[], None]) -> None:
        """Ask the application, answer, and call `done`. What fails ends the connection."""
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            log.exception("the application failed")
        if not self.response_complete:
            self.response_complete, self.keep_alive = True, False
        if not self.keep_alive:
            self._transport.close()
        done()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not (self.disconnected or self.response_complete):
            await self.message_event.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
            return
        self._parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._write(b"".join(self._parts))

    def _write(self, body: bytes) -> None:
        self.response_complete = True
        headers = [*self._default_headers, *self._headers]
        if self._status not in _WITHOUT_BODY and not any(name == b"content-length" for name, _ in self._headers):
            headers.append((b"content-length", b"%d" % len(body)))
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        head = _STATUS[self._status] + b"".join(lines) + b"\r\n"
        if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
            raise ValueError("a header of the answer has more than one line")
        if not self.disconnected:
            self._transport.write(head + body)
