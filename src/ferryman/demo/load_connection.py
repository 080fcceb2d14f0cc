"""One keep-alive connection of the load client: writes a request, reads its answer, tells its owner what became of it.

Source: RFC 9112 sections 6.3 (where an answer ends), 9.3 (reuse) and 9.6 (closing).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol, cast

from ferryman.demo import wire
from ferryman.demo.load_users import VirtualUser

SAMPLE_BYTES = 160


class Exchange:
    """One request on its way: what to send, when it was issued (loop time), and whether it has ended."""

    __slots__ = ("connection", "done", "head", "issued_at", "method", "path", "retried", "user")

    def __init__(self, method: str, path: str, head: bytes, issued_at: float, user: VirtualUser | None) -> None:
        self.method = method
        self.path = path
        self.head = head
        self.issued_at = issued_at
        self.user = user
        self.retried = False
        self.done = False
        self.connection: LoadConnection | None = None


@dataclass(slots=True)
class Response:
    """A complete answer. ``version`` is empty if no header named one; ``sample`` starts the body of an error."""

    status: int
    version: str
    set_cookie: bytes
    sample: bytes


class ConnectionOwner(Protocol):
    """Who is told. Exactly one of ``on_response`` and ``on_broken`` is called for each request that was sent."""

    def on_opened(self, connection: LoadConnection) -> None:
        """The connection is there; called once for each, before all else."""
        ...

    def on_response(self, connection: LoadConnection, exchange: Exchange, response: Response) -> None:
        """The answer is complete; the connection is free if it is still open."""
        ...

    def on_broken(self, exchange: Exchange, kind: str, text: str, *, stale: bool) -> None:
        """The connection broke first. ``stale``: it had been used before, and not one byte of an answer came."""
        ...

    def on_closed(self, connection: LoadConnection) -> None:
        """The connection is gone; called once for each, after all else."""
        ...


class LoadConnection(asyncio.Protocol):
    """A client connection that carries one request at a time."""

    def __init__(self, owner: ConnectionOwner, version_field: bytes) -> None:
        self._owner = owner
        self._version_field = version_field
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._response: Response | None = None
        self._body: wire.Body | None = None
        self._got_bytes = False
        self._ends = False
        self._answers = 0
        self._closed = False

    @property
    def usable(self) -> bool:
        """True if another request may be sent on it."""
        return not self._closed and not self._ends and self._exchange is None and not self._transport.is_closing()

    def send(self, exchange: Exchange) -> None:
        """Send a request; only on a usable connection."""
        self._exchange = exchange
        self._got_bytes = False
        exchange.connection = self
        user = exchange.user
        self._transport.write(exchange.head + (user.header if user is not None else b"") + b"\r\n")

    def close(self) -> None:
        """Close at once; a request on it is dropped without a word to the owner."""
        self._exchange = None
        self._ends = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        self._owner.on_opened(self)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._exchange is None:
            # Nothing was asked: a server that speaks now (a 408 for instance) is about to close.
            self.close()
            return
        self._got_bytes = True
        self._buffer += data
        try:
            if self._read():
                self._complete()
        except wire.WireError as error:
            self._break("protocol", str(error))

    def eof_received(self) -> bool:
        """Called by asyncio when the server sends no more."""
        self._ends = True
        if self._exchange is not None and self._response is not None:
            body = self._body
            if body is not None and body.until_close:
                self._complete()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._closed = True
        if self._exchange is not None:
            reason = f"{type(exc).__name__}: {exc}" if exc else "closed by the server"
            self._break("reset", f"{reason} {'in the middle of' if self._got_bytes else 'before'} the answer")
        self._owner.on_closed(self)

    def _read(self) -> bool:
        """Read on; True if the answer is complete."""
        buffer = self._buffer
        while self._response is None:
            end = buffer.find(wire.HEAD_END)
            if end > wire.MAX_HEAD_BYTES or (end < 0 and len(buffer) > wire.MAX_HEAD_BYTES):
                raise wire.WireError(400, "the head of the answer is too long")
            if end < 0:
                return False
            start, fields = wire.split_head(bytes(buffer[:end]))
            del buffer[: end + 4]
            self._take_head(start, fields)
        return self._body is None or self._body.take(buffer)

    def _take_head(self, start: bytes, fields: dict[bytes, bytes]) -> None:
        exchange = self._exchange
        assert exchange is not None
        version, _, rest = start.partition(b" ")
        code = rest[:3]
        if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit() or code[0] not in b"12345":
            raise wire.WireError(400, f"no HTTP/1.1 status line: {start[:60]!r}")
        status = int(code)
        if status == 101:
            raise wire.WireError(400, "the server switched protocols unasked")
        if status < 200:
            return
        named = fields.get(self._version_field, b"").decode("latin-1")[:64]
        self._response = Response(status, named, fields.get(b"set-cookie", b""), b"")
        self._body = wire.response_body(exchange.method, status, fields, SAMPLE_BYTES if status >= 400 else 0)
        self._ends = self._ends or wire.wants_close(version, fields)
        if self._body is not None and self._body.until_close:
            self._ends = True

    def _complete(self) -> None:
        exchange, response = self._exchange, self._response
        assert exchange is not None
        assert response is not None
        if self._body is not None:
            response.sample = self._body.sample
        self._exchange = self._response = self._body = None
        self._answers += 1
        if self._buffer:
            self._ends = True
        if self._ends:
            self._transport.close()
        self._owner.on_response(self, exchange, response)

    def _break(self, kind: str, text: str) -> None:
        exchange = self._exchange
        assert exchange is not None
        self._exchange = None
        self._ends = True
        self._transport.abort()
        self._owner.on_broken(exchange, kind, text, stale=self._answers > 0 and not self._got_bytes)
