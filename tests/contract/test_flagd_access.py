"""Who may ask by gRPC, with which token, and where it refuses to listen."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2 as v1
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2

from certificates import make_certificate
from ferryman.api.flagd import following
from ferryman.model.errors import ControllerError
from ferryman.model.settings import Flagd, Listen, Settings, Tls
from flagd_clients import DEADLINE, DOCUMENT, STAGING, bearer, clients_of, refusal
from served_flags import ServedFlags, port_of, serving_flags, with_flagd
from unit.api.fake_controller import FakeController, serving


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


def test_guessing_is_held_up_and_the_right_token_is_not(closed: ServedFlags) -> None:
    with clients_of(closed) as clients:
        codes = [refusal(clients.boolean, metadata=bearer(f"fy_{n:040}"))[0] for n in range(12)]
        assert codes[0] == "UNAUTHENTICATED"
        assert codes[-1] == "RESOURCE_EXHAUSTED"
        assert clients.boolean(metadata=bearer(closed.token)).value is True


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

        def read_on() -> None:
            for _ in stream:  # that flags change all the time is no reason not to look
                closed.kill("limit")
                closed.unkill("limit")

        code, said = refusal(read_on)
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


STRANGE = (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", bytes(10_000), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 10_000)


def test_what_is_no_grpc_is_turned_away(closed: ServedFlags) -> None:
    place = ("127.0.0.1", port_of(closed.flagd.sync))
    with clients_of(closed) as clients:
        for said in STRANGE:
            with socket.create_connection(place, DEADLINE) as stranger, contextlib.suppress(ConnectionError):
                stranger.sendall(said)
                while stranger.recv(65_536):
                    pass
        long = (*bearer(closed.token), ("x-long", "y" * 100_000))
        assert refusal(clients.boolean, metadata=long)[0] == "RESOURCE_EXHAUSTED"
        assert clients.boolean(metadata=bearer(closed.token)).value is True
        assert "simple" in clients.fetch(metadata=bearer(closed.token))


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
