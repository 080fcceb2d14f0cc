"""The sockets a controller listens on, bound before anything is served."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

from ferryman.api.place import socket_path
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Settings

BACKLOG = 1024
"""Connections that may wait to be accepted: a page of many viewers comes back at once after a restart."""


@contextlib.contextmanager
def unix_socket(folder: Path) -> Generator[tuple[socket.socket, Path]]:
    """The socket that only its owner can open, and its path. The state folder is held by this process, so that a socket
    left in the way is one of a dead controller."""
    path = socket_path(folder)
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            unix.bind(str(path))
        finally:
            os.umask(before)
        unix.listen(BACKLOG)
        unix.setblocking(False)
        yield unix, path
    finally:
        unix.close()
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def tcp_socket(settings: Settings) -> Generator[tuple[socket.socket | None, str | None]]:
    """The socket of `listen` with its URL; (None, None) without one. Raises `ControllerError` (``address_in_use``)."""
    listen = settings.listen
    if listen is None:
        yield None, None
        return
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind((listen.host, listen.port))
            tcp.listen(BACKLOG)
        except OSError as problem:
            raise ControllerError(
                "address_in_use",
                f"cannot listen on {listen.host}:{listen.port}: {problem.strerror}",
                "choose another port, or 0 for a free one",
            ) from None
        tcp.setblocking(False)
        host = f"[{listen.host}]" if ":" in listen.host else listen.host
        scheme = "https" if settings.tls is not None else "http"
        yield tcp, settings.public_url or f"{scheme}://{host}:{tcp.getsockname()[1]}"
