"""Flags at a glance over the API: the grid, one flag everywhere, who evaluates, and the news in the stream."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from ferryman.api.stream.flags import FlagFeed, FlagsNews
from ferryman.engine.flags.askers import PROGRAMS_MAX, Askers
from ferryman.flags.breaker import BreakerView
from unit.api.test_flag_approvals import Project
from unit.api.test_flags import PROD, Flags

DAY = 86_400.0


@pytest.fixture
def flags() -> Flags:
    made = Flags()
    assert made.write().json()["version"] == 1
    return made


def row(flags: Flags, key: str) -> dict[str, Any]:
    return next(each for each in flags.ask("GET", "/v1/flags").json()["flags"] if each["key"] == key)


def test_the_grid_says_what_each_environment_serves(flags: Flags) -> None:
    board = flags.ask("GET", "/v1/flags").json()
    assert (board["version"], [each["name"] for each in board["environments"]]) == (1, ["prod", "staging"])
    found = row(flags, "new-checkout")
    assert (found["owner"], found["expires"], found["requests"]) == ("payments", "2027-03-31", 0)
    cells = [(c["environment"], c["state"], c["serves"], c["exposed_percent"], c["rules"]) for c in found["cells"]]
    assert cells == [("prod", "enabled", "", 10.0, 1), ("staging", "enabled", "on", 100.0, 1)]
    assert row(flags, "limit")["cells"][0]["serves"] == "high"
    flags.ask("POST", f"{PROD}/limit/kill", {"reason": "full"})
    assert (row(flags, "limit")["cells"][0]["state"], row(flags, "limit")["cells"][0]["serves"]) == ("killed", "low")
    flags.ask("POST", f"{PROD}/new-checkout/change", {"parent": 1, "enabled": False})
    assert row(flags, "new-checkout")["cells"][0]["serves"] == ""


def test_what_should_go_comes_with_its_command(flags: Flags) -> None:
    assert row(flags, "new-checkout")["stale"] == []
    flags.ask("POST", f"{PROD}/new-checkout/change", {"parent": 1, "exposure_percent": 100})
    found = row(flags, "new-checkout")["stale"]
    assert [(each["code"], each["environment"], each["command"]) for each in found] == [
        ("decided", "prod", "ferry flags remove new-checkout --value true")
    ]
    assert found[0]["message"] == "everybody gets on of new-checkout in prod"
    assert abs(found[0]["since"] - time.time()) < 60


def test_one_flag_everywhere_in_words(flags: Flags) -> None:
    found = flags.ask("GET", "/v1/flags/new-checkout/everywhere").json()
    assert (found["off"], found["variants"][0]) == ("off", {"name": "on", "value": True})
    prod = found["places"][0]
    assert [(each["who"], each["serves"]) for each in prod["rules"]] == [
        ("where targetingKey is ana", "on"),
        ("10 % of the users", "on"),
        ("everybody else", "off"),
    ]
    assert [(s["variant"], s["percent"], s["exposed"]) for s in prod["slots"]] == [
        ("on", 10.0, True),
        ("off", 90.0, False),
    ]
    assert (prod["exposure_percent"], prod["history"][0]["kind"], prod["override"]) == (10.0, "created", None)
    gone = flags.ask("GET", "/v1/flags/nowhere/everywhere")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_flag")


def test_what_a_write_changed_stands_in_lines_of_a_flags_file(flags: Flags) -> None:
    flags.ask("POST", f"{PROD}/new-checkout/change", {"parent": 1, "exposure_percent": 25})
    flags.ask("POST", f"{PROD}/new-checkout/kill", {"reason": "slow"})
    flags.ask("POST", f"{PROD}/new-checkout/remove", {"parent": 3})
    versions = f"{PROD}/new-checkout/versions"
    found = flags.ask("GET", f"{versions}/2/difference").json()
    assert (found["before"], found["after"]) == (1, 2)
    changed = [line for line in found["text"].splitlines() if line[:1] in "+-" and line[:3] not in {"---", "+++"}]
    rollout = "  rollout: {seed: s, split: {on: 100}, exposure: %d}"
    assert changed == [f"-{rollout % 10}", f"+{rollout % 25}"]
    first, gone = (flags.ask("GET", f"{versions}/{number}/difference").json() for number in (1, 4))
    assert (first["before"], "+  kind: release" in first["text"]) == (0, True)
    assert (gone["before"], "-  kind: release" in gone["text"]) == (2, True)
    assert flags.ask("GET", f"{versions}/3/difference").json()["code"] == "unknown_version"
    assert flags.ask("GET", f"{versions}/x/difference").json()["code"] == "unknown_version"


def test_the_release_that_sees_to_a_flag_is_named(flags: Flags) -> None:
    flags.doors.fake.flags.drivers = lambda: {("prod", "new-checkout"): "shop-7"}
    places = flags.ask("GET", "/v1/flags/new-checkout/everywhere").json()["places"]
    assert [each["driver"] for each in places] == ["shop-7", ""]


def test_a_breaker_is_told_and_how_it_stands() -> None:
    flags = Flags()
    rule = "{metric: error_percent, above: 5, for_seconds: 30, recover_seconds: 300}"
    document = (
        f"flags: {{pay: {{kind: ops, variants: {{on: true, off: false}}, off: off, default: on, breaker: {rule}}}}}"
    )
    assert flags.ask("POST", "/v1/flags", {"document": document, "parent": 0}).status_code == 200
    place = flags.ask("GET", "/v1/flags/pay/everywhere").json()["places"][0]
    told = "error_percent trips above 5 for 30 s, tries again after 300 s"
    assert (place["breaker"], place["watched"]) == (told, None)
    flags.doors.fake.flags.breakers["prod", "pay"] = BreakerView("closed", "error_percent", 0.5)
    place = flags.ask("GET", "/v1/flags/pay/everywhere").json()["places"][0]
    assert (place["watched"]["state"], place["watched"]["value"]) == ("closed", 0.5)


def test_a_change_that_waits_comes_with_what_it_would_do() -> None:
    project = Project()
    project.write(10, environment="staging")
    project.write(10)
    waiting = project.ask("eve", "GET", "/v1/flags").json()["flags"]
    assert [each["requests"] for each in waiting] == [1, 1]
    request = project.ask("eve", "GET", "/v1/flags/new-checkout/everywhere").json()["requests"][0]
    assert (request["author"], request["needed"], request["reason"], request["trouble"]) == ("ana", 1, "a step", "")
    assert sorted((plan["flag"], plan["joined"]) for plan in request["plans"]) == [
        ("limit", 100_000),
        ("new-checkout", 10_000),
    ]
    assert project.answer("ben", request["number"]).json()["state"] == "applied"
    assert project.ask("eve", "GET", "/v1/flags/new-checkout/everywhere").json()["requests"] == []


def test_a_flag_that_is_only_asked_for_is_there_to_be_answered() -> None:
    project = Project()
    project.write(10)
    board = project.ask("eve", "GET", "/v1/flags").json()
    assert [(each["key"], each["cells"], each["requests"]) for each in board["flags"]] == [
        ("limit", [], 1),
        ("new-checkout", [], 1),
    ]
    found = project.ask("eve", "GET", "/v1/flags/limit/everywhere").json()
    assert (found["places"], found["off"], found["requests"][0]["number"]) == ([], "low", 1)
    project.answer("ben", 1, "deny")
    assert project.ask("eve", "GET", "/v1/flags").json()["flags"] == []
    assert project.ask("eve", "GET", "/v1/flags/limit/everywhere").status_code == 404


def test_who_evaluates_is_known_by_the_name_of_the_token(flags: Flags) -> None:
    asked = {"name": "storefront", "program": "server", "environment": "prod"}
    secret = flags.ask("POST", "/v1/tokens", asked).json()["token"]
    counts = [{"flag": "limit", "variant": "high", "reason": "STATIC", "evaluations": n} for n in (3, 4)]
    now = time.time()
    body = {"version": 1, "since": now - 10, "until": now, "counts": [*counts, counts[0] | {"flag": "nowhere"}]}
    assert flags.ask("POST", "/v1/flags/evaluations", body, token=secret).status_code == 202
    found = flags.ask("GET", f"{PROD}/limit/askers").json()
    assert [(each["program"], each["evaluations"], each["version"]) for each in found] == [("storefront", 7, 1)]
    assert flags.ask("GET", f"{PROD}/new-checkout/askers").json() == []
    assert flags.ask("GET", f"{PROD}/nowhere/askers").status_code == 404


def test_of_very_many_programs_the_last_are_kept() -> None:
    askers = Askers()
    for number in range(PROGRAMS_MAX + 5):
        askers.told("prod", f"app-{number}", {"a": 1, "silent": 0}, None, float(number))
    kept = [each.program for each in askers.of("prod", "a")]
    assert (len(kept), kept[0], kept[-1]) == (PROGRAMS_MAX, f"app-{PROGRAMS_MAX + 4}", "app-5")
    assert askers.of("prod", "silent") == ()


def test_news_hold_the_rows_that_changed_and_what_is_gone() -> None:
    project = Project()
    told: list[FlagsNews] = []
    feed = FlagFeed(
        project.flags,
        lambda piece: told.append(msgspec.json.decode(piece.text.split(b"data: ")[1].strip(), type=FlagsNews)),
    )
    feed.begin()
    project.write(10, environment="staging")
    assert [each.key for each in told[-1].rows] == ["limit", "new-checkout"]
    project.write(10)  # waits: nothing is served differently, and a row says that something waits
    assert [each.requests for each in told[-1].rows] == [1, 1]
    project.answer("ben", 2)
    assert [each.requests for each in told[-1].rows] == [0, 0]
    assert [cell.environment for cell in told[-1].rows[0].cells] == ["prod", "staging"]
    staging = "/v1/environments/staging/flags/limit"
    project.ask("ana", "POST", f"{staging}/kill", {"reason": "x"})
    assert told[-1].rows[0].cells[1].state == "killed"
    project.ask("ana", "POST", f"{staging}/remove", {"parent": project.flags.ledger.version})
    assert [cell.environment for cell in told[-1].rows[0].cells] == ["prod"]
    many = frozenset(f"flag-{n}" for n in range(30))
    assert feed.news(many).gone == ()
    assert feed.news(many).whole
    assert feed.news(frozenset({"nowhere"})).gone == ("nowhere",)
    feed.end()
    before = len(told)
    project.ask("ana", "POST", f"{PROD}/limit/kill", {"reason": "x"})
    assert len(told) == before
