"""Flags served by gRPC, and clients of it that are made of flagd's own definitions."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2_grpc as v1_grpc
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2_grpc as v2_grpc
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2, sync_pb2_grpc

from served_flags import ServedFlags, port_of, serving_flags, with_flagd

DOCUMENT = """\
flags:
  simple: {kind: ops, variants: {on: true, off: false}, off: off, default: on}
  limit: {kind: ops, variants: {high: 10, low: 2}, off: low, default: high}
  ratio: {kind: ops, variants: {half: 0.5, whole: 1, none: 0}, off: none, default: whole}
  half: {kind: ops, variants: {half: 0.5, none: 0}, off: none, default: half}
  text: {kind: ops, variants: {a: "Ä", b: "B"}, off: b, default: a}
  plan: {kind: ops, variants: {full: {model: large}, none: {}}, off: none, default: full}
  list: {kind: ops, variants: {some: [1, 2], none: []}, off: none, default: some}
  asleep: {kind: ops, variants: {on: true, off: false}, off: off, state: disabled}
  asks: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{when: 'segment("germans")', serve: on}]}
  network: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{logic: {cidr: [{var: ip}, "10.0.0.0/8"]}, serve: on}]}
segments:
  germans: 'country in ["de", "Österreich"]'
"""
STAGING = "flags:\n  simple: {kind: ops, variants: {on: true, off: false}, off: off}\n"
DEADLINE = 20.0


WINDOW_BYTES = 64 * 1024


class Clients:
    """Stubs of all services on channels of their own."""

    def __init__(self, served: ServedFlags, credentials: grpc.ChannelCredentials | None = None) -> None:
        def channel(place: str) -> grpc.Channel:
            target = f"localhost:{port_of(place)}" if credentials else place
            # No probing: how much a connection takes that nobody reads is to be the same on a busy machine.
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
            options += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW_BYTES)]
            if credentials:
                return grpc.secure_channel(target, credentials, options)
            return grpc.insecure_channel(target, options)

        self.channels = [channel(served.flagd.evaluation), channel(served.flagd.sync)]
        self.v1, self.v2 = v1_grpc.ServiceStub(self.channels[0]), v2_grpc.ServiceStub(self.channels[0])
        self.sync = sync_pb2_grpc.FlagSyncServiceStub(self.channels[1])

    def boolean(self, key: str = "simple", **more: Any) -> v2.ResolveBooleanResponse:
        return self.v2.ResolveBoolean(v2.ResolveBooleanRequest(flag_key=key), timeout=DEADLINE, **more)

    def fetch(self, selector: str = "", **more: Any) -> dict[str, Any]:
        asked = sync_pb2.FetchAllFlagsRequest(selector=selector)
        return json.loads(self.sync.FetchAllFlags(asked, timeout=DEADLINE, **more).flag_configuration)["flags"]


@contextlib.contextmanager
def clients_of(served: ServedFlags, credentials: grpc.ChannelCredentials | None = None) -> Iterator[Clients]:
    made = Clients(served, credentials)
    try:
        yield made
    finally:
        for channel in made.channels:
            channel.close()


def refusal(ask: Callable[..., Any], *args: Any, **more: Any) -> tuple[str, str]:
    """Name of the status and what is said."""
    with pytest.raises(grpc.RpcError) as caught:
        ask(*args, **more)
    error: Any = caught.value
    return error.code().name, str(error.details())


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@contextlib.contextmanager
def open_flags(folder: Path) -> Iterator[ServedFlags]:
    """Nobody has made a token: on this machine whoever wants may look."""
    with serving_flags(folder, DOCUMENT, with_flagd(folder), with_token=False) as made:
        made.set(STAGING, "staging")
        yield made
