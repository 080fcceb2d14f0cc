"""An open-loop load client: a steady stream of requests over keep-alive connections, whatever the answers do.

Requests are issued by the clock, not by the answers before them, so a slow server does not slow the stream and hide
itself. A request that finds all connections busy gets a further one, up to ``max_connections``; then it waits, and
its latency counts from when it was issued.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from ferryman.demo.load_connection import Exchange, LoadConnection, Response
from ferryman.demo.load_counts import LoadCounts
from ferryman.demo.load_report import LoadReport, LoadSnapshot, report_between
from ferryman.demo.load_users import UserTrail, VirtualUser
from ferryman.demo.wire import is_token

DEFAULT_PATHS = ("/", "/catalog", "/checkout")
DEFAULT_TIMEOUT_SECONDS = 10.0
DEFAULT_MAX_CONNECTIONS = 256
MAX_RATE_PER_SECOND = 50_000.0
MAX_WAITING = 20_000
"""Requests that may wait for a connection; a further one is skipped."""
CATCH_UP_SECONDS = 0.5
"""After a stall of this process, what was due longer ago than this is skipped and not sent in one burst."""
SWEEP_SECONDS = 0.1
SURPLUS_SECONDS = 5.0
"""Connections beyond the wanted number are closed if they were not needed for this long."""
IDEMPOTENT_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class LoadClient:
    """Sends ``rate_per_second`` requests a second to a service on the loopback and counts what becomes of them.

    ``url``              ``http://127.0.0.1:8080``; only loopback hosts
    ``connections``      keep-alive connections to hold open, 1 to ``max_connections``
    ``paths``            drawn evenly; ``/path`` (GET) or ``METHOD /path``
    ``headers``          sent with each request; ``Host`` is set from the URL unless given
    ``users``            0, or how many virtual users with a cookie jar each take turns (one request each at a time)
    ``version_header``   the field by which an answer names its version
    Raises ValueError on any argument out of its range.
    """

    def __init__(
        self,
        url: str,
        *,
        rate_per_second: float,
        connections: int = 8,
        paths: Sequence[str] = DEFAULT_PATHS,
        headers: Mapping[str, str] | None = None,
        users: int = 0,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        version_header: str = "X-Version",
        seed: int | None = None,
    ) -> None:
        if not 1 <= connections <= max_connections:
            raise ValueError(f"connections is {connections}; it must be from 1 to {max_connections}")
        if not 0 <= users <= 1_000_000:
            raise ValueError(f"users is {users}; it must be from 0 to 1000000")
        if not 0 < timeout_seconds <= 600:
            raise ValueError(f"timeout_seconds is {timeout_seconds}; it must be above 0 and at most 600")
        self.host, self.port, authority = _loopback(url)
        self._interval_seconds = _interval_seconds(rate_per_second)
        self._wanted = connections
        self._max_connections = max_connections
        self._timeout_seconds = timeout_seconds
        self._requests = _requests(paths, {"Host": authority, "User-Agent": "ferryman-load", **(headers or {})})
        self._version_field = version_header.lower().encode("latin-1")
        self._users = tuple(VirtualUser(index) for index in range(users))
        self._free_users = deque(self._users)
        self._random = random.Random(seed)
        self._open: dict[Exchange, None] = {}
        self._waiting: deque[Exchange] = deque()
        self._idle: deque[LoadConnection] = deque()
        self._connections: set[LoadConnection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._busy_peak = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._all_ended = asyncio.Event()

    async def start(self) -> None:
        """Begin the stream. Raises RuntimeError if it was started before."""
        if self._timers:
            raise RuntimeError("a LoadClient is started once; make another one")
        self._loop = asyncio.get_running_loop()
        self._epoch_offset = time.time() - self._loop.time()
        self._counts = LoadCounts(self._now())
        self._due_at = self._loop.time()
        self._timers["sweep"] = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        self._timers["surplus"] = self._loop.call_later(SURPLUS_SECONDS, self._close_surplus)
        self._tick()

    def set_rate(self, rate_per_second: float) -> None:
        """Change the rate from the next request on. Raises ValueError if it is out of range."""
        self._interval_seconds = _interval_seconds(rate_per_second)

    def snapshot(self) -> LoadSnapshot:
        """All counters as of now; only after ``start``."""
        return self._counts.snapshot(self._now(), in_flight=len(self._open), connections_open=len(self._connections))

    def user_trails(self) -> tuple[UserTrail, ...]:
        """Which versions each virtual user has met, in order."""
        return tuple(user.trail for user in self._users)

    async def stop(self) -> LoadReport:
        """End the stream, wait for the answers under way (the request timeout bounds it), return the whole report.

        Only after ``start``; a second call returns the same counts.
        """
        self._timers["tick"].cancel()
        if self._open:
            # The sweep ends every request within its timeout, so this ends too.
            self._all_ended.clear()
            await self._all_ended.wait()
        for timer in self._timers.values():
            timer.cancel()
        final = self.snapshot()
        for task in tuple(self._connecting):
            task.cancel()
        for connection in tuple(self._connections):
            connection.close()
        await asyncio.sleep(0)
        return report_between(None, final)

    def on_opened(self, connection: LoadConnection) -> None:
        """Called by a connection that is there."""
        self._connections.add(connection)
        self._counts.connections_opened += 1

    def on_response(self, connection: LoadConnection, exchange: Exchange, response: Response) -> None:
        """Called by a connection: count the answer and use the connection again."""
        status = response.status
        if status >= 400 and not response.version:
            shown = response.sample.decode("latin-1").strip()
            self._fail(exchange, "status", f"{exchange.method} {exchange.path}: {status} without version: {shown}")
        elif self._end(exchange):
            latency_ms = (self._loop.time() - exchange.issued_at) * 1000
            self._counts.answered(response.version, status, latency_ms, self._now())
            if exchange.user is not None:
                if response.set_cookie:
                    exchange.user.keep_cookies(response.set_cookie)
                if response.version:
                    before = exchange.user.version
                    back = exchange.user.met(response.version)
                    self._counts.moved(before, response.version, back=back)
        self._release(connection)

    def on_broken(self, exchange: Exchange, kind: str, text: str, *, stale: bool) -> None:
        """Called by a connection: retry once what may be retried, else count a failure.

        A server may close an idle connection at the very moment a request goes out; every client sends such a
        request again if the method allows it. Source: RFC 9110 section 9.2.2.
        """
        if stale and not exchange.retried and not exchange.done and exchange.method in IDEMPOTENT_METHODS:
            exchange.retried = True
            self._counts.retried += 1
            self._connect(exchange)
        else:
            self._fail(exchange, kind, f"{exchange.method} {exchange.path}: {text}")

    def on_closed(self, connection: LoadConnection) -> None:
        """Called by a connection that is gone."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._connect_next()

    def _now(self) -> float:
        return self._loop.time() + self._epoch_offset

    def _tick(self) -> None:
        now = self._loop.time()
        late = int((now - self._due_at - CATCH_UP_SECONDS) / self._interval_seconds)
        if late > 0:
            self._counts.skipped += late
            self._due_at += late * self._interval_seconds
        while self._due_at <= now:
            self._issue(now)
            self._due_at += self._interval_seconds
        self._timers["tick"] = self._loop.call_at(self._due_at, self._tick)

    def _issue(self, now: float) -> None:
        user = None
        if self._users:
            user = self._free_users.popleft() if self._free_users else None
            if user is None:
                self._counts.skipped += 1
                return
        method, path, head = self._random.choice(self._requests)
        exchange = Exchange(method, path, head, now, user)
        self._open[exchange] = None
        self._dispatch(exchange)
        self._busy_peak = max(self._busy_peak, len(self._open))

    def _dispatch(self, exchange: Exchange) -> None:
        opened = len(self._connections) + len(self._connecting)
        while self._idle and opened >= self._wanted:
            connection = self._idle.popleft()
            if connection.usable:
                connection.send(exchange)
                return
        if opened < self._max_connections:
            self._connect(exchange)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(exchange)
        else:
            self._end(exchange)
            self._counts.skipped += 1

    def _connect(self, exchange: Exchange) -> None:
        task = self._loop.create_task(self._connect_and_send(exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect_and_send(self, exchange: Exchange) -> None:
        def connection() -> LoadConnection:
            return LoadConnection(self, self._version_field)

        try:
            async with asyncio.timeout(self._timeout_seconds):
                _, made = await self._loop.create_connection(connection, self.host, self.port)
        except OSError as error:
            text = str(error) or "no connection in time"
            self._fail(exchange, "connect", f"{exchange.method} {exchange.path}: {type(error).__name__}: {text}")
            self._connect_next()
            return
        if exchange.done:
            self._release(made)
        elif made.usable:
            made.send(exchange)
        else:
            self._fail(exchange, "reset", f"{exchange.method} {exchange.path}: closed as soon as it was open")

    def _connect_next(self) -> None:
        """There is room for another connection: open it for the first request that waits."""
        while self._waiting:
            exchange = self._waiting.popleft()
            if not exchange.done:
                self._connect(exchange)
                return

    def _release(self, connection: LoadConnection) -> None:
        if not connection.usable:
            return
        while self._waiting:
            exchange = self._waiting.popleft()
            if not exchange.done:
                connection.send(exchange)
                return
        self._idle.append(connection)

    def _end(self, exchange: Exchange) -> bool:
        """Mark a request as ended; False if it was before."""
        if exchange.done:
            return False
        exchange.done = True
        del self._open[exchange]
        if not self._open:
            self._all_ended.set()
        if exchange.user is not None:
            self._free_users.append(exchange.user)
        return True

    def _fail(self, exchange: Exchange, kind: str, text: str) -> None:
        if self._end(exchange):
            self._counts.failed(kind, text, self._now())

    def _sweep(self) -> None:
        """End what has no answer in time. Requests are in the order of their issue, so the first young one stops it."""
        oldest = self._loop.time() - self._timeout_seconds
        for exchange in tuple(self._open):
            if exchange.issued_at > oldest:
                break
            self._fail(exchange, "timeout", f"{exchange.method} {exchange.path}: {self._timeout_seconds:g} s passed")
            if exchange.connection is not None:
                exchange.connection.close()
        self._timers["sweep"] = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _close_surplus(self) -> None:
        keep = max(self._wanted, self._busy_peak)
        surplus = len(self._connections) - keep
        while surplus > 0 and self._idle:
            self._idle.popleft().close()
            surplus -= 1
        self._busy_peak = len(self._open)
        self._timers["surplus"] = self._loop.call_later(SURPLUS_SECONDS, self._close_surplus)


def _interval_seconds(rate_per_second: float) -> float:
    if not 0 < rate_per_second <= MAX_RATE_PER_SECOND:
        raise ValueError(f"rate_per_second is {rate_per_second}; it must be above 0, at most {MAX_RATE_PER_SECOND:g}")
    return 1 / rate_per_second


def _loopback(url: str) -> tuple[str, int, str]:
    """Host, port and Host field of a URL on the loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not host or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError(f"{url!r} is no base URL; write it like http://127.0.0.1:8080")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"{host!r} is not on this machine; the load client only calls loopback addresses")
    return ("127.0.0.1" if host == "localhost" else host), parts.port or 80, parts.netloc


def _requests(paths: Sequence[str], headers: Mapping[str, str]) -> list[tuple[str, str, bytes]]:
    """Method, path and head (without cookies and the closing empty line) of each kind of request."""
    if not paths:
        raise ValueError("paths is empty; give at least one, such as '/'")
    lines: list[str] = []
    for name, value in headers.items():
        if not is_token(name.encode()) or not value.isprintable() or not value.isascii():
            raise ValueError(f"header {name!r} cannot be sent: a name is one word, a value is printable ASCII")
        lines.append(f"{name}: {value}\r\n")
    made: list[tuple[str, str, bytes]] = []
    for entry in paths:
        method, _, path = entry.rpartition(" ")
        method = method or "GET"
        if not is_token(method.encode()) or not path.startswith("/") or not path.isascii() or not path.isprintable():
            raise ValueError(f"path {entry!r} cannot be requested; write '/path' or 'POST /path'")
        extra = "Content-Length: 0\r\n" if method in ("POST", "PUT", "PATCH") else ""
        made.append((method, path, f"{method} {path} HTTP/1.1\r\n{''.join(lines)}{extra}".encode()))
    return made
