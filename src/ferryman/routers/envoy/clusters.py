"""Clusters and their endpoints: one cluster a revision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ferryman.model.world import Endpoint
from ferryman.routers.envoy.boot import source
from ferryman.routers.envoy.names import TYPE, Json, endpoints_of

CONNECT_SECONDS = 1
BREAKER_LIMIT = 10_000
"""Envoy's own default of 1024 (3 retries) turns a burst into errors that the version did not make."""
IDLE_SECONDS = 1.5
"""Shorter than the keep-alive of common servers (2 s and up): whoever closes first must be us, else a request races
the server's close and is lost."""
EJECT_AFTER_FAILURES = 3
EJECT_SECONDS = 2
EJECT_MAX_PERCENT = 50

Address = tuple[str, int]


def address(endpoint: Endpoint) -> Address:
    """Host and port of an instance."""
    return endpoint.host, endpoint.port


def cluster(tree: Path, name: str) -> Json:
    """The cluster of one revision, its endpoints in a file of their own.

    An instance that cannot be connected to is passed over for a while (at most half of them), so that a dead one does
    not cost every request a retry until it is taken out. Answers with 5xx never eject: they are what the judge counts,
    and hiding the bad instance of a candidate would hide the evidence.
    """
    limits: Json = {
        "max_connections": BREAKER_LIMIT,
        "max_pending_requests": BREAKER_LIMIT,
        "max_requests": BREAKER_LIMIT,
        "max_retries": BREAKER_LIMIT,
    }
    protocol: Json = {
        "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source(tree, endpoints_of(name)), "service_name": name},
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {"thresholds": [limits]},
        "ignore_health_on_host_removal": True,
        "outlier_detection": _ejection(),
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
    }


def assignment(name: str, addresses: Iterable[Address]) -> Json:
    """The endpoints of a cluster, in a stable order so that equal sets are equal files."""
    hosts = [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
        for host, port in sorted(set(addresses))
    ]
    return {
        "@type": f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": hosts}],
    }


def addresses_in(load_assignment: Json) -> frozenset[Address]:
    """The inverse of `assignment`."""
    sockets = [
        host["endpoint"]["address"]["socket_address"]
        for locality in load_assignment.get("endpoints", [])
        for host in locality.get("lb_endpoints", [])
    ]
    return frozenset((socket["address"], socket["port_value"]) for socket in sockets)


def _ejection() -> Json:
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": EJECT_AFTER_FAILURES,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": f"{EJECT_SECONDS / 2:g}s",
        "base_ejection_time": f"{EJECT_SECONDS}s",
        "max_ejection_time": f"{EJECT_SECONDS * 5}s",
        "max_ejection_percent": EJECT_MAX_PERCENT,
    }
