"""The API as its clients meet it: the real server on a real socket, over a controller that remembers."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from ferryman.api import wire
from ferryman.api.access.accounts import account_name
from ferryman.api.endpoint import AnyEndpoint
from ferryman.api.place import read_record, socket_path, state_folder
from ferryman.api.routes.verbs import ENDPOINTS as VERB_ROWS
from ferryman.cli.client import Client, connect, find
from ferryman.core.phases import Verb
from ferryman.model.errors import ControllerError, FerrymanError, Refused, SpecError
from ferryman.model.settings import Listen
from ferryman.model.view import ServiceView
from unit.api.fake_controller import FakeController, serving
from unit.cli.samples import CANARY, EVENTS, event

DOCUMENT = """\
service: shop
run: {command: [python3, app.py]}
replicas: 2
health: {http: /healthz}
traffic: {port: 8080}
"""


@pytest.fixture
def fake() -> FakeController:
    return FakeController()


@pytest.fixture
def client(fake: FakeController, tmp_path: Path) -> Iterator[Client]:
    with serving(fake, tmp_path) as record, Client(Path(record.socket)) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """For tests that ask and change nothing."""
    with serving(FakeController(), tmp_path_factory.mktemp("p")) as record, Client(Path(record.socket)) as client:
        yield client


def raw(client: Client, method: str, path: str, **given: object) -> httpx2.Response:
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(client.socket)), base_url="http://localhost") as http:
        return http.request(method, path, **given)  # type: ignore[arg-type]


def test_views_arrive_whole(shared: Client) -> None:
    assert shared.views() == (CANARY,)
    assert shared.view("shop") == CANARY
    assert shared.health().project


def test_an_unknown_service_is_named_with_a_hint(shared: Client) -> None:
    with pytest.raises(FerrymanError, match="no service 'shpo'") as caught:
        shared.view("shpo")
    assert caught.value.code == "unknown_service"
    assert caught.value.hint == "did you mean 'shop'?"


def test_a_name_with_a_slash_stays_one_name(client: Client, fake: FakeController) -> None:
    with pytest.raises(FerrymanError):
        client.view("../shop/down")
    assert not [call for call in fake.calls if call[0] == "down"]


@pytest.mark.parametrize("row", VERB_ROWS, ids=lambda row: row.path.rpartition("/")[2])
def test_every_verb_is_refused_once_things_have_moved_on(
    client: Client, fake: FakeController, row: AnyEndpoint
) -> None:
    body = {"standing": "shop-1/9", "reason": "r", "rollout": "shop-1", "url": "https://wiki.example/1"}
    known = {field.name for field in msgspec.structs.fields(row.body)}
    record = read_record(state_folder(Path(client.health().project)))
    assert record is not None
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=record.socket), base_url="http://ferry") as wired:
        answer = wired.post(
            row.path.format(service="shop"), json={name: value for name, value in body.items() if name in known}
        )
    assert (answer.status_code, answer.json()["code"]) == (409, "moved_on")
    assert not [call for call in fake.calls if call[0] != "start"]


@pytest.mark.parametrize("verb", ["pause", "resume", "abort", "restart"])
def test_a_verb_reaches_the_controller_with_actor_and_reason(client: Client, fake: FakeController, verb: str) -> None:
    assert client.verb("shop", verb, actor="ana", reason="because") == fake.answer
    assert fake.calls[-1] == ("verb", "shop", Verb(verb), "ana", "because", False)


def test_promote_in_full_is_a_verb_of_its_own(client: Client, fake: FakeController) -> None:
    client.verb("shop", "promote", actor="ana", full=True)
    assert fake.calls[-1][2] is Verb.FULL
    client.verb("shop", "retry", actor="ana", full=True)
    assert fake.calls[-1][2:] == (Verb.RETRY, "ana", "", True)


def test_undo_and_down(client: Client, fake: FakeController) -> None:
    client.undo("shop", actor="ana", to="v1", with_steps=True, force=True, reason="r")
    assert fake.calls[-1] == ("undo", "shop", "ana", "r", "v1", True, True)
    client.down("shop", actor="ana", reason="r")
    assert fake.calls[-1] == ("down", "shop", "ana", "r")


def test_approve_and_deny_are_the_word_of_the_user_of_the_machine(client: Client, fake: FakeController) -> None:
    me = account_name(os.getuid())
    client.approve("shop", actor="ana", reason="fine", gate="shop-2/1/3/0")
    assert fake.calls[-1] == ("approve", "shop", me, "admin", "for ana: fine", "shop-2/1/3/0")
    client.deny("shop", actor="ben")
    assert fake.calls[-1] == ("deny", "shop", me, "admin", "for ben", None)
    client.approve("shop", actor=me, reason="fine")
    assert fake.calls[-1] == ("approve", "shop", me, "admin", "fine", None)
    client.deploy(DOCUMENT, "ferryman.yaml", actor="robot")
    assert fake.calls[-1][2] == "robot"
    assert fake.accounts == [me], "who it is for certain goes along"


def test_a_refusal_arrives_as_one(client: Client, fake: FakeController) -> None:
    fake.fails["verb"] = Refused("not_running", "nothing runs", ("deploy", "undo"))
    with pytest.raises(Refused) as caught:
        client.verb("shop", "abort", actor="ana")
    assert caught.value.legal == ("deploy", "undo")


def test_deploy_hands_over_document_base_and_actor(client: Client, fake: FakeController) -> None:
    client.deploy(DOCUMENT, "ferryman.yaml", actor="ana", base="shop-1", reason="new")
    assert fake.calls[-1] == ("deploy", "ferryman.yaml", "ana", "shop-1", "new")
    client.deploy(DOCUMENT, "ferryman.yaml", actor="ana")
    assert fake.calls[-1][3] is None


def test_a_bad_document_arrives_with_its_places(shared: Client) -> None:
    with pytest.raises(SpecError) as caught:
        shared.deploy(DOCUMENT + "nonsense: 1\n", "my.yaml", actor="ana")
    assert [(p.file, p.line, p.code) for p in caught.value.problems] == [("my.yaml", 6, "unknown_field")]


def test_plan_is_compiled_and_changes_nothing(client: Client, fake: FakeController) -> None:
    found = client.plan(DOCUMENT, "f")
    assert found.plan.candidate == found.revision.id
    assert found.current == ""
    assert not [call for call in fake.calls if call[0] == "deploy"]


def test_a_defect_is_told_and_the_next_call_is_answered(
    client: Client, fake: FakeController, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.fails["verb"] = ZeroDivisionError("oops")
    with pytest.raises(FerrymanError, match="ZeroDivisionError: oops") as caught:
        client.verb("shop", "pause", actor="ana")
    assert caught.value.code == "internal"
    assert "Traceback" in capfd.readouterr().err
    assert client.view("shop") == CANARY


def test_events_are_paged(shared: Client) -> None:
    page = shared.events("shop", limit=3)
    assert (page.events, page.position) == (EVENTS[:3], 3)
    assert shared.events("shop", after=page.position).events == EVENTS[3:]


def test_a_long_poll_returns_when_something_happens(client: Client, fake: FakeController) -> None:
    threading.Timer(0.3, lambda: fake.log.append(event(5, "later"))).start()
    began = time.monotonic()
    page = client.events("shop", after=4, wait_seconds=20)
    assert [e.text for e in page.events] == ["later"]
    assert page.position == 5
    assert time.monotonic() - began < 10


def test_a_long_poll_ends_empty_when_its_time_is_over(shared: Client) -> None:
    assert shared.events("shop", after=4, wait_seconds=0.1) == wire.EventsPage((), 4)


def test_a_long_poll_passes_over_events_of_others(client: Client, fake: FakeController) -> None:
    fake.log.append(event(5, "of another", rollout="shop-9"))
    assert client.events("shop", rollout="shop-2", after=4, wait_seconds=0.2) == wire.EventsPage((), 5)


def test_a_long_poll_does_not_hold_up_the_end(fake: FakeController, tmp_path: Path) -> None:
    with serving(fake, tmp_path) as record:
        waiting = Client(Path(record.socket))
        thread = threading.Thread(target=lambda: ended.append(_quietly(waiting)))
        ended: list[object] = []
        thread.start()
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    thread.join(5)
    assert ended


def _quietly(client: Client) -> object:
    try:
        return client.events("shop", after=4, wait_seconds=25)
    except ControllerError as problem:
        return problem


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/deploy", b"{", 400, "bad_request"),
        ("POST", "/v1/deploy", b'{"document": 1, "file": "f"}', 400, "bad_request"),
        ("POST", "/v1/deploy", b'{"document": "x", "file": "f", "more": 1}', 400, "bad_request"),
        ("POST", "/v1/services/shop/pause", b"[]", 400, "bad_request"),
        ("POST", "/v1/services/shop/explode", b"{}", 404, "not_found"),
        ("POST", "/v1/services/shop/pause", b'{"actor": "' + b"a" * 300 + b'"}', 400, "bad_request"),
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("DELETE", "/v1/services/shop", None, 405, "method_not_allowed"),
        ("GET", "/v1/events?limit=0", None, 400, "bad_request"),
        ("GET", "/v1/events?wait_seconds=nan", None, 400, "bad_request"),
        ("GET", "/v1/events?after=-1", None, 400, "bad_request"),
        ("GET", "/v1/services/shop/logs?lines=many", None, 400, "bad_request"),
        ("POST", "/v1/deploy", b" " * (wire.BODY_BYTES_MAX + 1), 413, "too_large"),
    ],
)
def test_nonsense_is_refused_as_a_problem(
    shared: Client, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    headers = {"content-type": "application/json"} if body is not None else {}
    response = raw(shared, method, path, content=body, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert response.json()["status"] == status


def test_a_form_is_not_json(shared: Client) -> None:
    response = raw(shared, "POST", "/v1/services/shop/abort", content=b"a=b", headers={"content-type": "text/plain"})
    assert (response.status_code, response.json()["code"]) == (400, "not_json")


def test_the_socket_is_for_this_user_alone_and_goes_with_the_server(fake: FakeController, tmp_path: Path) -> None:
    with serving(fake, tmp_path) as record:
        path = Path(record.socket)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE((state_folder(tmp_path) / "controller.json").stat().st_mode) == 0o600
        assert read_record(state_folder(tmp_path)) == record
    assert not path.exists()
    assert read_record(state_folder(tmp_path)) is None
    assert fake.calls[-1] == ("shutdown",)


def test_a_long_folder_gets_a_short_private_socket(fake: FakeController, tmp_path: Path) -> None:
    project = tmp_path / ("d" * 60) / ("e" * 60)
    project.mkdir(parents=True)
    with serving(fake, project) as record, connect(project) as client:
        assert len(record.socket) < 100
        assert not record.socket.startswith(str(project))
        assert stat.S_IMODE(Path(record.socket).parent.stat().st_mode) == 0o700
        assert client.view("shop") == CANARY


def test_a_foreign_socket_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / ("d" * 120)
    private = socket_path(folder).parent
    private.chmod(0o755)
    with pytest.raises(ControllerError, match="not a private folder"):
        socket_path(folder)


def test_a_dead_controller_is_none_whatever_it_left(fake: FakeController, tmp_path: Path) -> None:
    folder = state_folder(tmp_path)
    with serving(fake, tmp_path):
        left = (folder / "controller.json").read_bytes()
    assert find(tmp_path) is None
    (folder / "controller.json").write_bytes(left)
    assert find(tmp_path) is None
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(json.loads(left)["socket"])
    assert find(tmp_path) is None
    with pytest.raises(ControllerError, match="no controller runs") as caught:
        connect(tmp_path)
    assert caught.value.code == "no_controller"
    with serving(fake, tmp_path), connect(tmp_path) as client:
        assert client.view("shop") == CANARY


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    folder = state_folder(tmp_path)
    folder.mkdir()
    (folder / "controller.json").write_text('{"pid": "me"')
    assert find(tmp_path) is None


def test_what_start_raises_comes_through_and_nothing_is_left(fake: FakeController, tmp_path: Path) -> None:
    fake.fails["start"] = ControllerError("state_held", "pid 7 holds it")
    with pytest.raises(ControllerError, match="pid 7"), serving(fake, tmp_path):
        pass
    assert sorted(p.name for p in state_folder(tmp_path).iterdir()) == []


def test_a_silent_controller_is_called_slow(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s"))
        mute.listen()
        with (
            Client(tmp_path / "s", answer_seconds=0.2) as client,
            pytest.raises(ControllerError, match="did not answer within") as caught,
        ):
            client.views()
    assert caught.value.code == "controller_slow"


class TestTcp:
    """Reads over loopback TCP; no verb, no foreign name."""

    @pytest.fixture
    def url(self, fake: FakeController, tmp_path: Path) -> Iterator[str]:
        with serving(fake, tmp_path, Listen("127.0.0.1", 0)) as record:
            assert record.url
            yield record.url

    def test_reads_are_answered(self, url: str) -> None:
        found = httpx2.get(f"{url}/v1/services/shop")
        assert wire.decode(found.content, ServiceView) == CANARY

    def test_verbs_are_not(self, url: str, fake: FakeController) -> None:
        response = httpx2.post(f"{url}/v1/services/shop/abort", json={})
        assert (response.status_code, response.json()["code"]) == (401, "no_credential")
        assert httpx2.post(f"{url}/v1/shutdown", json={}).status_code == 401
        assert not [call for call in fake.calls if call[0] in {"verb", "shutdown"}]

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example:1"])
    def test_a_foreign_name_is_not(self, url: str, host: str) -> None:
        response = httpx2.get(f"{url}/v1/services", headers={"host": host})
        assert response.status_code == 403

    @pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]", "[::1]:80", "127.0.0.1"])
    def test_every_loopback_name_is(self, url: str, host: str) -> None:
        assert httpx2.get(f"{url}/v1/services", headers={"host": host}).status_code == 200


def test_a_taken_address_is_named_and_the_controller_let_go(fake: FakeController, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(ControllerError, match=f"127.0.0.1:{port}"),
            serving(fake, tmp_path, Listen("127.0.0.1", port)),
        ):
            pass
    assert [call for call in fake.calls if call != ("views",)] == [("start",), ("close",)]


def test_freeze_and_emergency_reach_the_controller(client: Client, fake: FakeController) -> None:
    client.freeze("shop", actor="ana", reason="sale", until=5000.0, rollback=True)
    assert fake.calls[-1] == ("freeze", "shop", "ana", "sale", 5000.0, True)
    client.verb("shop", "unfreeze", actor="ana")
    assert fake.calls[-1] == ("unfreeze", "shop", "ana", "")
    client.verb("shop", "promote", actor="ana", reason="now", emergency=True)
    assert fake.calls[-1] == ("verb", "shop", Verb.PROMOTE, "ana", "now", False, "emergency")
    client.deploy(DOCUMENT, "ferryman.yaml", actor="ana", reason="now", emergency=True)
    assert fake.calls[-1][-1] == "emergency"
    client.undo("shop", actor="ana", reason="now", emergency=True)
    assert fake.calls[-1][-1] == "emergency"
