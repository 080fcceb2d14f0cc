"""The stream as a browser meets it: the real server, messages parsed by the rules of server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from ferryman.api.context import Api
from ferryman.api.stream import hub as hub_module
from ferryman.api.stream.feed import ViewFeed
from ferryman.api.stream.hub import Hub
from ferryman.api.stream.messages import Piece
from ferryman.api.stream.subscriber import QUEUE_MAX, Subscriber
from ferryman.model.errors import ControllerError
from support import eventually
from unit.api.fake_controller import FakeController, serving
from unit.cli.samples import CANARY, event

OTHER = msgspec.structs.replace(CANARY, service="other")


@pytest.fixture
def fake() -> FakeController:
    return FakeController(services={"shop": CANARY, "other": OTHER})


class Message(msgspec.Struct):
    kind: str
    id: str
    data: Any


class Reader:
    """One client; `read` gives the next message."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def read(self) -> Message:
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in fields:
                return Message(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            name, colon, value = line.partition(": ")
            if name and colon:
                fields[name] = value
        raise EOFError

    def until(self, true: Callable[[Message], object]) -> Message:
        while True:
            message = self.read()
            if true(message):
                return message


@contextlib.contextmanager
def following(socket: str, query: str = "", **headers: str) -> Iterator[Reader]:
    transport = httpx2.HTTPTransport(uds=socket)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with (
        httpx2.Client(transport=transport, base_url="http://localhost", timeout=20) as http,
        http.stream("GET", f"/v1/stream{query}", headers=given) as response,
    ):
        assert response.status_code == 200, response.read()
        yield Reader(response)


@pytest.fixture
def socket(fake: FakeController, tmp_path: Path) -> Iterator[str]:
    with serving(fake, tmp_path) as record:
        yield record.socket


def test_a_stream_begins_with_a_snapshot_of_everything(socket: str) -> None:
    with following(socket) as reader:
        assert reader.response.headers["content-type"] == "text/event-stream"
        assert reader.response.headers["cache-control"] == "no-store"
        first = reader.read()
        assert (first.kind, first.id, first.data["position"]) == ("snapshot", "4", 4)
        assert [view["service"] for view in first.data["services"]] == ["other", "shop"]


def test_what_happens_arrives_as_it_happens(socket: str, fake: FakeController) -> None:
    with following(socket, "?service=shop") as reader:
        assert reader.read().kind == "snapshot"
        fake.log.append(event(5, "five"))
        message = reader.until(lambda m: m.kind == "event")
        assert (message.id, message.data["text"]) == ("5", "five")


def test_a_view_comes_when_it_changed_and_only_then(socket: str, fake: FakeController) -> None:
    with following(socket, "?service=shop") as reader:
        assert reader.read().kind == "snapshot"
        for later in range(6):
            fake.services["shop"] = msgspec.structs.replace(CANARY, at=CANARY.at + 100 + later)
            time.sleep(0.5)
        fake.services["shop"] = msgspec.structs.replace(CANARY, trouble="smoke", at=CANARY.at + 200)
        # The first look may be told twice: in the snapshot, and to those who were there before it.
        told = [reader.read()]
        if not told[-1].data["trouble"]:
            told.append(reader.read())
        assert (told[-1].kind, told[-1].id, told[-1].data["trouble"]) == ("view", "", "smoke")


def test_nothing_of_a_service_that_was_not_asked_for(socket: str, fake: FakeController) -> None:
    with following(socket, "?service=shop") as reader:
        assert [view["service"] for view in reader.read().data["services"]] == ["shop"]
        fake.services["other"] = msgspec.structs.replace(OTHER, trouble="smoke")
        fake.log.append(msgspec.structs.replace(event(5, "not mine"), service="other"))
        fake.log.append(event(6, "mine"))
        told: list[Message] = []
        reader.until(lambda m: told.append(m) or m.kind == "event")
        assert told[-1].data["text"] == "mine"
        assert {m.data["service"] for m in told} == {"shop"}


def test_several_services_are_named_with_commas(socket: str) -> None:
    with following(socket, "?service=shop,other") as reader:
        assert len(reader.read().data["services"]) == 2


@pytest.mark.parametrize("how", ["header", "query"])
def test_who_comes_back_gets_what_was_missed_and_then_what_is_new(socket: str, fake: FakeController, how: str) -> None:
    headers = {"last_event_id": "2"} if how == "header" else {}
    with following(socket, "" if headers else "?last_event_id=2", **headers) as reader:
        assert [reader.read().id for _ in range(2)] == ["3", "4"]
        assert reader.read().kind == "snapshot"
        fake.log.append(event(5, "five"))
        assert reader.until(lambda m: m.kind == "event").id == "5"


@pytest.mark.parametrize("last", ["nonsense", "99", "-1", "9" * 30])
def test_an_id_that_is_not_of_this_log_starts_over(socket: str, last: str) -> None:
    with following(socket, last_event_id=last) as reader:
        assert reader.read().kind == "snapshot"


def test_an_unknown_service_is_a_problem_and_no_stream(socket: str) -> None:
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=socket), base_url="http://localhost") as http:
        response = http.get("/v1/stream?service=shpo")
        assert (response.status_code, response.json()["code"]) == (404, "unknown_service")


def test_the_server_ends_although_somebody_listens(fake: FakeController, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(serving(fake, tmp_path))
        reader = following(record.socket)
        opened = reader.__enter__()
        assert opened.read().kind == "snapshot"
        began = time.monotonic()
        stack.close()
        assert time.monotonic() - began < 10
        with pytest.raises((EOFError, httpx2.TransportError)):
            opened.until(lambda _: False)
        with contextlib.suppress(httpx2.TransportError):
            reader.__exit__(None, None, None)


class Kept:
    """An outlet that keeps what it was given."""

    def __init__(self, client: Subscriber | None = None) -> None:
        self.full = False
        self.pieces: list[bytes] = []
        self.came = asyncio.Event()
        if client is not None:
            client.follow(self)

    def write(self, piece: Piece) -> None:
        self.pieces.append(piece.text)
        self.came.set()

    async def holds(self, text: bytes) -> bytes:
        """The first piece with `text`, as soon as there is one."""
        async with asyncio.timeout(5):
            while text not in b"".join(self.pieces):
                self.came.clear()
                await self.came.wait()
        return next(piece for piece in self.pieces if text in piece)


# --- the hub, without a wire ---------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(fake: FakeController) -> AsyncIterator[Hub]:
    hub = Hub(fake)
    try:
        yield hub
    finally:
        hub.close()


def test_a_client_that_left_is_forgotten_and_the_work_ends_with_the_last(fake: FakeController, tmp_path: Path) -> None:
    seen: list[Hub] = []
    original = Api.__post_init__

    def keep(self: Api) -> None:
        original(self)
        seen.append(self.hub)

    Api.__post_init__ = keep
    try:
        with serving(fake, tmp_path) as record:
            with following(record.socket) as reader:
                reader.read()
                assert seen[0].counts.clients == 1
            eventually(lambda: seen[0].counts.clients == 0, what="the client to be forgotten")
            assert seen[0]._tasks == []
    finally:
        Api.__post_init__ = original


def test_a_client_that_takes_nothing_loses_pieces_and_then_starts_over() -> None:
    async def run() -> None:
        slow = Subscriber(None, 0)
        outlet = Kept(slow)
        assert slow.put(Piece(b"a"))
        outlet.full = True
        assert not slow.put(Piece(b"too much"))
        await asyncio.wait_for(slow.changed(), 5)
        assert slow.lagging
        outlet.full = False
        assert not slow.put(Piece(b"only a snapshot will do"))
        slow.restart(9)
        assert slow.position == 9
        assert slow.put(Piece(b"b"))
        assert outlet.pieces == [b"a"], "what comes after the snapshot waits for it"
        slow.follow(outlet)
        assert slow.put(Piece(b"c"))
        assert outlet.pieces == [b"a", b"b", b"c"]

    asyncio.run(run())


def test_too_much_during_a_snapshot_gives_way_to_another() -> None:
    async def run() -> None:
        client = Subscriber(None, 0)
        assert all(client.put(Piece(b"%d" % n)) for n in range(QUEUE_MAX))
        assert not client.put(Piece(b"too many"))
        outlet = Kept(client)
        assert client.lagging
        assert outlet.pieces == []

    asyncio.run(run())


def test_a_sign_of_life_goes_to_who_heard_nothing_since_the_last() -> None:
    async def run() -> None:
        client = Subscriber(None, 0)
        outlet = Kept(client)
        client.put(Piece(b"event"))
        client.beat(Piece(b"beat"))
        assert outlet.pieces == [b"event"]
        client.beat(Piece(b"beat"))
        assert outlet.pieces == [b"event", b"beat"]

    asyncio.run(run())


def test_events_are_encoded_once_for_all_who_follow_the_same(
    fake: FakeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    original = hub_module.events_message
    monkeypatch.setattr(hub_module, "events_message", lambda found: encoded.append(1) or original(found))

    async def run() -> None:
        async with running(fake) as hub:
            clients = [await hub.join(None) for _ in range(50)] + [await hub.join(frozenset({"shop"}))]
            fake.log.append(event(5, "five"))
            for outlet in [Kept(client) for client in clients]:
                await outlet.holds(b'"text":"five"')

    asyncio.run(run())
    assert len(encoded) == 2


def test_many_events_at_once_are_one_piece(fake: FakeController) -> None:
    async def run() -> None:
        async with running(fake) as hub:
            client = await hub.join(frozenset({"shop"}))
            fake.log.extend(event(n, "e") for n in range(5, 105))
            assert (await Kept(client).holds(b"event: event")).count(b"event: event") == 100
            assert hub.counts.dropped == 0

    asyncio.run(run())


def test_a_view_is_computed_once_for_all_its_clients(fake: FakeController, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "VIEW_SECONDS", 0.1)
    looks: list[str] = []
    view = fake.view
    monkeypatch.setattr(fake, "view", lambda service: looks.append(service) or view(service))

    async def run() -> None:
        async with running(fake) as hub:
            clients = [await hub.join(frozenset({"shop"})) for _ in range(40)]
            await asyncio.gather(*(hub.snapshot(client.services, 0) for client in clients))
            await asyncio.sleep(0.35)
            assert 1 <= len(looks) <= 6
            for client in clients:
                hub.leave(client)
            after = len(looks)
            await asyncio.sleep(0.3)
            assert len(looks) <= after + 1

    asyncio.run(run())
    assert set(looks) == {"shop"}


def test_very_many_services_take_turns_and_a_snapshot_says_what_it_leaves_out(
    fake: FakeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferryman.api.stream.feed.VIEWS_PER_ROUND_MAX", 2)
    monkeypatch.setattr("ferryman.api.stream.feed.SNAPSHOT_SERVICES_MAX", 3)
    names = [f"s{n}" for n in range(5)]
    fake.services = {name: msgspec.structs.replace(CANARY, service=name) for name in names}
    published: list[str] = []

    async def publish(name: str, _: bytes) -> None:
        published.append(name)

    async def run() -> None:
        feed = ViewFeed(fake, publish)
        for _ in range(3):
            await feed.round(names)
        snapshot = await feed.snapshot(names, 7)
        assert (len(snapshot.services), snapshot.left_off) == (3, 2)

    asyncio.run(run())
    assert set(published) == set(names)


def test_a_stream_ends_when_its_credential_does(fake: FakeController, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_SECONDS", 0.05)
    allowed = [True]

    async def still_allowed() -> bool:
        return allowed[0]

    async def run() -> None:
        async with running(fake) as hub:
            client = await hub.join(frozenset({"shop"}), still_allowed)
            await asyncio.sleep(0.2)
            assert not client.closed
            allowed[0] = False
            await asyncio.wait_for(client.changed(), 5)
            assert client.closed

    asyncio.run(run())


def test_a_trouble_of_the_log_is_waited_out(fake: FakeController, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.05)
    events, failures = fake.events, [ZeroDivisionError("a defect"), ControllerError("busy", "not now")]

    async def failing(service: str | None, **given: Any) -> Any:
        if failures:
            raise failures.pop()
        return await events(service, **given)

    monkeypatch.setattr(fake, "events", failing)

    async def run() -> None:
        async with running(fake) as hub:
            client = await hub.join(None)
            fake.log.append(event(5, "five"))
            await Kept(client).holds(b"five")

    asyncio.run(run())


def test_no_more_clients_than_can_be_served(fake: FakeController, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "CLIENTS_MAX", 1)

    async def run() -> None:
        async with running(fake) as hub:
            await hub.join(None)
            with pytest.raises(ControllerError, match="1 clients follow"):
                await hub.join(None)

    asyncio.run(run())
