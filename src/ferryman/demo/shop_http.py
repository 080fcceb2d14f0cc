"""The sample shop on the wire: an HTTP/1.1 keep-alive server on asyncio's Protocol, one object a connection.

Requests of one connection are answered strictly one after the other, so pipelined ones are safe: what comes
while an answer is under way waits in the buffer, and past a limit in the kernel.
Source: RFC 9112 sections 9.3 (persistence, pipelining) and 9.6 (tear-down).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

from ferryman.demo import wire
from ferryman.demo.shop_app import Answer, Request, Shop

MAX_BODY_BYTES = 1024 * 1024
MAX_WAITING_BYTES = 64 * 1024
REQUEST_READ_LIMIT_SECONDS = 30.0
IDLE_LIMIT_SECONDS = 3900.0
"""Longer than the hour for which proxies commonly keep an idle connection: the proxy closes first, without a race."""
LINGER_SECONDS = 0.5
SWEEP_SECONDS = 5.0
SETTLE_SECONDS = 0.02
"""From SIGTERM to the closed listener: what the kernel has already accepted or received for us is still served."""


class ShopServer:
    """Listens on the loopback, and drains."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.connections: set[ShopConnection] = set()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def listen(self, port: int) -> int:
        """Listen on 127.0.0.1:``port`` (0 = any free one) and return the port. Raises OSError if it is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: ShopConnection(self), "127.0.0.1", port, backlog=1024)
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, limit_seconds: float) -> int:
        """Stop accepting, let running requests end, close idle connections; returns how many requests were cut."""
        self.shop.draining = True
        await asyncio.sleep(SETTLE_SECONDS)
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.close_if_idle()
        if self.connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_seconds):
                    await self._empty.wait()
        cut = sum(connection.unfinished for connection in self.connections)
        for connection in tuple(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return cut

    def forget(self, connection: ShopConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self.connections):
            connection.check_limits(now)
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)


class ShopConnection(asyncio.Protocol):
    """One client connection: reads a request, waits until its answer is due, writes it, reads the next."""

    def __init__(self, server: ShopServer) -> None:
        self._server = server
        self._shop = server.shop
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._request: Request | None = None
        self._body: wire.Body | None = None
        self._due: asyncio.TimerHandle | None = None
        self._blocked = False
        self._paused = False
        self._closing = False
        self._peer_done = False
        self._since = self._loop.time()

    @property
    def unfinished(self) -> bool:
        """True while a request is read or answered."""
        return not self._closing and (self._due is not None or self._body is not None or bool(self._buffer))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._closing = True
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._closing:
            return
        if not self._buffer and self._body is None and self._due is None:
            self._since = self._loop.time()
        self._buffer += data
        self._advance()
        self._limit_waiting()

    def eof_received(self) -> bool:
        """The client sends no more: what it asked for is still answered."""
        self._peer_done = True
        return self._due is not None and not self._closing

    def pause_writing(self) -> None:
        """The client does not read: take no further request until it does."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._blocked = False
        self._advance()
        self._limit_waiting()

    def close_if_idle(self) -> None:
        """Close the connection if no request is under way."""
        if not self.unfinished:
            self._close()

    def abort(self) -> None:
        """Close the connection at once, whatever is under way."""
        self._transport.abort()

    def check_limits(self, now: float) -> None:
        """Close a connection that has been idle, or reading one request, for too long."""
        age_seconds = now - self._since
        if self._due is not None or self._blocked:
            return
        if self.unfinished and age_seconds > REQUEST_READ_LIMIT_SECONDS:
            self._refuse(wire.WireError(408, "the request did not arrive in time"))
        elif age_seconds > IDLE_LIMIT_SECONDS:
            self._close()

    def _limit_waiting(self) -> None:
        """Stop reading while too much waits for its turn, and read again when it has been dealt with."""
        full = len(self._buffer) > MAX_WAITING_BYTES
        if full == self._paused or self._closing:
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _advance(self) -> None:
        """Handle all that the buffer holds, up to the first answer that is not due yet."""
        try:
            while self._due is None and not self._closing and not self._blocked:
                if self._request is None and not self._read_head():
                    return
                if self._body is not None:
                    if not self._body.take(self._buffer):
                        return
                    self._body = None
                self._start_answer()
        except wire.WireError as error:
            self._refuse(error)

    def _read_head(self) -> bool:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            del buffer[:2]
        end = buffer.find(wire.HEAD_END)
        if end > wire.MAX_HEAD_BYTES or (end < 0 and len(buffer) > wire.MAX_HEAD_BYTES):
            raise wire.WireError(431, "the request head is too long")
        if end < 0:
            return False
        start, fields = wire.split_head(bytes(buffer[:end]))
        del buffer[: end + 4]
        self._request = _request(start, fields)
        self._body = wire.request_body(fields, MAX_BODY_BYTES)
        if self._body is not None and not buffer and fields.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _start_answer(self) -> None:
        request = self._request
        assert request is not None
        answer = self._shop.answer(request)
        if answer.delay_seconds > 0:
            self._due = self._loop.call_later(answer.delay_seconds, self._finish_later, request, answer)
        else:
            self._finish(request, answer)

    def _finish_later(self, request: Request, answer: Answer) -> None:
        self._due = None
        self._finish(request, answer)
        self._advance()
        self._limit_waiting()
        if self._peer_done and self._due is None and not self._closing:
            self._close()

    def _finish(self, request: Request, answer: Answer) -> None:
        shop = self._shop
        close = request.close or shop.draining
        self._request = None
        self._since = self._loop.time()
        shop.served += 1
        if answer.status >= 500 and request.path != b"/healthz":
            shop.errors += 1
            log(f"error status={answer.status} path={request.path.decode('latin-1')} number={shop.errors}")
        self._transport.write(shop.render(answer, close=close, head_only=request.method == b"HEAD"))
        if close:
            self._close()

    def _refuse(self, error: wire.WireError) -> None:
        if self._closing:
            return
        answer = self._shop.refuse(error.status, str(error))
        self._transport.write(self._shop.render(answer, close=True, head_only=False))
        self._close()

    def _close(self) -> None:
        """Say that nothing more comes, and read on a little: closing with unread bytes would reset the last answer."""
        if self._closing:
            return
        self._closing = True
        self._buffer.clear()
        if self._peer_done or self._transport.is_closing():
            self._transport.close()
            return
        if self._paused:
            self._transport.resume_reading()
        self._transport.write_eof()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)


def log(line: str) -> None:
    """One line to standard output. A full disk or a reader that left must not stop the shop."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def _request(start: bytes, fields: dict[bytes, bytes]) -> Request:
    method, _, rest = start.partition(b" ")
    target, space, version = rest.rpartition(b" ")
    if not space or not wire.is_token(method) or not version.startswith(b"HTTP/") or b" " in target:
        raise wire.WireError(400, "malformed request line")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise wire.WireError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if version == b"HTTP/1.1" and b"host" not in fields:
        raise wire.WireError(400, "the Host field is missing")
    if target.startswith(b"http://"):
        target = b"/" + target[7:].partition(b"/")[2]
    if not target.startswith(b"/"):
        raise wire.WireError(400, "malformed request target")
    return Request(method, target.partition(b"?")[0], fields, wire.wants_close(version, fields))
