"""The bootstrap: what Envoy is started with. Everything else it reads from discovery files."""

from __future__ import annotations

from pathlib import Path

from ferryman.routers.envoy.evidence import histogram_settings
from ferryman.routers.envoy.names import CLUSTERS, LISTENERS, Json, Resource

SOCKET_MODE = 0o600


def source(tree: Path, resource: Resource) -> Json:
    """A config source that watches the resource's own folder, so that only its own rename makes Envoy read it."""
    return {
        "path_config_source": {
            "path": str(tree / resource.path),
            "watched_directory": {"path": str(tree / resource.folder)},
        },
        "resource_api_version": "V3",
    }


def bootstrap(tree: Path, admin_socket: Path) -> Json:
    """The bootstrap for the discovery files under `tree` (absolute) and an admin interface on a unix socket.

    `stats_flush_on_admin` makes histograms current whenever they are read, instead of every 5 seconds.
    """
    return {
        "node": {"id": "ferryman", "cluster": "ferryman"},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": SOCKET_MODE}}},
        "dynamic_resources": {"cds_config": source(tree, CLUSTERS), "lds_config": source(tree, LISTENERS)},
        "stats_flush_on_admin": True,
        "stats_config": histogram_settings(),
    }
