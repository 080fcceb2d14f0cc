"""One connection of the API's server, within bounds: how much it may send, and how long it may take for it.

uvicorn speaks HTTP (by h11, but for the requests of `ferryman.api.plain`), and has no bounds for time that would keep a
hostile client off. They are named here; how many
connections there may be is said by `ferryman.api.connection_book`, what a body may be by `ferryman.api.requests`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any, cast

import h11
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ferryman.api.access.accounts import peer_uid
from ferryman.api.plain import PlainCycle, plain_request
from ferryman.api.requests import WHOLE, refuse
from ferryman.model.errors import FerrymanError, UsageError

HEADER_BYTES_MAX = 32 * 1024
"""Request line and headers together."""

HEADER_SECONDS = 10.0
"""From the first byte of a request, or from a new connection, to the last byte of its headers."""

KEEP_ALIVE_SECONDS = 5
"""A connection without a request, after an answer."""

STALLED_SECONDS = 60.0
"""A client that takes nothing of what waits for it for so long is cut off."""

LINGER_SECONDS = 5.0
"""How long a connection that is done may still take what was written, or send what nobody reads."""

STATE = "ferryman.connection"
log = logging.getLogger("ferryman.connection")
_failures = logging.getLogger("uvicorn.error.failures")
_failures.setLevel(logging.ERROR)  # what strangers send is no news, and must not fill the log


class Connection(H11Protocol):
    """What uvicorn makes for each connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, STATE: self}, _loop)
        self.logger = _failures
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._lost: Callable[[], None] | None = None
        self._peer = ""
        self._is_plain = False
        """A plain request is being answered; what comes meanwhile waits in `_behind`."""
        self._behind = b""

    @property
    def peer_uid(self) -> int:
        """The user at the other end of a unix socket."""
        return peer_uid(self.transport.get_extra_info("socket"))

    # ------------------------------------------------------------------ for answers that write by themselves
    def on_lost(self, call: Callable[[], None]) -> None:
        """Call this when the connection is gone, which may be now."""
        self._lost = call
        if self.transport.is_closing():
            call()

    def let_wait(self, most_bytes: int) -> None:
        """From so many bytes on that wait to be sent, `flow.write_paused` holds."""
        self.transport.set_write_buffer_limits(high=most_bytes)

    async def drained(self) -> None:
        """Return when little waits to be sent, or the connection is gone."""
        await self.flow.drain()

    # ------------------------------------------------------------------ what happens on the wire
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._peer = self.client[0] if self.client else ""
        self._within(HEADER_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._unset_keepalive_if_required()
        self.resume_writing()
        super().connection_lost(exc)
        if self._lost is not None:
            self._lost()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._is_plain:
            self._behind += data
            self.flow.pause_reading()
            return
        if self._awaits_headers() and self._serve_plainly(data):
            return
        request, awaited = self.cycle, self._awaits_headers()
        if awaited and len(data) > HEADER_BYTES_MAX and data.find(b"\r\n\r\n", 0, HEADER_BYTES_MAX) < 0:
            self._refuse(_too_large())
            return
        super().data_received(data)
        if self.cycle is not request:
            self._in_time()
        if self._awaits_headers() and not self.transport.is_closing() and not (awaited and self._timer):
            self._within(HEADER_SECONDS, self._too_slow)

    def _serve_plainly(self, data: bytes) -> bool:
        """Serve a plain request, if that is what came, and nothing before it waits for its end. Those of the unix socket
        are not: who asks there is told by the connection itself."""
        if self.client is None or self.conn.trailing_data[0]:
            return False
        request = plain_request(data)
        if request is None:
            return False
        self._unset_keepalive_if_required()
        self._in_time()
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": self.asgi_version, "spec_version": "2.3"}, "http_version": "1.1",
            "server": self.server, "client": self.client, "scheme": self.scheme, "method": "POST",
            "root_path": "", "path": request.path, "raw_path": request.path.encode(), "query_string": b"",
            "headers": request.headers, "state": self.app_state.copy(), WHOLE: request.body,
        }  # fmt: skip
        cycle = PlainCycle(request, self.transport, self.server_state.default_headers)
        self._is_plain, self.cycle = True, cast("Any", cycle)
        app: Any = cast("Any", self).app
        task = self.loop.create_task(cycle.run(app, scope, self._plainly_served))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        return True

    def _plainly_served(self) -> None:
        self._is_plain = False
        if self.cycle.disconnected:
            return
        self.on_response_complete()
        if self._behind and not self.transport.is_closing():
            behind, self._behind = self._behind, b""
            self.data_received(behind)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif self.conn.their_state is h11.SEND_BODY:
            # Whoever is still sending would not see the answer if the connection ended now.
            self._unset_keepalive_if_required()
            self._within(LINGER_SECONDS, self._close)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self._stalled or self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for what is no HTTP, while it handles the error that says so."""
        problem = sys.exception()
        if isinstance(problem, h11.RemoteProtocolError) and problem.error_status_hint == 431:
            self._refuse(_too_large())
        else:
            self._refuse(UsageError("not_http", f"this is no request of HTTP/1.1: {problem}"))

    # ------------------------------------------------------------------ bounds
    def _awaits_headers(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._in_time()
        self._timer = self.loop.call_later(seconds, otherwise)

    def _in_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._refuse(
            UsageError("slow_request", f"the headers were not whole after {HEADER_SECONDS:g} s", "send them at once")
        )

    def _refuse(self, problem: FerrymanError) -> None:
        """Answer with the problem, unless another answer is under way, and be done with this client."""
        log.debug("%s: %s", self._peer or "the socket", problem.message)
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE} and not self._is_answering():
            self.transport.write(refusal(problem))
        self._close()

    def _close(self) -> None:
        """Once what was written is sent, or has been refused for a while."""
        self._unset_keepalive_if_required()
        self._within(LINGER_SECONDS, self.transport.abort)
        self.transport.close()


def _too_large() -> FerrymanError:
    return UsageError("headers_too_large", f"request line and headers are larger than {HEADER_BYTES_MAX} bytes")


def connection_of(scope: Scope) -> Connection:
    """The connection that a request came by."""
    return scope["state"][STATE]


def refusal(problem: FerrymanError) -> bytes:
    """The whole of an answer that ends the connection."""
    answer = refuse(problem)
    lines = [b"HTTP/1.1 %d " % answer.status_code, b"connection: close"]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body)
