"""A listening socket that takes no more connections than its book has room for.

They are counted where they are accepted: one that never comes as far as a request, or as the end of its TLS handshake, counts
from its first moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable
from typing import Any, cast

from ferryman.api.connection_book import Book
from ferryman.model.errors import FerrymanError

REFUSED_AT_ONCE = 100
"""So many are turned away before others have their turn."""

log = logging.getLogger("ferryman.connection")

Wording = Callable[[FerrymanError], bytes]


class CountedSocket(socket.socket):
    """The same listener as `listening`, which may be closed on its own. Whom it turns away it tells by `wording`, None:
    not at all."""

    def __init__(self, listening: socket.socket, book: Book, wording: Wording | None) -> None:
        super().__init__(fileno=os.dup(listening.fileno()))
        self._book = book
        self._wording = wording

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection there is room for. Raises `BlockingIOError` when there is none now."""
        for _ in range(REFUSED_AT_ONCE):
            plain, address = cast("tuple[socket.socket, tuple[str, int] | str]", super().accept())
            peer = address if isinstance(address, str) else address[0]
            problem = self._book.enter(peer)
            accepted = _Counted(plain.detach(), self._book, peer)
            if problem is None:
                return accepted, address
            log.debug("%s", problem.message)
            with contextlib.suppress(OSError):
                accepted.setblocking(False)
                accepted.send(self._wording(problem) if self._wording is not None else b"")
            accepted.close()
        raise BlockingIOError


class _Counted(socket.socket):
    def __init__(self, descriptor: int, book: Book, peer: str) -> None:
        super().__init__(fileno=descriptor)
        self._leave = [lambda: book.leave(peer)]

    def close(self) -> None:
        while self._leave:
            self._leave.pop()()
        super().close()
