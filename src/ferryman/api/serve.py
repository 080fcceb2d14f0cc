"""`ferry serve`: one controller, its API on a unix socket (and, if asked, over TCP), until a signal.

Ending it ends nothing else: instances and the router go on serving, and the next controller takes them over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import uvicorn
from msgspec.structs import replace

from ferryman import __version__
from ferryman.api.access.access import Access
from ferryman.api.access.doors import is_loopback, may_listen, tls_context
from ferryman.api.access.headers import SecureHeaders
from ferryman.api.access.hosts import FromSocket
from ferryman.api.access.oidc.setup import flow_of
from ferryman.api.app import create_app
from ferryman.api.connection import HEADER_BYTES_MAX, KEEP_ALIVE_SECONDS, Connection, refusal
from ferryman.api.connection_book import Book, raise_file_limit, socket_book, tcp_book
from ferryman.api.context import Api
from ferryman.api.counted_socket import CountedSocket
from ferryman.api.place import (
    ControllerRecord,
    FlagdPlaces,
    make_state_folder,
    remove_record,
    write_record,
)
from ferryman.api.port import Controlled
from ferryman.api.sockets import tcp_socket, unix_socket
from ferryman.api.wire import HealthView
from ferryman.engine.starting import settle_memory
from ferryman.model.errors import ControllerError, FerrymanError
from ferryman.model.settings import Settings

GRACEFUL_SECONDS = 1
Ready = Callable[[ControllerRecord], None]


async def serve(controller: Controlled, project: Path, *, settings: Settings, on_ready: Ready) -> None:
    """Run `controller` until SIGTERM, SIGINT or a request to shut down. A signal that comes while it starts is heeded when
    it has started. The router ends with it when asked to, or when no service is up.

    Raises what `controller.start` raises, and `ControllerError`: ``address_in_use``, or what `doors` says of settings
    under which it must not listen.
    """
    folder = make_state_folder(project)
    stopping = _Stopping()
    with stopping.signals():
        await controller.start()
        settle_memory()
        await _run(controller, project, folder, settings, stopping, on_ready)


async def _run(
    controller: Controlled, project: Path, folder: Path, settings: Settings, stopping: _Stopping, on_ready: Ready
) -> None:
    try:
        flow = flow_of(settings, time.time, secrets.token_bytes)
        access = Access(controller.store, settings, time.time, secrets.token_bytes, is_loopback(settings), flow)
        await access.load()
        may_listen(settings, access)
        tls = tls_context(settings)
        with unix_socket(folder) as (unix, path), tcp_socket(settings) as (tcp, url):
            record = ControllerRecord(os.getpid(), time.time(), str(path), url, __version__, str(project))
            health = HealthView(record.version, record.pid, record.project, record.started_at)
            api = Api(controller, health, stopping.shut_down, access.authenticate, access)
            owner, crowd = socket_book(), tcp_book(raise_file_limit(), settings.connections_per_address)
            api.books = {"socket": owner} | ({"tcp": crowd} if tcp is not None else {})
            async with (
                _serving(api, unix, owner, None),
                _serving(api, tcp, crowd, tls),
                _serving_flagd(api, settings) as flagd,
            ):
                record = replace(record, flagd=flagd)
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
    """Whether no service is up, rollouts of flags apart: then a router that goes on would be a leftover."""
    try:
        return all(view.down or not (view.url or view.instances) for view in await controller.views())
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
async def _serving(
    api: Api, listening: socket.socket | None, book: Book, tls: ssl.SSLContext | None
) -> AsyncGenerator[None]:
    """Serve on a socket while inside; without one nothing is done."""
    if listening is None:
        yield
        return
    app = SecureHeaders(create_app(api), tls=tls is not None)
    config = uvicorn.Config(
        FromSocket(app) if listening.family is socket.AF_UNIX else app,
        loop="asyncio",
        http=Connection,
        ws="none",
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whoever can reach the port could write them
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    config.load()
    config.ssl = tls
    server = _Server(config)
    counted = CountedSocket(listening, book, refusal if tls is None else None)
    task = asyncio.create_task(server.serve(sockets=[counted]))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            raise ControllerError("api_failed", "the API did not start", "see the log of the controller")
        yield
    finally:
        up.cancel()
        api.stop()
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def _serving_flagd(api: Api, settings: Settings) -> AsyncGenerator[FlagdPlaces]:
    """Serve clients of flagd while inside, if the settings ask for it. Raises `ControllerError` (``extra_missing``)."""
    if not settings.flagd.listens:
        yield FlagdPlaces()
        return
    try:
        from ferryman.api.flagd.server import serving  # noqa: PLC0415 -- imports what only the extra brings
    except ImportError as error:
        raise ControllerError(
            "extra_missing",
            f"clients of flagd are answered by gRPC, and {error.name} is not installed",
            "pip install 'ferryman[flagd]'",
        ) from None
    async with serving(api, settings) as places:
        yield places
