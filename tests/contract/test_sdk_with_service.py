"""The client `ferryman-flags` against the real flag service: what is written is seen, and what it counts arrives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ferryman.model.settings import Listen
from ferryman_flags.client import FlagClient
from support import eventually
from unit.api.fake_controller import FakeController, serving
from unit.api.test_flags import CHECKOUT

NEW = "new-checkout"
PROD = "/v1/environments/prod/flags"


class Served:
    def __init__(self, fake: FakeController, socket: str, url: str | None) -> None:
        assert url is not None
        self.fake, self.url = fake, url
        self.owner = httpx2.Client(transport=httpx2.HTTPTransport(uds=socket), base_url="http://localhost")
        self.write(10)
        asked = {"name": "app", "program": "server", "environment": "prod"}
        self.token = self.post("/v1/tokens", asked)["token"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.owner.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, exposure: float) -> int:
        parent = self.fake.flags.ledger.version
        body = {"document": CHECKOUT % (exposure, "s"), "parent": parent, "environments": ["prod"]}
        return self.post("/v1/flags", body)["version"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    fake = FakeController()
    with serving(fake, tmp_path, Listen("127.0.0.1", 0)) as record:
        made = Served(fake, record.socket, record.url)
        yield made
        made.owner.close()


def test_what_is_written_is_seen(served: Served) -> None:
    with FlagClient(served.url, served.token) as client:
        assert client.ready(20)
        ana, nobody = {"targetingKey": "ana"}, {"targetingKey": "nobody in particular"}
        assert client.bool(NEW, default=False, context=ana) is True
        assert client.float("limit", 0.0) == 10.0
        served.write(100)
        eventually(lambda: client.bool(NEW, default=False, context=nobody), what="the rollout")
        served.post(f"{PROD}/{NEW}/kill", {})
        eventually(lambda: not client.bool(NEW, default=True, context=ana), what="the kill")
        served.post(f"{PROD}/{NEW}/unkill", {})
        eventually(lambda: client.bool(NEW, default=False, context=ana), what="the end of the kill")
        served.post(f"{PROD}/limit/remove", {"parent": served.fake.flags.ledger.version})
        eventually(lambda: client.float("limit", 0.5) == 0.5, what="the removal")
        assert client.status().version == served.fake.flags.ledger.version


def test_what_it_counts_arrives(served: Served) -> None:
    with FlagClient(served.url, served.token) as client:
        assert client.ready(20)
        for _ in range(5):
            client.float("limit", 0.0)
        client.flush()
        counted = served.fake.flags.evaluations.of("prod", "limit", time.time() - 300)
    assert [(each.variant, each.evaluations) for each in counted] == [("high", 5)]


def test_a_client_comes_back_to_another_process(tmp_path: Path) -> None:
    """The log is the same: what the client knew is where it goes on from."""
    fake, port = FakeController(), 0
    with serving(fake, tmp_path, Listen("127.0.0.1", 0)) as record:
        served = Served(fake, record.socket, record.url)
        port = int(served.url.rpartition(":")[2])
        served.owner.close()
        client = FlagClient(served.url, served.token)
        assert client.ready(20)
    try:
        assert client.float("limit", 0.0) == 10.0
        with serving(fake, tmp_path, Listen("127.0.0.1", port)) as record:
            owner = httpx2.Client(transport=httpx2.HTTPTransport(uds=record.socket), base_url="http://localhost")
            assert owner.post(f"{PROD}/limit/kill", json={}).status_code == 200
            owner.close()
            eventually(lambda: client.float("limit", 0.0) == 2.5, what="the change", seconds=60)
    finally:
        client.close()
