"""`flagd.sync.v1`, asked with the messages that flagd's own definitions generate, and how streams behave."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2

from ferryman.api.flagd import following, sync
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Flagd, Listen, Settings
from flagd_clients import DEADLINE, DOCUMENT, Clients, clients_of, open_flags, refusal
from served_flags import ServedFlags, port_of, serving_flags, with_flagd
from support import eventually
from unit.api.fake_controller import FakeController, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFlags]:
    with open_flags(Path(tmp_path_factory.mktemp("flagd"))) as made:
        yield made


@pytest.fixture
def clients(served: ServedFlags) -> Iterator[Clients]:
    with clients_of(served) as made:
        yield made


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


def test_a_set_that_is_too_large_for_most_clients_is_told_once(
    served: ServedFlags, clients: Clients, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sync, "CLIENT_BYTES_MAX", 100)
    served.kill("limit")
    for _ in range(2):
        clients.fetch()
    told = [record.getMessage() for record in caplog.records if record.name == "ferryman.flags"]
    assert [words.startswith("the flags of prod have ") for words in told] == [True]
    served.unkill("limit")


def test_who_evaluates_elsewhere_does_not_tell_what(tmp_path: Path) -> None:
    with (
        serving_flags(tmp_path, DOCUMENT, with_flagd(tmp_path, anonymous=True)) as served,
        clients_of(served) as clients,
    ):
        clients.boolean()
        assert served.untold() is None
        clients.fetch()
        assert served.untold() is not None


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
            assert got <= 5
            stream.cancel()


def test_who_does_not_read_does_not_hold_up_the_end(tmp_path: Path) -> None:
    big = "x" * 8000
    flags = "".join(f"  f{n}: {{kind: ops, variants: {{a: '{big}', b: ''}}, off: b, default: a}}\n" for n in range(25))
    with serving_flags(tmp_path, f"flags:\n{flags}", with_flagd(tmp_path, anonymous=True)) as served:
        clients = Clients(served)
        stream = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
        next(stream)
        for _ in range(20):
            served.kill("f0")
            served.unkill("f0")
        began = time.monotonic()
    assert time.monotonic() - began < 15
    for channel in clients.channels:
        channel.close()


def test_there_are_only_so_many_streams(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "STREAMS_MAX", 1)

    def opened() -> Any:
        stream: Any = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
        with contextlib.suppress(grpc.RpcError):
            next(stream)
            return stream
        return None

    first = eventually(opened, what="an end of what the tests before left")
    second = clients.sync.SyncFlags(sync_pb2.SyncFlagsRequest(), timeout=60)
    assert refusal(next, second)[0] == "RESOURCE_EXHAUSTED"
    first.cancel()
    eventually(opened, what="room for another stream").cancel()


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
