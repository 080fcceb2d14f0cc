"""Keys that say where evidence comes from: the `source` of an analysis, and the Prometheus server of a controller."""

from __future__ import annotations

import msgspec

from ferryman.analysis.promql import CHARACTERS_MAX, placeholders, template_fault
from ferryman.model.evidence_source import PrometheusServer, PrometheusSource
from ferryman.model.secret import Secret
from ferryman.spec.kinds import BAD, Schema, Text
from ferryman.spec.nodes import Node, show
from ferryman.spec.notify_table import HOST_PATTERN
from ferryman.spec.report import Report
from ferryman.spec.secret import SecretPlace
from ferryman.spec.shapes import Given, Key, Keys

SERVER_URL = Text(
    label="URL",
    pattern=rf"https?://{HOST_PATTERN}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~/-]*)?",
    rule="a scheme, a name and perhaps port and path: http://127.0.0.1:9090",
)
USER = Text(label="user", pattern=r"[^:\x00-\x1f]+", rule="no colon", most=200)


class Query(msgspec.Struct, frozen=True):
    """PromQL. With `arms` it is a template that must tell arms apart; without, there is nothing to fill in."""

    arms: bool = False
    most: int = CHARACTERS_MAX

    @property
    def label(self) -> str:
        return "query template" if self.arms else "query"

    def read(self, node: Node, path: str, report: Report) -> object:
        text = Text(label=self.label, most=self.most).read(node, path, report)
        if not isinstance(text, str):
            return BAD
        fault = template_fault(text)
        if fault is None and self.arms and not placeholders(text) & {"variant", "revision"}:
            fault = "the query is the same for both sides", 'tell them apart: {variant="{{variant}}"}, or {{revision}}'
        if fault is None and not self.arms and placeholders(text):
            fault = "there is nothing to fill in here", "write the value itself"
        if fault is not None:
            report.add(node.mark, path, show(node), "not_allowed", *fault)
            return BAD
        return text

    def schema(self) -> Schema:
        return Text(most=self.most).schema()


def _server(given: Given) -> object:
    values = given.values
    if given.has("token") and given.has("user"):
        given.wrong(
            "user", "exclusive", "`token` and `user` exclude each other", "keep the one that the server asks for"
        )
    if given.has("user") and given.lacks("password"):
        given.missing("password", "`user` needs `password`", "password: {env: NAME}")
    if given.has("password") and given.lacks("user"):
        given.missing("user", "`password` needs `user`", "user: NAME")
    if any(name not in values for name in given.node.entries) or "url" not in values:
        return BAD
    token, password = values.get("token"), values.get("password")
    return PrometheusServer(
        str(values["url"]),
        token if isinstance(token, Secret) else None,
        str(values.get("user", "")),
        password if isinstance(password, Secret) else None,
    )


_SERVER_KEYS = (
    Key("url", SERVER_URL, "Where it answers; queries go to `/api/v1/query` below it.", required=True),
    Key("token", SecretPlace(), "Sent as a Bearer token."),
    Key("user", USER, "Sent as Basic authentication, with `password`."),
    Key("password", SecretPlace(), "The password of `user`."),
)
PROMETHEUS_SERVER = Keys(
    title="Prometheus",
    doc="A Prometheus server, or one that answers as it does.",
    keys=_SERVER_KEYS,
    build=_server,
)


def _source(given: Given) -> object:
    server = _server(given)
    if not isinstance(server, PrometheusServer) or not {"requests", "errors"} <= given.values.keys():
        return BAD
    values = given.values
    return PrometheusSource(server, str(values["requests"]), str(values["errors"]), str(values.get("duration", "")))


PROMETHEUS_SOURCE = Keys(
    title="Evidence from Prometheus",
    doc=(
        "Counters out of a Prometheus server. `{{variant}}`, `{{revision}}`, `{{flag}}` and `{{environment}}` in quoted "
        "label values stand for the arm that is asked about. Ask for counters as they are: each series is followed by "
        "itself, so neither `rate` nor `sum` is needed."
    ),
    keys=(
        *_SERVER_KEYS,
        Key("requests", Query(arms=True), "Counters of requests.", required=True),
        Key("errors", Query(arms=True), "Counters of those that failed.", required=True),
        Key("duration", Query(arms=True), "Buckets of a classic histogram, `le` in seconds. Left out, speed is not compared."),
    ),
    build=_source,
)  # fmt: skip


def _chosen(given: Given) -> object:
    return given.values.get("prometheus", BAD)


EVIDENCE_SOURCE = Keys(
    title="Source of evidence",
    doc="Who counted what users met, where it is not the proxy.",
    keys=(Key("prometheus", PROMETHEUS_SOURCE, PROMETHEUS_SOURCE.doc),),
    exclusive=(("prometheus",),),
    one_of=True,
    build=_chosen,
)
"""Reads to a `PrometheusSource`."""
