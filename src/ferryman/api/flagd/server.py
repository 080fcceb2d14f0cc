"""The gRPC servers: ports, TLS and bounds. Of grpcio's asyncio kind, on the loop of the controller."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import grpc
import grpc.aio

from ferryman.api.context import Api
from ferryman.api.flagd.asking import Asking
from ferryman.api.flagd.calls import Services
from ferryman.api.flagd.evaluation import Evaluation
from ferryman.api.flagd.following import STREAMS_MAX, Followers
from ferryman.api.flagd.sync import Sync
from ferryman.api.place import FlagdPlaces
from ferryman.api.wire import BODY_BYTES_MAX
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Listen, Settings, Tls

GRACEFUL_SECONDS = 1.0
CALLS_MAX = STREAMS_MAX + 1_000
"""At the same time, of each server."""
METADATA_BYTES_MAX = 16 * 1024
KEEPALIVE_SECONDS = 60
"""After so long without a word the other side is asked whether it is there."""
KEEPALIVE_ANSWER_SECONDS = 20
PINGS_APART_MILLISECONDS = 1_000
"""Clients may ask that more often than grpc's five minutes."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),  # two controllers on one port would each get some of the clients
    ("grpc.max_receive_message_length", BODY_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.max_allowed_incoming_connections", CALLS_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_SECONDS * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", PINGS_APART_MILLISECONDS),
)


@contextlib.asynccontextmanager
async def serving(api: Api, settings: Settings) -> AsyncGenerator[FlagdPlaces]:
    """Serve what the settings ask for while inside. Raises `ControllerError` (``address_in_use``)."""
    flagd = settings.flagd
    asking = Asking(api, anonymous=flagd.anonymous)
    followers = Followers(api.controller.flags)
    credentials = _credentials(settings, settings.tls) if settings.tls else None
    async with contextlib.AsyncExitStack() as stack:
        evaluation, sync = Evaluation(api, asking, followers), Sync(api, asking, followers)
        places = [
            await stack.enter_async_context(_listening(listen, made.services(), credentials)) if listen else ""
            for listen, made in ((flagd.evaluation, evaluation), (flagd.sync, sync))
        ]
        stack.callback(followers.close)
        yield FlagdPlaces(*places)


@contextlib.asynccontextmanager
async def _listening(
    listen: Listen, services: Services, credentials: grpc.ServerCredentials | None
) -> AsyncGenerator[str]:
    """One server, and where it is: `ADDRESS:PORT`."""
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    for name, methods in services.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, dict(methods)),))
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    place = f"{host}:{listen.port}"
    try:
        port = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    except RuntimeError:
        raise ControllerError(
            "address_in_use",
            f"cannot listen on {place} for clients of flagd",
            "choose another port, or 0 for a free one",
        ) from None
    await server.start()
    try:
        yield f"{host}:{port}"
    finally:
        await server.stop(GRACEFUL_SECONDS)


def _credentials(settings: Settings, tls: Tls) -> grpc.ServerCredentials:
    """Those of HTTPS, which were looked at before (`doors.tls_context`)."""
    key, cert = (Path(settings.place(path)).read_bytes() for path in (tls.key, tls.cert))
    return grpc.ssl_server_credentials([(key, cert)])
