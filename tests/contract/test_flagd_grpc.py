"""The gRPC services, call by call, asked with the messages that flagd's own definitions generate: what each answers, whom it
refuses, and how its streams behave."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2 as v1
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2_grpc as v1_grpc
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2_grpc as v2_grpc
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2, sync_pb2_grpc

from certificates import make_certificate
from ferryman.api.flagd import following
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Flagd, Listen, Settings, Tls
from served_flags import ServedFlags, port_of, serving_flags, with_flagd
from support import eventually
from unit.api.fake_controller import FakeController, serving

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
  network: {kind: permission, variants: {on: true, off: false}, off: off, rules: [{logic: {regex: ["a", "("]}, serve: on}]}
segments:
  germans: 'country in ["de", "Österreich"]'
"""
STAGING = "flags:\n  simple: {kind: ops, variants: {on: true, off: false}, off: off}\n"
DEADLINE = 20.0
VERSIONS: list[tuple[Any, Any]] = [(v1, v1_grpc), (v2, v2_grpc)]


class Clients:
    """Stubs of all services on channels of their own."""

    def __init__(self, served: ServedFlags, credentials: grpc.ChannelCredentials | None = None) -> None:
        def channel(place: str) -> grpc.Channel:
            target = f"localhost:{port_of(place)}" if credentials else place
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    """Nobody has made a token: on this machine whoever wants may look."""
    folder = Path(tmp_path_factory.mktemp("flagd"))
    with serving_flags(folder, DOCUMENT, with_flagd(folder), with_token=False) as made:
        made.set(STAGING, "staging")
        yield made


@pytest.fixture
def clients(served: ServedFlags) -> Iterator[Clients]:
    with clients_of(served) as made:
        yield made


# ---------------------------------------------------------------------- evaluation
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


# ---------------------------------------------------------------------- sync
def test_a_flag_set_has_what_old_clients_can_read_and_no_more(clients: Clients) -> None:
    flags = clients.fetch()
    assert flags.keys() >= {"simple", "asks", "asleep"}
    allowed = {"state", "variants", "defaultVariant", "targeting", "metadata"}
    assert all(flag.keys() <= allowed for flag in flags.values())
    assert all(isinstance(value, str) for flag in flags.values() for value in flag["metadata"].values())
    assert "$ref" not in json.dumps(flags)
    assert {"var": "country"} in flags["asks"]["targeting"]["if"][0]["in"]


def test_sync_sends_everything_and_again_after_each_change(served: ServedFlags, clients: Clients) -> None:
    stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(provider_id="me"), timeout=60)
    first = json.loads(next(stream).flag_configuration)["flags"]
    assert first == clients.fetch()
    served.kill("limit")
    assert json.loads(next(stream).flag_configuration)["flags"]["limit"]["defaultVariant"] == "low"
    served.unkill("limit")
    assert json.loads(next(stream).flag_configuration)["flags"] == first
    stream.cancel()
    metadata = clients.sync.GetMetadata(sync_pb2.GetMetadataRequest(), timeout=DEADLINE)
    assert MessageToDict(metadata) == {"metadata": {}}


def test_a_selector_names_the_environment(clients: Clients) -> None:
    assert clients.fetch("staging")["simple"]["defaultVariant"] == "off"
    assert clients.fetch("flagSetId=staging")["simple"]["defaultVariant"] == "off"
    header = (("flagd-selector", "staging"),)
    assert clients.fetch("prod", metadata=header)["simple"]["defaultVariant"] == "off"
    assert clients.fetch("nothing-there") == {}
    assert clients.boolean(metadata=header).value is False
    assert clients.boolean().value is True
    code, said = refusal(clients.fetch, "source=a.json,flagSetId=b")
    assert (code, "selects no environment" in said) == ("INVALID_ARGUMENT", True)


def test_who_does_not_read_gets_the_newest_and_not_all(tmp_path: Path) -> None:
    """A payload of a megabyte: more than the connection takes unread."""
    big = "x" * 8000
    flags = "".join(f"  f{n}: {{kind: ops, variants: {{a: '{big}', b: ''}}, off: b, default: a}}\n" for n in range(25))
    with serving_flags(tmp_path, f"flags:\n{flags}", with_flagd(tmp_path, anonymous=True)) as served:
        for n in range(5):
            served.set("flags:\n" + flags.replace("  f", f"  g{n}-"))
        with clients_of(served) as clients:
            stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
            next(stream)
            for _ in range(20):
                served.kill("f0")
                served.unkill("f0")
            served.kill("f1")
            got = 0
            for message in stream:
                got += 1
                if json.loads(message.flag_configuration)["flags"]["f1"]["defaultVariant"] == "b":
                    break
            assert got <= 10
            stream.cancel()


# ---------------------------------------------------------------------- who asks
@pytest.fixture
def closed(tmp_path: Path) -> Iterator[ServedFlags]:
    """There is a token: who has none is nobody."""
    with serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path)) as made:
        yield made


def test_without_a_token_nothing_is_open_once_there_is_one(closed: ServedFlags) -> None:
    with clients_of(closed) as clients:
        asks: list[tuple[Any, Any]] = [
            (clients.boolean, "simple"),
            (clients.fetch, ""),
            (clients.v1.ResolveAll, v1.ResolveAllRequest()),
            (clients.sync.GetMetadata, sync_pb2.GetMetadataRequest()),
        ]
        for ask, given in asks:
            code, said = refusal(ask, given)
            assert (code, "needs a token" in said) == ("UNAUTHENTICATED", True)
        for stream in (
            clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest()),
            clients.v1.EventStream(v1.EventStreamRequest()),
            clients.v2.EventStream(v2.EventStreamRequest()),
        ):
            assert refusal(next, stream)[0] == "UNAUTHENTICATED"
        assert refusal(clients.boolean, metadata=bearer("nonsense"))[0] == "UNAUTHENTICATED"
        assert clients.boolean(metadata=bearer(closed.token)).value is True
        assert clients.boolean(metadata=(("x-api-key", closed.token),)).value is True
        assert "simple" in clients.fetch(metadata=bearer(closed.token))


def test_a_token_is_for_its_environment(closed: ServedFlags) -> None:
    closed.set(STAGING, "staging")
    staging = bearer(closed.program("server", "staging"))
    with clients_of(closed) as clients:
        assert clients.boolean(metadata=staging).value is False
        assert clients.fetch(metadata=staging)["simple"]["defaultVariant"] == "off"
        code, said = refusal(clients.fetch, "prod", metadata=staging)
        assert (code, said.startswith("this token is for staging, and prod was asked for")) == (
            "PERMISSION_DENIED",
            True,
        )
        assert refusal(clients.boolean, metadata=(*staging, ("flagd-selector", "prod")))[0] == "PERMISSION_DENIED"


def test_a_token_that_anybody_can_read_gets_values_only(closed: ServedFlags) -> None:
    page = bearer(closed.program("client"))
    with clients_of(closed) as clients:
        assert clients.v1.ResolveAll(v1.ResolveAllRequest(), metadata=page).flags["simple"].bool_value is True
        assert refusal(clients.boolean, metadata=page)[0] == "PERMISSION_DENIED"
        assert refusal(clients.fetch, metadata=page)[0] == "PERMISSION_DENIED"
        stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), metadata=page)
        assert refusal(next, stream)[0] == "PERMISSION_DENIED"


def test_where_the_settings_say_so_nobody_needs_a_token(tmp_path: Path) -> None:
    with (
        serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path, anonymous=True)) as served,
        clients_of(served) as clients,
    ):
        assert clients.boolean().value is True
        assert "simple" in clients.fetch()
        assert refusal(clients.boolean, metadata=bearer("nonsense"))[0] == "UNAUTHENTICATED"


def test_a_stream_ends_with_its_token(closed: ServedFlags, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RECHECK_SECONDS", 0.1)
    with clients_of(closed) as clients:
        metadata = bearer(closed.token)
        stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), metadata=metadata, timeout=60)
        next(stream)
        token = next(each for each in closed.owner.get("/v1/tokens").json() if each["name"] == "app")
        closed.post(f"/v1/tokens/{token['id']}/revoke", {})
        code, said = refusal(next, stream)
        assert (code, "revoked" in said) == ("UNAUTHENTICATED", True)


def test_by_tls_with_the_certificate_of_the_controller(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path)
    roots = grpc.ssl_channel_credentials((tmp_path / tls.cert).read_bytes())
    with serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path, tls=tls)) as served:
        called = grpc.composite_channel_credentials(roots, grpc.access_token_call_credentials(served.token))
        with clients_of(served, called) as clients:
            assert clients.boolean().value is True
            assert "simple" in clients.fetch()
        with clients_of(served) as clients:  # in the clear
            assert refusal(clients.boolean)[0] == "UNAVAILABLE"


# ---------------------------------------------------------------------- bounds, beginning and end
def test_there_are_only_so_many_streams(served: ServedFlags, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STREAMS_MAX", 1)
    first = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
    next(first)
    second = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
    assert refusal(next, second)[0] == "RESOURCE_EXHAUSTED"
    first.cancel()

    def again() -> bool:
        stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
        with contextlib.suppress(grpc.RpcError):
            next(stream)
            stream.cancel()
            return True
        return False

    eventually(again, what="room for another stream")


def test_streams_end_when_the_controller_does(tmp_path: Path) -> None:
    ended: list[object] = []
    with serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path, anonymous=True)) as served:
        clients = Clients(served)
        streams: list[Any] = [
            clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60),
            clients.v2.EventStream(v2.EventStreamRequest(), timeout=60),
        ]
        for stream in streams:
            next(stream)

        def read(stream: Any) -> None:
            try:
                ended.append(all(True for _ in stream))
            except grpc.RpcError as error:
                ended.append(error)

        readers = [threading.Thread(target=read, args=(stream,)) for stream in streams]
        for reader in readers:
            reader.start()
    for reader in readers:
        reader.join(30)
    assert ended == [True, True]
    for channel in clients.channels:
        channel.close()


def test_a_port_that_is_taken_is_an_error(served: ServedFlags, tmp_path: Path) -> None:
    taken = Settings(str(tmp_path), flagd=Flagd(sync=Listen("127.0.0.1", port_of(served.flagd.sync))))
    with pytest.raises(ControllerError) as caught, serving(FakeController(), tmp_path, settings=taken):
        pass
    assert caught.value.code == "address_in_use"


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        (Settings(flagd=Flagd(Listen("0.0.0.0", 0))), "no_tls"),
        (Settings(flagd=Flagd(None, Listen("0.0.0.0", 0)), tls=Tls("a", "b")), "no_authentication"),
        (Settings(flagd=Flagd(None, Listen("0.0.0.0", 0), anonymous=True), tls=Tls("a", "b")), "no_authentication"),
    ],
)
def test_beyond_loopback_it_refuses_to_start_open(tmp_path: Path, settings: Settings, refused: str) -> None:
    with pytest.raises(ControllerError) as caught, serving(FakeController(), tmp_path, settings=settings):
        pass
    assert (caught.value.code, bool(caught.value.hint)) == (refused, True)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ferryman.api.flagd.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grpc", None)
    with (
        pytest.raises(ControllerError) as caught,
        serving(FakeController(), tmp_path, settings=with_flagd(tmp_path)),
    ):
        pass
    assert (caught.value.code, caught.value.hint) == ("extra_missing", "pip install 'ferryman[flagd]'")
