"""Who did what, when and why: the events of all services and the entries of the journals as one list."""

from __future__ import annotations

import msgspec


class AuditLine(msgspec.Struct, frozen=True):
    """One deed. `stream` is the service whose stream it is in, with `service` the same; or the name of a journal, with
    `service` "". `seq` is its number there, `hash` its place in the chain (hex), `at` an epoch second."""

    at: float
    actor: str
    service: str
    rollout: str
    stream: str
    seq: int
    kind: str
    text: str
    reason: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True):
    """Some lines, newest last. `before` asks for those before them; "" when there are none."""

    lines: tuple[AuditLine, ...]
    before: str


class ChainView(msgspec.Struct, frozen=True):
    """One stream, checked: `kind` service or journal, how many links it has, and what is wrong with it ("" for nothing)."""

    stream: str
    kind: str
    count: int
    problem: str


class ChainsView(msgspec.Struct, frozen=True):
    """All of them."""

    intact: bool
    chains: tuple[ChainView, ...]
