"""`ferry serve`: one controller, its API on a unix socket (and, if asked, readable over loopback TCP), until a signal.

Ending it ends nothing else: instances and the router go on serving, and the next controller takes them over.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from ferryman import __version__
from ferryman.api.app import create_app
from ferryman.api.context import Api
from ferryman.api.place import (
    ControllerRecord,
    make_state_folder,
    remove_record,
    socket_path,
    write_record,
)
from ferryman.api.port import Controlled
from ferryman.api.wire import HealthView
from ferryman.engine.starting import settle_memory
from ferryman.model.errors import ControllerError, FerrymanError, UsageError

GRACEFUL_SECONDS = 1
BACKLOG = 128
Ready = Callable[[ControllerRecord], None]


@dataclass(frozen=True)
class Address:
    """A loopback address to listen on."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As people write it."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`127.0.0.1:8080` or `localhost:8080`; port 0 takes a free one. Raises `UsageError` (``bad_address``)."""
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host in {"", "localhost"} else host.strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
        number = int(port)
    except ValueError:
        raise UsageError("bad_address", f"{text!r} is no address", "write 127.0.0.1:PORT") from None
    if not loopback or not 0 <= number <= 65535:
        raise UsageError("bad_address", f"{text!r} is not on this machine's loopback", "write 127.0.0.1:PORT")
    return Address(host, number)


async def serve(controller: Controlled, project: Path, *, listen: Address | None, on_ready: Ready) -> None:
    """Run `controller` until SIGTERM, SIGINT or a request to shut down. A signal that comes while it starts is heeded when
    it has started. The router ends with it when asked to, or when no service is up.

    Raises what `controller.start` raises, and `ControllerError` (``address_in_use``) when `listen` is taken.
    """
    folder = make_state_folder(project)
    stopping = _Stopping()
    with stopping.signals():
        await controller.start()
        settle_memory()
        await _run(controller, project, folder, listen, stopping, on_ready)


async def _run(
    controller: Controlled, project: Path, folder: Path, listen: Address | None, stopping: _Stopping, on_ready: Ready
) -> None:
    try:
        with _sockets(folder, listen) as (sockets, path, url):
            record = ControllerRecord(os.getpid(), time.time(), str(path), url, __version__, str(project))
            health = HealthView(record.version, record.pid, record.project, record.started_at)
            api = Api(controller, health, stopping.shut_down)
            async with _serving(api, sockets):
                if not stopping.event.is_set():
                    write_record(folder, record)
                    on_ready(record)
                await stopping.event.wait()
    finally:
        try:
            whole = stopping.whole or await _serves_nobody(controller)
            await (controller.shutdown() if whole else controller.close())
        finally:
            # Last, so that whoever waits for it to go finds everything else gone.
            remove_record(folder, os.getpid())


async def _serves_nobody(controller: Controlled) -> bool:
    """Whether no service is up: then a router that goes on would be a leftover."""
    try:
        return all(view.down for view in await controller.views())
    except FerrymanError:
        return False


class _Stopping:
    """Why and when the server ends. `whole`: the router is to end too."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.whole = False

    def shut_down(self) -> None:
        self.whole = True
        self.event.set()

    @contextlib.contextmanager
    def signals(self) -> Generator[None]:
        """While inside, SIGTERM and SIGINT set the event."""
        loop = asyncio.get_running_loop()
        caught = (signal.SIGTERM, signal.SIGINT)
        try:
            for number in caught:
                loop.add_signal_handler(number, self.event.set)
        except (RuntimeError, ValueError):  # not the main thread: whoever runs it there ends it by the API
            yield
            return
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which would raise the signal again when it is done; and with an event for
    "started"."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(api: Api, sockets: list[socket.socket]) -> AsyncGenerator[None]:
    config = uvicorn.Config(
        create_app(api),
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=sockets))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            raise ControllerError("api_failed", "the API did not start", "see the log of the controller")
        yield
    finally:
        up.cancel()
        api.stopping.set()
        server.should_exit = True
        await task


@contextlib.contextmanager
def _sockets(folder: Path, listen: Address | None) -> Generator[tuple[list[socket.socket], Path, str | None]]:
    """The bound sockets, the path of the first one, and the URL of the second. The state folder is held by this
    process, so that a socket left in the way is one of a dead controller."""
    path = socket_path(folder)
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened = [unix]
    url = None
    try:
        before = os.umask(0o177)
        try:
            unix.bind(str(path))
        finally:
            os.umask(before)
        unix.listen(BACKLOG)
        if listen is not None:
            tcp, url = _bind(listen)
            opened.append(tcp)
        for each in opened:
            each.setblocking(False)
        yield opened, path, url
    finally:
        for each in opened:
            each.close()
        path.unlink(missing_ok=True)


def _bind(listen: Address) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((listen.host, listen.port))
        tcp.listen(BACKLOG)
    except OSError as problem:
        tcp.close()
        raise ControllerError(
            "address_in_use",
            f"cannot listen on {listen.host}:{listen.port}: {problem.strerror}",
            "choose another port, or 0 for a free one",
        ) from None
    return tcp, Address(listen.host, int(tcp.getsockname()[1])).url
