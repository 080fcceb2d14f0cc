"""HTTP requests for one server, in a process of their own: as many as it takes, then so many a second.

Plain sockets and one epoll. With a rate, a request is late from the moment at which it was due, whether or not a connection
was free then.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import deque

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
BUFFER_BYTES = 1 << 18


class Connection:
    """One, kept alive; one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def ask(self, request: bytes, due: float) -> None:
        self.due = due
        self.socket.sendall(request)

    def read(self) -> bytes | None:
        """The whole answer, once it is there."""
        data = self.socket.recv(BUFFER_BYTES)
        assert data, "the server closed a connection"
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            return None
        answer, self._got = self._got, b""
        return answer


def press(port: int, requests: list[bytes], connections: int, seconds: float, rate: float) -> dict[str, object]:
    """Ask for so long; `late` are milliseconds of the answers in order of size. With `rate` 0, each connection at once."""
    poll = select.epoll()
    free = deque(Connection(port) for _ in range(connections))
    by_number = {each.socket.fileno(): each for each in free}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    late: list[float] = []
    wrong, asked = 0, 0
    began = time.perf_counter()
    end = began + seconds
    while (now := time.perf_counter()) < end or len(free) < connections:
        while free and now < end and (not rate or began + asked / rate <= now):
            free.popleft().ask(requests[asked % len(requests)], began + asked / rate if rate else now)
            asked += 1
        wait = min(0.05, max(0.0, began + asked / rate - now)) if rate and free else 0.05
        for number, _ in poll.poll(wait):
            connection = by_number[number]
            answer = connection.read()
            if answer is not None:
                late.append((time.perf_counter() - connection.due) * 1000)
                wrong += not answer.startswith(b"HTTP/1.1 200")
                free.append(connection)
    took = time.perf_counter() - began
    late.sort()
    return {
        "count": len(late),
        "per_second": len(late) / took,
        "late": late[:: max(1, len(late) // 5000)],
        "wrong": wrong,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0)
    args = parser.parse_args()
    requests = [bytes.fromhex(line) for line in sys.stdin.read().split()]
    print(json.dumps(press(args.port, requests, args.connections, args.seconds, args.rate)))


if __name__ == "__main__":
    main()
