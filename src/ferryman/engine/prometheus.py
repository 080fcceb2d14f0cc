"""Prometheus servers out of settings and release files. Their secrets are read when something is asked."""

from __future__ import annotations

from ferryman.engine.channels import secret_of
from ferryman.metrics.prometheus import Prometheus, PrometheusMetrics, basic, bearer
from ferryman.model.evidence_source import PrometheusServer, PrometheusSource
from ferryman.model.settings import Settings


def make_prometheus(server: PrometheusServer, settings: Settings) -> Prometheus:
    """A client of a server. That a secret is missing is an `AdapterError` of what is asked."""
    what = f"of the Prometheus server {server.url}"
    if server.token is not None:
        token = secret_of(server.token, settings, f"the token {what}")
        return Prometheus(server.url, lambda: bearer(token()))
    if server.password is not None:
        password = secret_of(server.password, settings, f"the password {what}")
        return Prometheus(server.url, lambda: basic(server.user, password()))
    return Prometheus(server.url)


def make_source(source: PrometheusSource, settings: Settings) -> PrometheusMetrics:
    """What reads the evidence that a release asks for."""
    return PrometheusMetrics(make_prometheus(source.server, settings), source)
