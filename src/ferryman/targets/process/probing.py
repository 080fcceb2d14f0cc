"""Whether an instance can take traffic: one probe, whose socket answered, and what a row of probes means."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import quote

from ferryman.model.revision import Health
from ferryman.model.seen import InstanceState
from ferryman.targets.process import procfs, sockets

FAILURES_TO_UNREADY = 3
SUCCESSES_TO_RECOVER = 2
HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 64 * 1024
REFUSED = "nothing listens on port"


class HealthTrack:
    """What a row of probes means. Pure; times are monotonic seconds.

    starting -> ready   after `min_ready_seconds` of successes without a failure in between
    ready -> unready    after three failures in a row: one lost answer is no reason to move traffic
    unready -> ready    after two successes in a row
    """

    def __init__(self, min_ready_seconds: float, state: InstanceState = InstanceState.STARTING) -> None:
        self.min_ready_seconds = min_ready_seconds
        self.state = state
        self.problem = ""
        self._since: float | None = None
        self._failures = 0
        self._successes = 0

    def add(self, problem: str | None, at: float) -> bool:
        """One probe ended at `at`, None for success; returns whether the state changed."""
        before = self.state
        if problem is None:
            self._failures, self._successes = 0, self._successes + 1
            self._succeeded(at)
        else:
            self._failures, self._successes, self._since = self._failures + 1, 0, None
            self.problem = problem
            if self.state is InstanceState.READY and self._failures >= FAILURES_TO_UNREADY:
                self.state = InstanceState.UNREADY
        return self.state is not before

    def _succeeded(self, at: float) -> None:
        if self._since is None:
            self._since = at
        steady = at - self._since >= self.min_ready_seconds
        recovered = self._successes >= SUCCESSES_TO_RECOVER
        if (self.state is InstanceState.STARTING and steady) or (self.state is InstanceState.UNREADY and recovered):
            self.state = InstanceState.READY
        if self.state is InstanceState.READY:
            self.problem = ""

    def wait_seconds(self, interval_seconds: float, at: float) -> float:
        """How long until the next probe: the interval, or less if the instance may become ready before it ends."""
        if self.state is InstanceState.STARTING and self._since is not None:
            return min(interval_seconds, max(0.0, self._since + self.min_ready_seconds - at))
        return interval_seconds


async def probe(health: Health, host: str, port: int | None) -> str | None:
    """Ask once, within `timeout_seconds`; None if the answer is good, else what is wrong. A live process without a
    port needs no asking."""
    if port is None or (health.http_path is None and not health.tcp):
        return None
    what = f"GET {health.http_path}" if health.http_path is not None else f"connect to port {port}"
    try:
        async with asyncio.timeout(health.timeout_seconds):
            return await _ask(health.http_path, host, port)
    except TimeoutError:
        return f"{what}: no answer within {health.timeout_seconds:g} s"
    except ConnectionRefusedError:
        return f"{REFUSED} {port}"
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        return f"{what}: {error or type(error).__name__}"


async def _ask(path: str | None, host: str, port: int) -> str | None:
    reader, writer = await asyncio.open_connection(host, port, limit=HEAD_BYTES_MAX)
    try:
        if path is None:
            return None
        target = quote(path, safe="/?=&%:+,;@~!$'()*-._")
        head = (
            f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: ferryman-health\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode("ascii"))
        return await _answer(reader, path)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, path: str) -> str | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return f"GET {path}: the connection was closed after {len(error.partial)} bytes"
    first, *headers = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdigit():
        return f"GET {path}: not an HTTP answer: {first[:60]!r}"
    # Read what is announced: closing with unread bytes would reset the connection, which programs log as an error.
    lengths = [text.strip() for name, _, text in (line.partition(":") for line in headers) if _is_length(name)]
    if lengths and lengths[0].isdigit() and 0 < int(lengths[0]) <= BODY_BYTES_MAX:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readexactly(int(lengths[0]))
    return None if rest.startswith("2") else f"GET {path}: answered {rest[:60].strip()}"


def _is_length(name: str) -> bool:
    return name.strip().lower() == "content-length"


def foreign_listener(port: int, pid: int) -> str | None:
    """Who else answers on `port`; None if every socket that listens there belongs to the session that `pid` leads.
    Blocking for some milliseconds. A session member whose descriptors are not ours to read gets the benefit."""
    inodes = sockets.listening_inodes(port)
    if not inodes:
        return f"{REFUSED} {port}"
    inodes -= procfs.socket_inodes(pid) or set()
    if not inodes:
        return None
    for member in procfs.session_members(pid):
        held = procfs.socket_inodes(member.pid)
        if held is None:
            return None
        inodes -= held
        if not inodes:
            return None
    others = procfs.holders(inodes)
    who = f"process {others[0]} ({procfs.command_line(others[0])})" if others else "another process"
    return f"port {port} is answered by {who}, which is not of this instance"
