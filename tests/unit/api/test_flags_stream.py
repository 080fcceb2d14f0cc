"""The streams of flags as programs meet them: the real server, put, patch and delete, and OFREP's word to ask again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec
import pytest

from ferryman.api.flags import hub as hub_module
from ferryman.api.flags.hub import FlagHub, Form
from ferryman.cli.client import Client
from ferryman.engine.flags.service import FlagService
from ferryman.flags.ledger import Change
from ferryman.model.settings import Listen
from ferryman.store.memory import MemoryStore
from flagkit import release, rollout
from unit.api.fake_controller import FakeController, serving
from unit.api.test_flags import CHECKOUT

NEW = "new-checkout"


class Server:
    """The real server, asked over its socket as its owner, and over TCP by a token."""

    def __init__(self, socket: str, url: str | None) -> None:
        assert url is not None
        self.url = url
        self.owner = httpx2.Client(transport=httpx2.HTTPTransport(uds=socket), base_url="http://localhost")
        self.version = 0

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.owner.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, exposure: float) -> None:
        body = {"document": CHECKOUT % (exposure, "s"), "parent": self.version, "environments": ["prod"]}
        self.version = self.post("/v1/flags", body)["version"]

    def token(self, kind: str = "server") -> str:
        return self.post("/v1/tokens", {"name": kind, "program": kind, "environment": "prod"})["token"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(FakeController(), tmp_path, Listen("127.0.0.1", 0)) as record:
        made = Server(record.socket, record.url)
        yield made
        made.owner.close()


class Following:
    """One client of a stream."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._client = httpx2.Client(timeout=30)
        self._open = self._client.stream("GET", url, headers=headers or {})
        self.response = self._open.__enter__()
        self._lines = self.response.iter_lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.__exit__(None, None, None)
        self._client.close()

    def read(self) -> tuple[str, str, Any]:
        """The next message: event, id, data."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in fields:
                return fields["event"], fields.get("id", ""), json.loads(fields["data"])
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        raise EOFError


def follow(server: Server, token: str, **headers: str) -> Following:
    return Following(f"{server.url}/v1/flags/stream", {"authorization": f"Bearer {token}"} | headers)


def test_everything_first_and_then_what_changes(server: Server) -> None:
    server.write(10)
    with follow(server, server.token()) as client:
        kind, number, data = client.read()
        assert (kind, number, data["environment"], data["version"]) == ("put", "1", "prod", 1)
        assert set(data["flags"]) == {NEW, "limit"}
        server.write(20)
        assert client.read()[:2] == ("patch", "2")
        server.post(f"/v1/environments/prod/flags/{NEW}/kill", {})
        kind, number, data = client.read()
        assert (kind, number, list(data["flags"])) == ("patch", "3", [NEW])
        assert data["flags"][NEW]["metadata"]["ferryman.override"] == "killed"
        server.post(f"/v1/environments/prod/flags/{NEW}/remove", {"parent": 3})
        assert client.read() == ("delete", "4", {"version": 4, "keys": [NEW]})


def test_who_comes_back_is_told_what_they_missed(server: Server) -> None:
    server.write(10)
    token = server.token()
    server.write(20)
    server.post("/v1/environments/prod/flags/limit/remove", {"parent": 2})
    with follow(server, token, **{"last-event-id": "1"}) as client:
        kind, number, data = client.read()
        assert (kind, number, list(data["flags"])) == ("put", "3", [NEW]), "a change and a removal are one event"
        assert client.read() == ("current", "3", {"version": 3})
    with follow(server, token, **{"last-event-id": "2"}) as client:
        assert client.read() == ("delete", "3", {"version": 3, "keys": ["limit"]})
        assert client.read()[0] == "current"
    with follow(server, token, **{"last-event-id": "3"}) as client:
        assert client.read() == ("current", "3", {"version": 3})
        server.version = 3
        server.write(30)
        assert client.read()[:2] == ("patch", "4")
    for unknown in ("99", "nonsense"):
        with follow(server, token, **{"last-event-id": unknown}) as client:
            assert client.read()[0] == "put"


def test_another_environment_is_not_told(server: Server) -> None:
    server.write(10)
    made = server.post("/v1/tokens", {"name": "s", "program": "server", "environment": "staging"})
    with follow(server, made["token"]) as client:
        assert client.read()[2]["flags"] == {}
        server.write(20)
        body = {"document": CHECKOUT % (5, "s"), "parent": 2, "environments": ["staging"]}
        server.post("/v1/flags", body)
        kind, number, data = client.read()
        assert (kind, number, set(data["flags"])) == ("patch", "3", {NEW, "limit"})


def test_a_client_of_ofrep_is_told_to_ask_again(server: Server) -> None:
    server.write(10)
    headers = {"authorization": f"Bearer {server.token('client')}"}
    found = httpx2.post(f"{server.url}/ofrep/v1/evaluate/flags", json={}, headers=headers).json()
    with Following(found["eventStreams"][0]["endpoint"]["requestUri"]) as client:
        server.post("/v1/environments/prod/flags/limit/kill", {})
        kind, number, data = client.read()
    assert (kind, number, data["type"], data["etag"]) == ("message", "2", "refetchEvaluation", '"2"')
    assert abs(data["lastModified"] - time.time()) < 60


def test_a_stream_ends_with_its_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_SECONDS", 0.05)
    server.write(10)
    with follow(server, server.token()) as client:
        assert client.read()[0] == "put"
        server.post("/v1/tokens/server/revoke", {})
        with pytest.raises(EOFError):
            client.read()


def test_streams_end_with_the_server(tmp_path: Path) -> None:
    with serving(FakeController(), tmp_path, Listen("127.0.0.1", 0)) as record:
        server = Server(record.socket, record.url)
        with follow(server, server.token()) as client:
            assert client.read()[0] == "put"
            with Client(Path(record.socket)) as asked:
                asked.shutdown()
            with pytest.raises(EOFError):
                client.read()
        server.owner.close()


# ---------------------------------------------------------------------- the hub alone
class Kept:
    """An outlet that keeps what it is given, until it is full."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.full = False

    def write(self, piece: Any) -> None:
        self.pieces.append(piece.text)


def test_who_reads_too_slowly_gets_everything_anew() -> None:
    async def body() -> None:
        service, store = FlagService(time.time), MemoryStore()
        await store.open()
        await service.load(store)
        hub, outlet = FlagHub(service), Kept()

        async def write(exposure: float) -> None:
            flag = release(rollout=rollout(exposure))
            await service.write([Change("prod", {flag.key: flag})], parent=service.ledger.version, actor="ana")

        client = hub.join("prod", Form.DEFINITIONS)
        client.follow(outlet)
        await write(10)
        outlet.full = True
        await write(20)
        assert (len(outlet.pieces), client.lagging) == (1, True)
        client.restart(0)
        whole = hub.whole("prod", Form.DEFINITIONS).text
        assert b"event: put" in whole
        assert msgspec.json.decode(whole.split(b"data: ")[1])["version"] == 2
        hub.leave("prod", Form.DEFINITIONS, client)
        hub.close()

    asyncio.run(body())


def test_with_the_last_client_the_work_ends() -> None:
    async def body() -> None:
        service = FlagService(time.time)
        hub = FlagHub(service)
        one, other = hub.join("prod", Form.DEFINITIONS), hub.join("prod", Form.REFETCH)
        assert len(service._listeners) == 1
        hub.leave("prod", Form.DEFINITIONS, one)
        hub.leave("prod", Form.DEFINITIONS, one)
        hub.leave("prod", Form.REFETCH, other)
        assert service._listeners == []

    asyncio.run(body())
