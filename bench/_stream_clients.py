"""Very many clients of a stream of server-sent events, in a process of their own, and the floor to hold a server against.

One thread, one epoll, no parsing beyond the ids: what is measured is the server. When something came is told by the kernel
(`SO_TIMESTAMPNS`), so that it does not matter when this process gets round to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import h11

SO_TIMESTAMPNS = 35
CONNECTING_MAX = 100
CONNECT_SECONDS = 120.0
WHOLE_EVERY = 100
"""Every so many clients one keeps all it got, and reads it again by the rules at the end."""

BUFFER_BYTES = 1 << 20
TAIL_BYTES = 48
MARK = re.compile(rb"id: (\d+)\nevent: (event|patch|snapshot|put)\n")
WHOLE = frozenset({b"snapshot", b"put"})
"""Events that say everything."""
STAMP = struct.Struct("qq")


class Clients:
    """`count` of them. `arrivals` has the epoch seconds at which each position came; what a client missed without
    being told by a snapshot is `lost`, what a snapshot made up for `dropped`."""

    def __init__(self, port: int, count: int, path: str = "/v1/stream", token: str = "") -> None:
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        accept = "Accept: text/event-stream\r\n"
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}{accept}\r\n".encode()
        self.count = count
        self.arrivals: dict[int, array[float]] = {}
        self.lost = self.dropped = self.snapshots = self.ended = self.received = 0
        self._address = ("127.0.0.1", port)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._last: dict[int, int] = {}
        self._tails: dict[int, bytes] = {}
        self._whole: dict[int, bytearray] = {}
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)

    def connect(self) -> float:
        """Open all; seconds until each has its first snapshot."""
        began = time.perf_counter()
        opened = 0
        while len(self._last) < self.count:
            while opened < self.count and opened - len(self._last) < CONNECTING_MAX:
                self._open(whole=opened % WHOLE_EVERY == 0)
                opened += 1
            self._read_ready(1.0)
            assert time.perf_counter() - began < CONNECT_SECONDS, f"{len(self._last)} of {self.count} are connected"
        return time.perf_counter() - began

    def _open(self, *, whole: bool) -> None:
        client = socket.create_connection(self._address)
        client.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        client.setblocking(False)
        client.send(self._request)
        number = client.fileno()
        self._sockets[number] = client
        self._tails[number] = b""
        if whole:
            self._whole[number] = bytearray()
        self._poll.register(number, select.EPOLLIN)

    def follow(self, done: Callable[[], bool]) -> None:
        """Read until then."""
        while not done():
            self._read_ready(0.1)

    def _read_ready(self, timeout: float) -> None:
        for number, _ in self._poll.poll(timeout, 4096):
            with contextlib.suppress(BlockingIOError):
                self._read(number)

    def _read(self, number: int) -> None:
        try:
            size, extra, _, _ = self._sockets[number].recvmsg_into([self._buffer], 64)
        except ConnectionResetError:
            size, extra = 0, []
        if not size:
            self.ended += 1
            self._poll.unregister(number)
            return
        now = time.time()
        for _, _, data in extra:
            seconds, nanoseconds = STAMP.unpack(data)
            now = seconds + nanoseconds / 1e9
        self.received += size
        if number in self._whole:
            self._whole[number] += self._view[:size]
        tail = self._tails[number]
        text: bytes | memoryview = tail + self._view[:size] if tail else self._view[:size]
        end = 0
        for found in MARK.finditer(text):
            end = found.end()
            self._got(number, int(found[1]), found[2] not in WHOLE, now)
        self._tails[number] = bytes(text[max(end, len(text) - TAIL_BYTES) :])

    def _got(self, number: int, position: int, is_event: bool, now: float) -> None:
        last = self._last.get(number)
        self._last[number] = position
        if not is_event:
            self.snapshots += 1
            self.dropped += position - last if last is not None else 0
            return
        if last is not None:
            self.lost += position - last - 1
        self.arrivals.setdefault(position, array("d")).append(now)

    def check(self) -> int:
        """Read what the chosen clients kept by the rules of HTTP and of the stream; how many messages that were."""
        messages = 0
        for kept in self._whole.values():
            parser = h11.Connection(h11.CLIENT)
            parser.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
            parser.send(h11.EndOfMessage())
            parser.receive_data(bytes(kept))
            body = bytearray()
            while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Data):
                    body += event.data
            for message in bytes(body).split(b"\n\n")[:-1]:
                data = [line for line in message.split(b"\n") if line.startswith(b"data: ")]
                assert message.startswith(b":") or json.loads(data[0][6:]) is not None, message
                messages += 1
        return messages


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def run_clients(clients: Clients) -> None:
    """Connect, say so, follow until there is a line to read, tell what was found."""
    count = clients.count
    say(seconds=clients.connect())
    cpu, began, before = time.process_time(), time.perf_counter(), clients.received
    clients.follow(lambda: bool(select.select([sys.stdin], [], [], 0)[0]))
    seconds = time.perf_counter() - began
    say(
        arrivals={position: list(found) for position, found in clients.arrivals.items()},
        lost=clients.lost,
        dropped=clients.dropped,
        again=clients.snapshots - count,
        ended=clients.ended,
        bytes_per_second=(clients.received - before) / seconds / count,
        cpu=(time.process_time() - cpu) / seconds,
        checked=clients.check(),
    )


async def run_floor(size: int, per_second: float) -> None:
    """The least that a server in this language could do: the same number of bytes to everybody, `size` at a time, by a
    plain loop over asyncio's transports. It prints its port, and at the end when it sent what."""
    transports: list[asyncio.Transport] = []

    class Follower(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            self.transport.write(head + chunk(b'id: 0\nevent: snapshot\ndata: {"position": 0}\n\n'))
            transports.append(self.transport)

    server = await asyncio.get_running_loop().create_server(Follower, "127.0.0.1", 0, backlog=1024)
    say(port=server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.readline)
    sent: dict[int, float] = {}
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    cpu, began = time.process_time(), time.perf_counter()
    while not ending.done():
        position = len(sent) + 1
        sent[position] = time.time()
        piece = chunk(b'id: %d\nevent: event\ndata: "%b"\n\n' % (position, b"x" * size))
        for transport in transports:
            transport.write(piece)
        await asyncio.sleep(max(0.0, began + position / per_second - time.perf_counter()))
    say(sent=sent, cpu=(time.process_time() - cpu) / (time.perf_counter() - began))


def chunk(data: bytes) -> bytes:
    """RFC 9112, 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--path", default="/v1/stream")
    parser.add_argument("--token", default="")
    parser.add_argument("--floor", type=int, default=0, help="bytes of each message")
    parser.add_argument("--rate", type=float, default=2.0)
    args = parser.parse_args()
    if args.floor:
        asyncio.run(run_floor(args.floor, args.rate))
    else:
        run_clients(Clients(args.port, args.count, args.path, args.token))


if __name__ == "__main__":
    main()
