"""Writes to flags that people must agree to first."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from ferryman.engine.flags.service import FlagService
from ferryman.model.role import Role
from ferryman.model.settings import FlagApproval
from unit.api import doors_kit
from unit.api.doors_kit import Doors
from unit.api.fake_controller import FakeController
from unit.api.test_flags import CHECKOUT, PROD


class Project:
    """`prod` needs `count` people of `role`; Ana writes, Ben and Cem may agree, Eve only looks."""

    def __init__(self, count: int = 1, role: str = "operator") -> None:
        fake = FakeController()
        fake.flags = FlagService(time.time, (FlagApproval("prod", count, role),))
        fake.flags._journal = fake.store
        self.flags = fake.flags
        self.doors = Doors(fake=fake)
        roles = {"ana": Role.OPERATOR, "ben": Role.OPERATOR, "cem": Role.ADMIN, "eve": Role.VIEWER}
        self.tokens = {name: self.doors.token(name, role) for name, role in roles.items()}

    def ask(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> httpx2.Response:
        given: dict[str, Any] = {"json": body} if body is not None else {}
        return self.doors.ask(method, path, token=self.tokens[who], **given)

    def write(self, exposure: float = 10, environment: str = "prod") -> dict[str, Any]:
        body = {
            "document": CHECKOUT % (exposure, "s"), "parent": self.flags.ledger.version,
            "environments": [environment], "reason": "a step",
        }  # fmt: skip
        return self.ask("ana", "POST", "/v1/flags", body).json()

    def answer(self, who: str, number: int, deed: str = "approve", digest: str | None = None) -> httpx2.Response:
        known = {each["number"]: each["digest"] for each in self.ask("eve", "GET", "/v1/flags/requests").json()}
        path = f"/v1/flags/requests/{number}/{deed}"
        return self.ask(who, "POST", path, {"digest": digest or known.get(number, ""), "reason": "looked"})


def code(response: httpx2.Response) -> str:
    return doors_kit.code(response)[1]


def test_a_write_waits_and_is_made_with_the_last_word() -> None:
    project = Project(count=2)
    asked = project.write()
    assert (asked["version"], asked["request"]) == (0, 1)
    assert project.flags.served("prod").flags == {}
    first = project.answer("ben", 1).json()
    assert (first["state"], [given["by"] for given in first["given"]]) == ("open", ["ben"])
    assert project.answer("ben", 1).json()["state"] == "open", "the same person again is one word"
    done = project.answer("cem", 1).json()
    assert (done["state"], done["summary"]) == ("applied", "wrote limit, new-checkout in prod")
    view = project.ask("eve", "GET", f"{PROD}/limit").json()
    assert (view["summary"]["changed_by"], view["history"][0]["reason"]) == ("ana", "a step")
    told = [line["text"] for line in project.ask("cem", "GET", "/v1/audit").json()["lines"]]
    assert told[-1] == "wrote limit, new-checkout in prod, by request 1"
    assert "approved request 1" in told


def test_whose_word_does_not_count() -> None:
    project = Project(role="admin")
    project.write()
    assert (project.answer("ana", 1).status_code, code(project.answer("ana", 1))) == (409, "own_request")
    assert code(project.answer("ben", 1)) == "role_needed"
    assert project.answer("eve", 1).status_code == 403
    assert code(project.answer("cem", 1, digest="0" * 64)) == "request_changed"
    assert code(project.answer("cem", 7, digest="x")) == "unknown_request"
    assert project.answer("cem", 1).json()["state"] == "applied"
    assert code(project.answer("cem", 1)) == "request_over"


def test_one_word_refuses_and_the_author_may_take_it_back() -> None:
    project = Project()
    project.write()
    assert project.answer("ben", 1, "deny").json()["state"] == "denied"
    assert code(project.answer("cem", 1)) == "request_over"
    number = project.write()["request"]
    assert project.answer("ana", number, "deny").json()["state"] == "denied"
    assert project.flags.served("prod").flags == {}


def test_a_kill_does_not_wait_nor_does_another_environment() -> None:
    project = Project()
    assert project.write(environment="staging")["version"] == 1
    project.answer("ben", project.write()["request"])
    killed = project.ask("ana", "POST", f"{PROD}/limit/kill", {})
    assert killed.json()["summary"]["state"] == "killed"


def test_what_moved_on_meanwhile_is_not_written_over() -> None:
    project = Project()
    project.answer("ben", project.write()["request"])
    one, other = project.write(20)["request"], project.write(30)["request"]
    assert project.answer("ben", one).json()["state"] == "applied"
    late = project.answer("ben", other)
    assert (late.status_code, code(late)) == (409, "flag_moved")
    assert project.ask("eve", "GET", f"{PROD}/new-checkout").json()["summary"]["exposed_percent"] == 20.0


def test_requests_are_there_again_after_a_restart() -> None:
    project = Project(count=2)
    project.write()
    project.answer("ben", 1)
    again = FlagService(time.time, (FlagApproval("prod", 2),))
    asyncio.run(again.load(project.doors.fake.store))
    request = again.ledger.requests.known[1]
    assert (request.state, [given.by for given in request.given]) == ("open", ["ben"])
    asyncio.run(again.approve(1, request.asked.digest, account="cem", role="admin"))
    assert set(again.served("prod").flags) == {"limit", "new-checkout"}


@pytest.mark.parametrize("number", ["x", "9" * 20])
def test_a_number_that_is_none(number: str) -> None:
    project = Project()
    found = project.ask("ben", "POST", f"/v1/flags/requests/{number}/approve", {"digest": "x"})
    assert (found.status_code, code(found)) == (404, "unknown_request")
