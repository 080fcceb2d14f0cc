"""Where evidence comes from when it is not the proxy that counted."""

from __future__ import annotations

import msgspec

from ferryman.model.secret import Secret


class PrometheusServer(msgspec.Struct, frozen=True):
    """A server that answers as Prometheus does below `url`. It is opened by `token` (Bearer), or by `user` and `password`
    (Basic), or by nothing."""

    url: str
    token: Secret | None = None
    user: str = ""
    password: Secret | None = None


class PrometheusSource(msgspec.Struct, frozen=True):
    """Templates of queries for one arm (see `ferryman.analysis.promql`): counters of `requests` and of those that were
    `errors`, and, if it is not empty, the buckets of a classic histogram of `duration`, whose `le` are seconds."""

    server: PrometheusServer
    requests: str
    errors: str
    duration: str = ""
