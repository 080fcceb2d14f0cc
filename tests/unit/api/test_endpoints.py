"""The route table: its rows are sound, and a role is held against each of them in one place."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.requests import Request

from ferryman.api import wire
from ferryman.api.access.access import Access
from ferryman.api.access.principal import Forbidden, Permission, Principal, Unauthenticated
from ferryman.api.app import create_app
from ferryman.api.context import Api
from ferryman.api.dispatch import check_permission
from ferryman.api.endpoint import AnyEndpoint, Nothing, Scoped, service_of_rollout
from ferryman.api.flags.wire import EvaluationsReport
from ferryman.api.routes import ENDPOINTS
from ferryman.model.errors import UsageError
from ferryman.model.role import Role
from ferryman.model.settings import Settings
from ferryman.model.view import RolloutSummary
from unit.api.fake_controller import FakeController
from unit.cli.samples import CANARY

HEALTH = wire.HealthView("0", 1, "p", 0.0)
RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.ADMIN: 2}
NEEDED = {Permission.READ: 0, Permission.EVALUATE: 0, Permission.OPERATE: 1, Permission.ADMINISTER: 2}
MAY_BE_NEWER = EvaluationsReport
"""Comes from programs that nobody brings up to date together with the controller."""

PATH = {"service": "shop", "rollout": "shop-2"}


def ids(row: AnyEndpoint) -> str:
    return row.name


def test_rows_are_sound() -> None:
    assert len({(row.method, row.path) for row in ENDPOINTS}) == len(ENDPOINTS)
    assert len({row.name for row in ENDPOINTS}) == len(ENDPOINTS)
    for row in ENDPOINTS:
        assert row.writes or row.body is Nothing, row.name
        assert row.summary
        assert not row.summary.endswith(".")
        for kind in (row.query, row.body):
            assert kind.__struct_config__.forbid_unknown_fields or kind is MAY_BE_NEWER, f"{row.name}: {kind}"
        if row.permission is not None and row.scope is Scoped.SERVICE:
            assert {"service", "rollout"} & set(row.parameters), row.name


@pytest.mark.parametrize("row", [row for row in ENDPOINTS if row.permission], ids=ids)
@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_held_against_every_row(row: AnyEndpoint, role: Role) -> None:
    assert row.permission is not None
    suffices = RANK[role] >= NEEDED[row.permission]
    here, elsewhere = Principal("ana", {"shop": role}), Principal("ana", {"other": role})
    everywhere = Principal("ana", {"*": role})
    assert allowed(row, everywhere) == suffices
    assert allowed(row, here) == (suffices and row.scope is not Scoped.EVERYWHERE)
    assert allowed(row, elsewhere) == (suffices and row.scope is Scoped.SOMEWHERE)
    assert not allowed(row, Principal("ana", {}))


def allowed(row: AnyEndpoint, principal: Principal) -> bool:
    try:
        check_permission(row, principal, PATH)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("text", ["", "shop", "shop-", "-1", "shop-x", "shop-1²"])
def test_an_id_that_no_rollout_has(text: str) -> None:
    with pytest.raises(UsageError, match="no rollout"):
        service_of_rollout(text)


def test_the_service_of_a_rollout() -> None:
    assert service_of_rollout("my-shop-12") == "my-shop"


class Served:
    """The application over a controller that remembers, asked by one principal, or by nobody."""

    def __init__(self, principal: Principal | None) -> None:
        self.fake = FakeController(services={"shop": CANARY, "other": msgspec.structs.replace(CANARY, service="other")})

        async def authenticate(request: Request) -> Principal:
            if principal is None:
                raise Unauthenticated("unauthenticated", "nobody knows who asks", "send a token")
            return principal

        access = Access(self.fake.store, Settings(), time.time, secrets.token_bytes)
        self.api = Api(self.fake, HEALTH, lambda: None, authenticate, access)
        self.app = create_app(self.api)

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        async def run() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, **given)

        return asyncio.run(run())


def test_nobody_is_told_so_and_how() -> None:
    response = Served(None).ask("GET", "/v1/services")
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


def test_lists_hold_what_the_caller_may_read() -> None:
    served = Served(Principal("ana", {"other": Role.VIEWER}))
    assert [view["service"] for view in served.ask("GET", "/v1/services").json()] == ["other"]
    page = served.ask("GET", "/v1/events").json()
    assert page["events"] == []
    assert page["position"] == 4
    assert served.ask("GET", "/v1/events?service=shop").status_code == 403
    assert served.ask("GET", "/v1/services/shop").status_code == 403
    assert served.ask("GET", "/v1/services/other").status_code == 200


DOCUMENT = "service: shop\nrun: {command: [python3, app.py]}\nhealth: {http: /healthz}\ntraffic: {port: 8080}\n"


def test_a_deploy_needs_the_role_on_the_service_of_its_document() -> None:
    body = {"document": DOCUMENT, "file": "f"}
    served = Served(Principal("ana", {"other": Role.OPERATOR, "shop": Role.VIEWER}))
    refused = served.ask("POST", "/v1/deploy", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert refused.json()["detail"] == "ana is viewer for service 'shop'; this needs operator"
    assert served.fake.calls == []
    assert served.ask("POST", "/v1/plan", json=body).status_code == 200
    assert Served(Principal("ana", {"shop": Role.OPERATOR})).ask("POST", "/v1/deploy", json=body).status_code == 200


def test_the_actor_is_who_asks_whatever_the_body_says() -> None:
    served = Served(Principal("ana", {"shop": Role.OPERATOR}))
    assert served.ask("POST", "/v1/services/shop/pause", json={"actor": "bob", "reason": "r"}).status_code == 200
    assert served.fake.calls[-1][3:] == ("ana", "r", False)


def test_a_method_that_a_path_does_not_have_is_told_which_it_has() -> None:
    response = Served(Principal("ana", {"*": Role.ADMIN})).ask("DELETE", "/v1/services/shop")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit='0': Expected `int` >= 1"),
        ("limit=1&limit=2", "'limit' is given twice"),
        ("limit=nan", "limit='nan'"),
        ("lmit=1", "unknown field `lmit`"),
    ],
)
def test_a_bad_query_is_named(query: str, said: str) -> None:
    response = Served(Principal("ana", {"*": Role.ADMIN})).ask("GET", f"/v1/services/shop/history?{query}")
    assert response.status_code == 400
    assert said in response.json()["detail"]
    assert response.json()["hint"] in {"known here: after, limit", ""}


def test_an_answer_that_the_caller_has_is_not_sent_again() -> None:
    served = Served(Principal("ana", {"*": Role.ADMIN}))
    first = served.ask("GET", "/v1/services/shop")
    tag = first.headers["etag"]
    served.fake.services["shop"] = msgspec.structs.replace(CANARY, at=CANARY.at + 60)
    for known in (tag, f'"x", {tag}', tag.removeprefix("W/"), "*"):
        again = served.ask("GET", "/v1/services/shop", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    served.fake.services["shop"] = msgspec.structs.replace(CANARY, trouble="smoke")
    changed = served.ask("GET", "/v1/services/shop", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert served.ask("GET", "/v1/services", headers={"if-none-match": tag}).status_code == 200


def test_lists_come_in_parts_that_follow_each_other() -> None:
    served = Served(Principal("ana", {"*": Role.ADMIN}))
    names = [f"s{n}" for n in range(5)]
    served.fake.services = {name: msgspec.structs.replace(CANARY, service=name) for name in names}
    found, address = [], "/v1/services?limit=2"
    while address:
        part = served.ask("GET", address)
        found.append([view["service"] for view in part.json()])
        address = part.links["next"]["url"] if "next" in part.links else ""
    assert found == [["s0", "s1"], ["s2", "s3"], ["s4"]]


def test_the_history_comes_in_parts() -> None:
    served = Served(Principal("ana", {"*": Role.ADMIN}))
    served.fake.summaries = tuple(
        RolloutSummary(f"shop-{n}", n, "deploy", "canary", "v", None, "promoted", "", 0, "a", 1, 1, None, 100, 1)
        for n in range(5, 0, -1)
    )
    part = served.ask("GET", "/v1/services/shop/history?limit=2")
    assert [summary["id"] for summary in part.json()] == ["shop-5", "shop-4"]
    part = served.ask("GET", part.links["next"]["url"])
    assert [summary["id"] for summary in part.json()] == ["shop-3", "shop-2"]
    part = served.ask("GET", part.links["next"]["url"])
    assert ([summary["id"] for summary in part.json()], part.links) == (["shop-1"], {})
    assert served.ask("GET", "/v1/services/shop/history?after=nonsense").status_code == 404


def test_events_before_a_position_are_the_last_that_the_caller_may_see() -> None:
    served = Served(Principal("ana", {"shop": Role.VIEWER}))
    log = served.fake.log
    foreign = [msgspec.structs.replace(event, service="other", position=event.position + 100) for event in log]
    log += foreign
    page = served.ask("GET", "/v1/events?before=9007199254740991&limit=2").json()
    assert [event["position"] for event in page["events"]] == [3, 4]
    page = served.ask("GET", "/v1/events?before=3&limit=5").json()
    assert ([event["position"] for event in page["events"]], page["position"]) == ([1, 2], 2)
    assert served.ask("GET", "/v1/events?before=1").json()["events"] == []
