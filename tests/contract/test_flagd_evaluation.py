"""`flagd.evaluation` v1 and v2, call by call, asked with the messages that flagd's own definitions generate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2 as v1
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2_grpc as v1_grpc
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2_grpc as v2_grpc

from flagd_clients import DEADLINE, Clients, clients_of, open_flags, refusal
from served_flags import ServedFlags

VERSIONS: list[tuple[Any, Any]] = [(v1, v1_grpc), (v2, v2_grpc)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    with open_flags(Path(tmp_path_factory.mktemp("flagd"))) as made:
        yield made


@pytest.fixture
def clients(served: ServedFlags) -> Iterator[Clients]:
    with clients_of(served) as made:
        yield made


@pytest.mark.parametrize(("messages", "services"), VERSIONS)
def test_values_of_every_type(clients: Clients, messages: Any, services: Any) -> None:
    stub = services.ServiceStub(clients.channels[0])
    expected = {
        "Boolean": ("simple", True, "on"),
        "Int": ("limit", 10, "high"),
        "Float": ("ratio", 1.0, "whole"),
        "String": ("text", "Ä", "a"),
        "Object": ("plan", {"model": "large"}, "full"),
    }
    for name, (key, value, variant) in expected.items():
        request = getattr(messages, f"Resolve{name}Request")(flag_key=key)
        answer = getattr(stub, f"Resolve{name}")(request, timeout=DEADLINE)
        got = MessageToDict(answer.value) if name == "Object" else answer.value
        assert (got, answer.variant, answer.reason) == (value, variant, "STATIC")
        assert MessageToDict(answer.metadata)["ferryman.kind"] == "ops"
    whole = stub.ResolveFloat(messages.ResolveFloatRequest(flag_key="limit"), timeout=DEADLINE)
    assert whole.value == 10.0


@pytest.mark.parametrize(("messages", "services"), VERSIONS)
def test_the_context_decides(clients: Clients, messages: Any, services: Any) -> None:
    stub = services.ServiceStub(clients.channels[0])
    for country, value in (("de", True), ("Österreich", True), ("fr", False), (None, False)):
        request = messages.ResolveBooleanRequest(flag_key="asks")
        request.context.update({"targetingKey": "ana", "country": country, "deep": {"list": [1, {"x": None}]}})
        answer = stub.ResolveBoolean(request, timeout=DEADLINE)
        assert (answer.value, answer.reason) == (value, "TARGETING_MATCH")


@pytest.mark.parametrize(("messages", "services"), VERSIONS)
def test_errors_are_told_by_status(served: ServedFlags, clients: Clients, messages: Any, services: Any) -> None:
    served.spoil("broken", {"state": 1})
    by_context = {"targeting": {"var": "which"}}
    served.spoil("odd", {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on", **by_context})
    stub = services.ServiceStub(clients.channels[0])

    def told(name: str, key: str) -> str:
        request = getattr(messages, f"Resolve{name}Request")(flag_key=key)
        request.context.update({"which": "elsewhere"})
        return refusal(getattr(stub, f"Resolve{name}"), request, timeout=DEADLINE)[0]

    assert told("Boolean", "nowhere") == "NOT_FOUND"
    assert told("Boolean", "") == "NOT_FOUND"
    assert told("Boolean", "limit") == "INVALID_ARGUMENT"
    assert told("Int", "half") == "INVALID_ARGUMENT"
    assert told("Boolean", "broken") == "DATA_LOSS"
    assert told("Boolean", "odd") == "UNKNOWN"
    assert told("Object", "list") == "INVALID_ARGUMENT"


def test_a_code_default_is_said_as_each_version_can(clients: Clients) -> None:
    second = clients.boolean("asleep")
    assert (second.HasField("value"), second.HasField("variant"), second.reason) == (False, False, "DISABLED")
    request = v1.ResolveBooleanRequest(flag_key="asleep")
    assert refusal(clients.v1.ResolveBoolean, request, timeout=DEADLINE) == (
        "NOT_FOUND",
        "the flag 'asleep' is disabled",
    )


def test_all_flags_at_once(clients: Clients) -> None:
    request = v1.ResolveAllRequest()
    request.context.update({"country": "de"})
    flags = clients.v1.ResolveAll(request, timeout=DEADLINE).flags
    assert sorted(flags) == ["asks", "half", "limit", "network", "plan", "ratio", "simple", "text"]
    assert (flags["asks"].bool_value, flags["limit"].double_value, flags["text"].string_value) == (True, 10.0, "Ä")
    assert (flags["asks"].variant, flags["asks"].reason) == ("on", "TARGETING_MATCH")


def test_bytes_that_are_no_message_are_refused(clients: Clients) -> None:
    ask = clients.channels[0].unary_unary("/flagd.evaluation.v2.Service/ResolveBoolean")
    assert refusal(ask, b"\x0a\x05ab", timeout=DEADLINE) == (
        "INVALID_ARGUMENT",
        "the message cannot be read: field 1 is longer than its message",
    )
    assert refusal(ask, b"\x0a" + b"\x80" * 9, timeout=DEADLINE)[0] == "INVALID_ARGUMENT"
    assert refusal(ask, b"x" * 8_000_000, timeout=DEADLINE)[0] == "RESOURCE_EXHAUSTED"
    unknown = clients.channels[0].unary_unary("/flagd.evaluation.v2.Service/ResolveAll")
    assert refusal(unknown, b"", timeout=DEADLINE)[0] == "UNIMPLEMENTED"
    assert clients.boolean().value is True


def test_what_is_asked_for_is_counted(served: ServedFlags, clients: Clients) -> None:
    before = served.counted("text", "a"), served.counted("asleep", ""), served.counted("simple", "on")
    for _ in range(3):
        clients.v1.ResolveString(v1.ResolveStringRequest(flag_key="text"), timeout=DEADLINE)
    clients.boolean("asleep")
    refusal(clients.boolean, "nowhere")
    clients.v1.ResolveAll(v1.ResolveAllRequest(), timeout=DEADLINE)
    after = served.counted("text", "a"), served.counted("asleep", ""), served.counted("simple", "on")
    assert [late - early for early, late in zip(before, after, strict=True)] == [3, 1, 0]


@pytest.mark.parametrize(("messages", "services"), VERSIONS)
def test_the_stream_of_events_names_every_flag_and_then_what_changed(
    served: ServedFlags, clients: Clients, messages: Any, services: Any
) -> None:
    stream = services.ServiceStub(clients.channels[0]).EventStream(messages.EventStreamRequest(), timeout=60)
    assert next(stream).type == "provider_ready"
    every = next(stream)
    assert every.type == "configuration_change"
    flags = MessageToDict(every.data)["flags"]
    assert flags.keys() >= {"simple", "limit", "asleep", "asks"}
    assert flags["simple"] == {"type": "update"}
    served.kill("limit")
    assert MessageToDict(next(stream).data) == {"flags": {"limit": {"type": "update"}}}
    served.unkill("limit")
    assert MessageToDict(next(stream).data) == {"flags": {"limit": {"type": "update"}}}
    stream.cancel()


def test_a_flag_that_is_gone_is_named_too(served: ServedFlags, clients: Clients) -> None:
    served.set("flags:\n  brief: {kind: ops, variants: {on: true, off: false}, off: off}\n", "staging")
    metadata = (("flagd-selector", "staging"),)
    stream = clients.v2.EventStream(v2.EventStreamRequest(), metadata=metadata, timeout=60)
    assert MessageToDict(next(stream)) == {"type": "provider_ready", "data": {}}
    assert "brief" in MessageToDict(next(stream).data)["flags"]
    parent = served.owner.get("/v1/flags/definitions", params={"environment": "staging"}).json()["version"]
    served.post("/v1/environments/staging/flags/brief/remove", {"parent": parent})
    assert MessageToDict(next(stream).data) == {"flags": {"brief": {"type": "delete"}}}
    stream.cancel()
    late = clients.v2.EventStream(v2.EventStreamRequest(), metadata=metadata, timeout=60)
    next(late)
    assert MessageToDict(next(late).data)["flags"] == {"simple": {"type": "update"}, "brief": {"type": "delete"}}
    late.cancel()
