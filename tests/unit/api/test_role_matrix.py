"""Every row of the route table, asked by everybody: the answer is what the role allows, and never more."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest

from ferryman.api.access.principal import NEEDED
from ferryman.api.endpoint import AnyEndpoint, Scoped
from ferryman.api.routes import ENDPOINTS
from ferryman.model.role import Role
from unit.api.doors_kit import Doors
from unit.api.fake_controller import FakeController
from unit.cli.samples import CANARY

DOCUMENT = "service: shop\nrun: {command: [python3, app.py]}\nhealth: {http: /healthz}\ntraffic: {port: 8080}\n"
ROWS = [row for row in ENDPOINTS if row.permission is not None]
STRANGERS = ("nobody", "nonsense", "expired", "revoked")
SOCKET_ONLY = {"/v1/session/link"}
"""For the owner of the controller alone: no token gets there."""

HELD = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN}


class Matrix:
    """One controller, and a credential of each kind."""

    def __init__(self) -> None:
        other = msgspec.structs.replace(CANARY, service="other")
        self.doors = Doors(fake=FakeController(services={"shop": CANARY, "other": other}))
        token = self.doors.token
        self.tokens: dict[str, str | None] = {"nobody": None, "nonsense": f"fy_{'a' * 40}"}
        self.tokens["expired"] = token("gone", Role.ADMIN, "*", 1.0)
        self.tokens["revoked"] = token("out", Role.ADMIN)
        self.doors.now += 2.0
        self.tokens |= {name: token(name, role, "shop") for name, role in HELD.items()}
        self.tokens |= {f"{name} of all": token(f"all-{name}", role, "*") for name, role in HELD.items()}
        self.tokens["admin of another"] = token("elsewhere", Role.ADMIN, "other")
        made = self.doors.ask("GET", "/v1/tokens", token=self.tokens["admin of all"]).json()
        revoked = next(each["id"] for each in made if each["name"] == "out")
        done = self.doors.ask("POST", f"/v1/tokens/{revoked}/revoke", token=self.tokens["admin of all"], json={})
        assert done.status_code == 200, done.text

    def status(self, row: AnyEndpoint, who: str) -> int:
        path = row.path.replace("{service}", "shop").replace("{rollout}", "shop-2").replace("{token}", "t")
        given: dict[str, Any] = {"json": body_of(row)} if row.writes else {}
        # A stream does not end; HEAD asks for the same and gets its status.
        method = "HEAD" if row.media == "text/event-stream" else row.method
        return self.doors.ask(method, path, token=self.tokens[who], **given).status_code


def body_of(row: AnyEndpoint) -> dict[str, Any]:
    fields = {f.encode_name for f in msgspec.structs.fields(row.body) if f.required}
    return {name: {"document": DOCUMENT, "file": "f"}.get(name, "x") for name in fields}


@cache
def matrix() -> Matrix:
    return Matrix()


def may(row: AnyEndpoint, role: Role, *, everywhere: bool) -> bool:
    assert row.permission is not None
    if row.path in SOCKET_ONLY:
        return False
    suffices = role.rank >= NEEDED[row.permission].rank
    return suffices and (everywhere or row.scope is not Scoped.EVERYWHERE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_who_is_not_known_gets_nothing(row: AnyEndpoint) -> None:
    matrix().doors.access.attempts = type(matrix().doors.access.attempts)()
    for who in STRANGERS:
        assert matrix().status(row, who) == 401, who


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_role_gets_what_it_may_and_no_more(row: AnyEndpoint) -> None:
    for name, role in HELD.items():
        for who, everywhere in ((name, False), (f"{name} of all", True)):
            status = matrix().status(row, who)
            assert (status != 403) == may(row, role, everywhere=everywhere), f"{who}: {status}"
            assert status not in {401, 500}, who


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_role_on_another_service_is_none_on_this_one(row: AnyEndpoint) -> None:
    before = len(matrix().doors.fake.calls)
    status = matrix().status(row, "admin of another")
    if row.scope is Scoped.SOMEWHERE and not row.writes:
        assert status == 200
    else:
        assert status == 403
        assert matrix().doors.fake.calls[before:] == []


def test_rows_that_anybody_may_ask_are_known_by_name() -> None:
    """A new one is a decision: it is added here, or it has a permission."""
    assert {row.path for row in ENDPOINTS if row.permission is None} == OPEN


OPEN = {
    "/healthz",
    "/readyz",
    "/v1/openapi.json",
    "/v1/session",
    "/v1/oidc/start",
    "/v1/oidc/callback",
    "/approval",
} | {
    "/ofrep/v1/events",  # asks for the ticket in its address
    "/configuration-files/configcat-proxy/{token}/config_v6.json",  # asks for the token in its address
}
