"""What strangers, mistakes and a lost disk do to the flags of a real controller: a refusal in words, and never an error of ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from ferryman.api.access.principal import Permission
from ferryman.api.endpoint import Nothing
from ferryman.api.place import socket_path, state_folder
from ferryman.api.routes import ENDPOINTS
from ferryman_flags.client import FlagClient
from flag_project import FlagProject, flag_project
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]
FLAGS = r"""
flags:
  new-checkout:
    kind: release
    owner: shop
    expires: 2027-03-31
    variants: {on: true, off: false}
    off: off
    rules:
      - {logic: {regex: [{var: mail}, '^(?:[\w.-]+\s?)+@example\.com$']}, serve: on}
      - {logic: {cidr: [{var: ip}, "10.0.0.0/8"]}, serve: on}
      - {logic: {regex: [{var: mail}, {var: pattern}]}, serve: on}
      - {logic: {">": [{"/": [{"*": [{var: seats}, 2]}, {var: limit}]}, 7]}, serve: on}
      - {when: 'sem_ver(version, ">=", "2.0.0") or name in ["a", "b"] or "x" in list or starts_with(mail, name)', serve: on}
    rollout: {by: account.id, exposure: 50}
"""

KEYS = [
    "a/b",
    "a b",
    "ä",
    "..",
    "../..",
    "a%2Fb",
    "%00",
    "\u202e",
    "x" * 5000,
    "new-checkout/",
    "new-checkout\n",
    "'--",
    "{}",
]
CONTEXTS = [
    b"[]", b"1", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b'{"account": {"id": ' + b"[" * 900,
    b'{"seats": ' + b"9" * 5_000 + b"}", b'{"seats": 1e999}', b'{"seats": -1e-999}', b'{"seats": NaN}',
    b'{"account": {"id": ' + b"9" * 400 + b"}}", b'{"account": {"id": 1e300}, "limit": 0}', b'{"account": {"id": true}}',
    b'{"account": {"id": {"a": [null, {"b": 1.5}]}}}', b'{"account": [1]}', b'{"account": {"id": "\\ud800"}}',
    b'{"account": {"id": "\\u0000"}}', b'{"targetingKey": ["x"], "mail": 7, "ip": {}}', b'{"ip": "::1"}', b'{"ip": "10.1.2.3/8"}',
    b'{"mail": "' + b"a" * 4_000 + b'"}', b'{"mail": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "pattern": "(a+)+$"}',
    b'{"mail": "x", "pattern": "("}', b'{"version": "9999999999999999999999.1.1"}', b'{"version": [2, 0, 0]}',
    b'{"__proto__": {"a": 1}, "constructor": 1, "": 2, "a.b": 3}', b'{"list": ' + json.dumps(list(range(100_000))).encode() + b"}",
    b"{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}", b'{"name": {"a": 1}, "name": []}',
]  # fmt: skip


class Doors:
    """Asks a controller, as its owner or with a token."""

    def __init__(self, project: FlagProject) -> None:
        socket = str(socket_path(state_folder(project.folder)))
        self._tcp = httpx2.Client(base_url=project.url, timeout=60)
        self._unix = httpx2.Client(transport=httpx2.HTTPTransport(uds=socket), base_url="http://localhost", timeout=60)

    def ask(self, method: str, path: str, token: str = "", **given: Any) -> httpx2.Response:
        if not token:
            return self._unix.request(method, path, **given)
        return self._tcp.request(method, path, headers={"authorization": f"Bearer {token}"}, **given)

    def send(self, path: str, content: bytes, token: str) -> httpx2.Response:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        return (self._tcp if token else self._unix).request("POST", path, content=content, headers=headers)

    def close(self) -> None:
        self._tcp.close()
        self._unix.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlagProject]:
    with flag_project(tmp_path_factory.mktemp("hostile"), FLAGS) as made:
        assert made.ferry("flags", "set", str(made.file), "--env", "prod", "--env", "staging")[0] == 0
        yield made


@pytest.fixture(scope="module")
def doors(shop: FlagProject) -> Iterator[Doors]:
    made = Doors(shop)
    yield made
    made.close()


@pytest.fixture(scope="module")
def tokens(shop: FlagProject) -> dict[str, str]:
    kinds = [("--server", "prod"), ("--server", "staging"), ("--client", "prod")]
    made = {
        f"{kind[2:]} {name}": shop.ferry("token", "create", "--name", f"{kind[2:]}-{name}", kind, name)[1].strip()
        for kind, name in kinds
    }
    assert all(made.values())
    return made


def test_keys_of_any_kind_are_unknown_over_every_protocol(doors: Doors, tokens: dict[str, str]) -> None:
    token = tokens["server prod"]
    for key in KEYS:
        name = quote(key, safe="")
        evaluated = doors.ask("POST", f"/ofrep/v1/evaluate/flags/{name}", token, json={"context": {}})
        assert evaluated.status_code in {400, 404, 405, 414, 431}, key
        for path in ("", "/history", "/evaluations", "/versions/1", "/versions/x"):
            found = doors.ask("GET", f"/v1/environments/prod/flags/{name}{path}")
            assert 400 <= found.status_code < 500, (key, path)
        for deed in ("kill", "unkill", "remove", "change", "revert", "explain"):
            body = {"parent": 0} if deed in {"remove", "change", "revert"} else {}
            found = doors.ask("POST", f"/v1/environments/prod/flags/{name}/{deed}", json=body)
            assert 400 <= found.status_code < 500, (key, deed)
        assert doors.ask("GET", f"/v1/environments/{name}/flags").status_code < 500
        assert doors.ask("GET", "/v1/flags/definitions", params={"environment": key}).status_code in {400, 200}
        config = doors.ask("GET", f"/configuration-files/configcat-proxy/{name}/config_v6.json", token)
        assert 400 <= config.status_code < 500, key
        counts = [{"flag": key[:128], "variant": key[:63], "reason": "STATIC", "evaluations": 3}]
        report = {"version": 1, "since": 0, "until": 1, "counts": counts}
        assert doors.ask("POST", "/v1/flags/evaluations", token, json=report).json() == {"taken": 0}
        toggles = {"bucket": {"start": "x", "stop": None, "toggles": {key: {"yes": 3, "no": "4", "variants": [key]}}}}
        assert doors.ask("POST", "/api/client/metrics", token, json=toggles).status_code == 202
        features = {key: {"counters": [{"variation": 99, "count": "x"}, None, 7]}, "new-checkout": None}
        assert doors.ask("POST", "/bulk", token, json=[{"kind": "summary", "features": features}, 7]).status_code == 202


def test_a_context_of_any_kind_is_evaluated_or_refused(doors: Doors, tokens: dict[str, str]) -> None:
    places = [
        ("/ofrep/v1/evaluate/flags/new-checkout", tokens["server prod"]),
        ("/ofrep/v1/evaluate/flags", tokens["client prod"]),
        ("/v1/environments/prod/flags/new-checkout/explain", ""),
    ]
    for raw in CONTEXTS:
        for path, token in places:
            answer = doors.send(path, b'{"context": ' + raw + b"}", token)
            assert answer.status_code in {200, 400, 413}, (path, raw[:60], answer.text[:300])
            answer.json()


def test_a_token_is_for_its_environment_alone(doors: Doors, tokens: dict[str, str]) -> None:
    token = tokens["server staging"]
    asked = 0
    for row in ENDPOINTS:
        if row.permission is None or "{rollout}" in row.path:  # there is no rollout here to be refused
            continue
        path = (
            row.path.replace("{environment}", "prod").replace("{flag}", "new-checkout").replace("{key}", "new-checkout")
        )
        query = {"environment": "prod"} if "environment" in row.query.__struct_fields__ else {}
        method = "HEAD" if row.media == "text/event-stream" else row.method
        given: dict[str, Any] = {"json": {}} if row.writes and row.body is not Nothing else {}
        if row.path == "/v1/flags/evaluations":
            given = {"json": {"version": 1, "since": 0, "until": 1}}
        answer = doors.ask(method, path.replace("{", "").replace("}", ""), token, params=query, **given)
        if row.permission is not Permission.EVALUATE:
            assert answer.status_code == 403, row.name
        elif query:
            assert answer.status_code == 403, row.name
            asked += 1
            if method != "HEAD":
                assert "staging" in answer.text, row.name
    assert asked >= 5
    other = doors.ask("GET", "/v1/flags/definitions", token)
    assert other.json()["environment"] == "staging"


def test_who_reads_slowly_gets_one_put_for_what_has_piled_up(
    shop: FlagProject, doors: Doors, tokens: dict[str, str]
) -> None:
    allowed = ", ".join(f"user-{number:05d}" for number in range(4_000))
    large = FLAGS.replace("new-checkout:", "large:").replace(
        "    rules:\n", f"    rules:\n      - {{allow: [{allowed}], serve: on}}\n"
    )
    path, changes = "/v1/environments/staging/flags/large", 160
    assert (
        doors.ask(
            "POST", "/v1/flags", json={"document": large, "parent": 10**6, "environments": ["staging"]}
        ).status_code
        == 200
    )
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(60)
        slow.connect(("127.0.0.1", shop.port))
        head = f"GET /v1/flags/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {tokens['server staging']}\r\n\r\n"
        slow.sendall(head.encode())
        said = slow.recv(1024)
        done = None
        for number in range(changes):
            body = {"parent": 10**6, "exposure_percent": 50 + number % 2}
            done = doors.ask("POST", f"{path}/change", json=body)
            assert done.status_code == 200, done.text
        assert done is not None
        last = f"id: {done.json()['version']}\n".encode()
        while last not in said:
            more = slow.recv(1 << 20)
            assert more, "it was cut off"
            said += more
    assert 2 <= said.count(b"event: put") < 10, "at the beginning, and in place of what piled up"
    assert said.count(b"event: patch") < changes


def test_two_editors_of_one_flag(doors: Doors) -> None:
    path = "/v1/environments/staging/flags/new-checkout"
    seen = doors.ask("GET", path).json()["summary"]["version"]
    first = doors.ask("POST", f"{path}/change", json={"parent": seen, "exposure_percent": 60, "actor": "ana"})
    second = doors.ask("POST", f"{path}/change", json={"parent": seen, "exposure_percent": 10, "actor": "ben"})
    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 409, "flag_moved")
    assert "ana" in second.text


def test_without_its_store_it_serves_on_and_says_so(shop: FlagProject, doors: Doors, tokens: dict[str, str]) -> None:
    database = shop.folder / ".ferryman" / "state.db"
    aside = database.with_suffix(".aside")
    path, someone = "/v1/environments/prod/flags/new-checkout", {"targetingKey": "ana", "ip": "10.1.2.3"}
    with FlagClient(shop.url, tokens["server prod"]) as client:
        assert client.ready(30)
        assert doors.ask("GET", "/readyz").status_code == 200
        database.rename(aside)
        try:
            killed = doors.ask("POST", f"{path}/kill", json={"reason": "it is slow"})
            assert (killed.status_code, killed.json()["code"]) == (503, "store_moved")
            ready = doors.ask("GET", "/readyz")
            assert ready.status_code == 503
            assert "the store takes no writes" in ready.text
            assert "flags cannot be written" in ready.text
            assert "moved" in doors.ask("GET", "/v1/environments/prod/flags").json()["trouble"]
            found = doors.ask(
                "POST", "/ofrep/v1/evaluate/flags/new-checkout", tokens["server prod"], json={"context": someone}
            )
            assert (found.status_code, found.json()["value"]) == (200, True)
            assert doors.ask("GET", "/v1/flags/definitions", tokens["server prod"]).status_code == 200
            with FlagClient(shop.url, tokens["server prod"]) as late:
                assert late.ready(30)
                assert late.bool("new-checkout", default=False, context=someone)
        finally:
            aside.rename(database)
        eventually(lambda: doors.ask("GET", "/readyz").status_code == 200, what="the store again", seconds=30)
        assert doors.ask("POST", f"{path}/kill", json={"reason": "it is slow"}).status_code == 200
        eventually(lambda: not client.bool("new-checkout", default=True, context=someone), what="the kill")
        assert doors.ask("GET", "/v1/environments/prod/flags").json()["trouble"] == ""
