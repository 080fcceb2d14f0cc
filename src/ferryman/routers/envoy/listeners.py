"""Listeners: where users connect, and where a revision is previewed."""

from __future__ import annotations

from pathlib import Path

from ferryman.model.world import Listener
from ferryman.routers.envoy.boot import source
from ferryman.routers.envoy.evidence import access_loggers
from ferryman.routers.envoy.names import TYPE, Json, listener_name, routes_name, routes_of
from ferryman.routers.envoy.routes import STREAM_IDLE_SECONDS

DRAIN_SECONDS = 5
"""How long a removed listener goes on serving the connections it has; also Envoy's ``--drain-time-s``."""


def listeners(tree: Path, service: str, wanted: Listener) -> list[Json]:
    """The listeners of a service. The preview port has no access loggers: checks of our own are no evidence."""
    found = [_listener(tree, service, wanted.host, wanted.port, preview=False)]
    if wanted.preview_port is not None:
        found.append(_listener(tree, service, wanted.host, wanted.preview_port, preview=True))
    return found


def address_in(listener: Json) -> tuple[str, int]:
    """Host and port of a built listener."""
    socket = listener["address"]["socket_address"]
    return socket["address"], socket["port_value"]


def _listener(tree: Path, service: str, host: str, port: int, *, preview: bool) -> Json:
    """`enable_reuse_port` off: with it (Envoy's default) a second Envoy could bind the port and take half the traffic
    without an error anywhere."""
    manager = _connection_manager(tree, service, preview=preview)
    chain: Json = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "@type": f"{TYPE}envoy.config.listener.v3.Listener",
        "name": listener_name(service, port, preview=preview),
        "address": {"socket_address": {"address": host, "port_value": port}},
        "enable_reuse_port": False,
        "filter_chains": [chain],
    }


def _connection_manager(tree: Path, service: str, *, preview: bool) -> Json:
    """`use_remote_address` makes Envoy mint the request id itself: a client's own would otherwise end in our cookie.
    Its id carries no trace bits, so that it is fair to hash."""
    name = routes_name(service, preview=preview)
    request_id: Json = {
        "@type": f"{TYPE}envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
        "pack_trace_reason": False,
    }
    router: Json = {
        "@type": f"{TYPE}envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
    }
    return {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": source(tree, routes_of(service, preview=preview))},
        "use_remote_address": True,
        "request_id_extension": {"typed_config": request_id},
        "server_header_transformation": "PASS_THROUGH",
        "stream_idle_timeout": f"{STREAM_IDLE_SECONDS}s",
        "common_http_protocol_options": {"idle_timeout": f"{STREAM_IDLE_SECONDS}s"},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "access_log": [] if preview else access_loggers(),
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
