"""Flags over the API: what people do to them, and what programs are told."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2
import pytest

from unit.api import doors_kit
from unit.api.doors_kit import Doors

CHECKOUT = """\
flags:
  new-checkout:
    kind: release
    owner: payments
    expires: 2027-03-31
    variants: {on: true, off: false}
    off: off
    rules: [{allow: [ana], serve: on}]
    rollout: {exposure: %s, seed: %s}
    environments: {staging: {rollout: {exposure: 100}}}
  limit:
    kind: ops
    variants: {high: 10, low: 2.5}
    off: low
    default: high
"""
PROD = "/v1/environments/prod/flags"


def code(response: httpx2.Response) -> str:
    return doors_kit.code(response)[1]


class Flags:
    """A controller, its admin, and the config version that the admin last saw."""

    def __init__(self) -> None:
        self.doors = Doors()
        self.admin = self.doors.token()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **given: Any):
        given = {"token": self.admin} | given
        return self.doors.ask(method, path, **({"json": body} if body is not None else {}), **given)

    def write(self, exposure: float = 10, seed: str = "s", parent: int = 0, **more: Any):
        body = {"document": CHECKOUT % (exposure, seed), "parent": parent} | more
        return self.ask("POST", "/v1/flags", body)


@pytest.fixture
def flags() -> Flags:
    made = Flags()
    assert made.write().json()["version"] == 1
    return made


def test_a_file_is_written_to_the_environments_that_it_names(flags: Flags) -> None:
    environments = flags.ask("GET", "/v1/environments").json()
    assert [(e["name"], e["version"], e["flags"]) for e in environments] == [("prod", 1, 2), ("staging", 1, 2)]
    listed = flags.ask("GET", PROD).json()
    assert [(f["key"], f["state"], f["exposed_percent"]) for f in listed["flags"]] == [
        ("limit", "enabled", 100.0),
        ("new-checkout", "enabled", 10.0),
    ]
    view = flags.ask("GET", f"{PROD}/new-checkout").json()
    assert view["definition"]["rollout"]["split"] == [["on", 100.0]]
    assert view["served"]["metadata"]["ferryman.seed"] == "s"
    assert [done["kind"] for done in view["history"]] == ["created"]
    assert flags.ask("GET", "/v1/environments/staging/flags/new-checkout").json()["summary"]["exposed_percent"] == 100.0


def test_a_plan_says_who_would_notice_and_writes_nothing(flags: Flags) -> None:
    document = CHECKOUT % (25, "s")
    found = flags.ask("POST", "/v1/flags/plan", {"document": document, "environments": ["prod"]}).json()
    plan = found["plans"][0]
    assert (plan["flag"], plan["moved"], plan["joined"], found["needs_rebucket"]) == ("new-checkout", 0, 15_000, [])
    assert flags.ask("GET", "/v1/environments").json()[0]["version"] == 1
    found = flags.ask("POST", "/v1/flags/plan", {"document": CHECKOUT % (10, "other")}).json()
    assert found["needs_rebucket"] == ["new-checkout"]


def test_what_is_wrong_with_a_file_has_its_place(flags: Flags) -> None:
    refused = flags.ask("POST", "/v1/flags", {"document": CHECKOUT % (120, "s"), "parent": 1, "file": "f.yaml"})
    assert refused.status_code == 422
    problem = refused.json()["problems"][0]
    assert (problem["file"], problem["line"], problem["path"]) == ("f.yaml", 9, "flags.new-checkout.rollout.exposure")
    needing = CHECKOUT % (10, "s") + "    needs: [{flag: nowhere, is: on}]\n"
    refused = flags.ask("POST", "/v1/flags", {"document": needing, "parent": 1})
    assert (refused.status_code, refused.json()["problems"][0]["line"]) == (422, 16)


def test_two_editors_and_a_word_for_moving_users(flags: Flags) -> None:
    assert flags.write(20, parent=1).json()["version"] == 2
    late = flags.write(30, parent=1)
    assert (late.status_code, code(late)) == (409, "flag_moved")
    moving = flags.write(20, seed="other", parent=2)
    assert (moving.status_code, code(moving)) == (409, "rebucket")
    assert flags.write(20, seed="other", parent=2, rebucket=True).json()["version"] == 3


def test_one_thing_of_a_flag_is_turned(flags: Flags) -> None:
    change = f"{PROD}/new-checkout/change"
    dry = flags.ask("POST", change, {"parent": 1, "exposure_percent": 50, "dry_run": True}).json()
    assert (dry["version"], dry["plans"][0]["joined"]) == (0, 40_000)
    assert flags.ask("POST", change, {"parent": 1, "exposure_percent": 50}).json()["version"] == 2
    assert flags.ask("POST", change, {"parent": 2, "enabled": False}).json()["version"] == 3
    assert flags.ask("GET", PROD).json()["flags"][1]["state"] == "disabled"
    assert code(flags.ask("POST", change, {"parent": 3})) == "bad_request"
    assert code(flags.ask("POST", f"{PROD}/limit/change", {"parent": 3, "exposure_percent": 5})) == "no_rollout"
    assert flags.ask("POST", f"{PROD}/nowhere/change", {"parent": 3, "enabled": True}).status_code == 404


def test_a_kill_is_one_call_and_so_is_its_end(flags: Flags) -> None:
    killed = flags.ask("POST", f"{PROD}/limit/kill", {"reason": "S3 is down"}).json()
    assert killed["override"] == {
        "kind": "killed", "since": killed["override"]["since"], "by": "ana", "reason": "S3 is down", "version": 2,
    }  # fmt: skip
    assert killed["served"]["defaultVariant"] == "low"
    assert killed["definition"]["default"] == "high"
    assert flags.ask("POST", f"{PROD}/limit/unkill", {}).json()["served"]["defaultVariant"] == "high"
    told = flags.ask("GET", "/v1/audit").json()["lines"]
    assert "killed limit in prod" in [line["text"] for line in told]


def test_going_back_appends_a_copy(flags: Flags) -> None:
    flags.write(20, parent=1)
    revert = f"{PROD}/new-checkout/revert"
    assert flags.ask("POST", revert, {"parent": 2}).json()["version"] == 3
    assert flags.ask("GET", f"{PROD}/new-checkout").json()["summary"]["exposed_percent"] == 10.0
    assert (
        flags.ask("GET", f"{PROD}/new-checkout/versions/2").json()["definition"]["rollout"]["exposure_percent"] == 20.0
    )
    assert flags.ask("POST", revert, {"parent": 3, "version": 2}).json()["version"] == 4
    assert code(flags.ask("POST", revert, {"parent": 4, "version": 77})) == "unknown_version"
    assert flags.ask("GET", f"{PROD}/new-checkout/versions/x").status_code == 404
    kinds = [done["kind"] for done in flags.ask("GET", f"{PROD}/new-checkout/history").json()]
    assert kinds == ["created", "written", "written", "written"]


def test_a_flag_is_taken_out(flags: Flags) -> None:
    assert flags.ask("POST", f"{PROD}/limit/remove", {"parent": 1}).json()["version"] == 2
    assert flags.ask("GET", f"{PROD}/limit").status_code == 404
    assert flags.ask("GET", f"{PROD}/limit/history").json()[-1]["kind"] == "removed"


def test_an_explanation_names_what_decided(flags: Flags) -> None:
    found = flags.ask("POST", f"{PROD}/new-checkout/explain", {"context": {"targetingKey": "ana"}}).json()
    assert (found["variant"], found["asked"][-1]["what"]) == ("on", "rule 1")


# ---------------------------------------------------------------------- programs
def test_a_server_token_gets_the_set_of_its_environment_and_nothing_else(flags: Flags) -> None:
    token = flags.doors.program("server", "staging")
    found = flags.ask("GET", "/v1/flags/definitions", token=token)
    assert (found.json()["environment"], found.json()["version"], found.headers["etag"]) == ("staging", 1, '"1"')
    assert set(found.json()["flags"]) == {"new-checkout", "limit"}
    same = flags.ask("GET", "/v1/flags/definitions", token=token, headers={"if-none-match": '"1"'})
    assert (same.status_code, same.content) == (304, b"")
    other = flags.ask("GET", "/v1/flags/definitions?environment=prod", token=token)
    assert (other.status_code, code(other)) == (403, "wrong_environment")
    for path in ("/v1/environments", PROD, "/v1/services", "/v1/audit", "/v1/tokens"):
        assert flags.ask("GET", path, token=token).status_code == 403, path
    assert flags.ask("POST", "/v1/flags", {"document": "", "parent": 1}, token=token).status_code == 403
    assert flags.ask("POST", "/v1/session", {"token": token}, token=None).status_code == 403


def test_a_client_token_gets_values_only(flags: Flags) -> None:
    token = flags.doors.program("client")
    for method, path in (("GET", "/v1/flags/definitions"), ("HEAD", "/v1/flags/stream")):
        assert flags.ask(method, path, token=token).status_code == 403
    one = flags.ask("POST", "/ofrep/v1/evaluate/flags/limit", {}, token=token)
    assert (one.status_code, one.json()["errorCode"]) == (403, "GENERAL")
    assert flags.ask("POST", "/ofrep/v1/evaluate/flags", {}, token=token).status_code == 200


def test_people_name_the_environment(flags: Flags) -> None:
    assert flags.ask("GET", "/v1/flags/definitions").json()["environment"] == "prod"
    assert flags.ask("GET", "/v1/flags/definitions?environment=staging").json()["environment"] == "staging"
    assert flags.ask("GET", "/v1/flags/definitions?environment=nowhere").json() == {
        "environment": "nowhere", "version": 0, "flags": {},
    }  # fmt: skip


def test_what_programs_counted_is_added_up(flags: Flags) -> None:
    token, now = flags.doors.program(), time.time()
    count = {"flag": "limit", "variant": "high", "reason": "STATIC", "evaluations": 3}
    outcome = {"flag": "limit", "variant": "high", "requests": 4, "failures": 1, "durations": [0, 1, 3]}
    body = {
        "version": 1, "since": now - 10, "until": now,
        "counts": [count, count | {"variant": None}, count | {"flag": "nowhere"}], "outcomes": [outcome],
        "exposures": [{"flag": "limit", "variant": "high", "key": "5f0c1d2a9be34c77"}],
    }  # fmt: skip
    for _ in range(2):
        taken = flags.ask("POST", "/v1/flags/evaluations", body, token=token)
        assert (taken.status_code, taken.json()) == (202, {"taken": 3})
    made_up = flags.ask(
        "POST", "/v1/flags/evaluations", body | {"counts": [count | {"variant": "x"}], "outcomes": []}, token=token
    )
    assert made_up.json() == {"taken": 0}, "no flag has that variant"
    code_default, high = flags.ask("GET", f"{PROD}/limit/evaluations").json()
    minute = int(now) // 60 * 60
    assert (code_default["minute"], code_default["variant"], code_default["evaluations"]) == (minute, "", 6)
    assert (high["evaluations"], high["requests"], high["failures"], high["durations"][:4]) == (6, 8, 2, [0, 2, 6, 0])
    (listed,) = [each for each in flags.ask("GET", PROD).json()["flags"] if each["key"] == "limit"]
    assert listed["evaluated_at"] == minute
    assert flags.ask("GET", f"{PROD}/limit/evaluations?since={now + 60}").json() == []
    assert flags.ask("GET", f"{PROD}/nowhere/evaluations").status_code == 404


def test_a_definition_of_ten_megabytes_is_refused_and_says_so(flags: Flags) -> None:
    for size, status in ((10_000_000, 400), (13_000_000, 413)):
        answer = flags.ask("POST", "/v1/flags", {"document": "x" * size, "parent": 1})
        assert answer.status_code == status
        assert str(8 * 1024 * 1024 if status == 400 else 12 * 1024 * 1024) in answer.text
    small = flags.ask("POST", f"{PROD}/limit/kill", {"reason": "x" * 2_000_000})
    assert (small.status_code, small.json()["code"]) == (413, "too_large"), "elsewhere bodies are as small as before"


def test_a_newer_program_may_say_more_than_is_known_here(flags: Flags) -> None:
    token, now = flags.doors.program(), time.time()
    count = {"flag": "limit", "variant": "high", "reason": "STATIC", "evaluations": 3, "region": "eu"}
    outcome = {"flag": "limit", "variant": "high", "requests": 1, "failures": 0, "bytes": 7}
    exposure = {"flag": "limit", "variant": "high", "key": "5f0c1d2a9be34c77", "bucket": 7}
    body = {"version": 1, "since": now - 10, "until": now, "sdk": {"name": "x", "version": [2]},
            "counts": [count], "outcomes": [outcome], "exposures": [exposure]}  # fmt: skip
    answer = flags.ask("POST", "/v1/flags/evaluations", body, token=token)
    assert (answer.status_code, answer.json()) == (202, {"taken": 2})
    wrong = flags.ask("POST", "/v1/flags/evaluations", body | {"counts": [count | {"evaluations": -1}]}, token=token)
    assert wrong.status_code == 400, "what is known is as strict as everywhere"
    unknown = flags.ask("POST", f"{PROD}/limit/change", {"parent": 1, "enabled": True, "sdk": 1})
    assert unknown.status_code == 400


def test_a_program_with_a_wrong_clock_counts_when_it_reports(flags: Flags) -> None:
    token, now = flags.doors.program(), time.time()
    count = {"flag": "limit", "variant": "high", "reason": "STATIC", "evaluations": 3}
    for wrong in (now - 200_000, now + 200_000):
        body = {"version": 1, "since": wrong - 10, "until": wrong, "counts": [count]}
        assert flags.ask("POST", "/v1/flags/evaluations", body, token=token).json() == {"taken": 1}
    found = flags.ask("GET", f"{PROD}/limit/evaluations").json()
    assert sum(each["evaluations"] for each in found) == 6
    assert all(now - 120 <= each["minute"] <= time.time() for each in found)


# ---------------------------------------------------------------------- OFREP
def test_what_the_server_evaluates_is_counted_by_it(flags: Flags) -> None:
    for _ in range(2):
        evaluate(flags, "new-checkout", {"targetingKey": "ana"})
    evaluate(flags, "nowhere", {"targetingKey": "ana"})
    found = flags.ask("GET", f"{PROD}/new-checkout/evaluations").json()
    assert {(each["variant"]) for each in found} == {"on"}
    assert sum(each["evaluations"] for each in found) == 2


def evaluate(flags: Flags, key: str = "", context: Any = None, **given: Any):
    given = {"token": flags.admin} | given
    body = {} if context is None else {"context": context}
    return flags.ask("POST", "/ofrep/v1/evaluate/flags" + (f"/{key}" if key else ""), body, **given)


def test_one_flag_for_one_user(flags: Flags) -> None:
    found = evaluate(flags, "new-checkout", {"targetingKey": "ana"})
    assert found.status_code == 200
    assert found.json() | {"metadata": {}} == {
        "key": "new-checkout", "value": True, "reason": "TARGETING_MATCH", "variant": "on", "metadata": {},
    }  # fmt: skip
    assert found.json()["metadata"]["ferryman.owner"] == "payments"
    assert b'"value":10.0' in evaluate(flags, "limit").content, "one of its values has a fraction"


def test_who_sends_the_key_in_the_other_header(flags: Flags) -> None:
    token = flags.doors.program()
    assert evaluate(flags, "limit", token=None, headers={"x-api-key": token}).status_code == 200
    refused = evaluate(flags, "limit", token=None, headers={"x-api-key": "nonsense"})
    assert (refused.status_code, refused.json()["errorCode"]) == (401, "GENERAL")
    assert refused.json()["errorDetails"]


def test_the_default_in_the_code_has_no_value(flags: Flags) -> None:
    flags.ask("POST", f"{PROD}/limit/change", {"parent": 1, "enabled": False})
    found = evaluate(flags, "limit").json()
    assert (found["reason"], found["variant"], "value" in found) == ("DISABLED", "", False)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"context": 1}', 400, "INVALID_CONTEXT"),
        (b"[", 400, "INVALID_CONTEXT"),
        (b'{"context": {"a": ' + b"[" * 100_000, 400, "INVALID_CONTEXT"),
        (b'{"contxt": {}}', 400, "INVALID_CONTEXT"),
        (b'{"context": {"a": "' + b"x" * 1_200_000 + b'"}}', 413, "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": {"a": [1]}, "email": 7, "x": null}}', 200, None),
        (b"", 200, None),
    ],
)
def test_a_context_of_any_kind(flags: Flags, body: bytes, status: int, said: str | None) -> None:
    path = "/ofrep/v1/evaluate/flags/new-checkout"
    found = flags.doors.ask("POST", path, token=flags.admin, content=body, headers={"content-type": "application/json"})
    assert (found.status_code, found.json().get("errorCode")) == (status, said)


def test_a_flag_that_is_not_there(flags: Flags) -> None:
    found = evaluate(flags, "nowhere")
    assert found.status_code == 404
    assert found.json() == {
        "key": "nowhere", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "there is no flag 'nowhere'",
    }  # fmt: skip


def test_all_flags_and_where_changes_are_told(flags: Flags) -> None:
    found = evaluate(flags, context={"targetingKey": "ana"})
    body = found.json()
    assert {each["key"]: each["variant"] for each in body["flags"]} == {"new-checkout": "on", "limit": "high"}
    stream = body["eventStreams"][0]
    assert (stream["type"], stream["inactivityDelaySec"]) == ("sse", 120)
    assert stream["endpoint"]["requestUri"].startswith("http://127.0.0.1:7300/ofrep/v1/events?ticket=prod.")
    assert body["metadata"] == {"ferryman.environment": "prod", "ferryman.version": 1}


def test_a_validator_covers_the_flags_and_the_user(flags: Flags) -> None:
    tag = evaluate(flags, context={"targetingKey": "ana"}).headers["etag"]
    known: dict[str, Any] = {"headers": {"if-none-match": tag}}
    assert evaluate(flags, context={"targetingKey": "ana"}, **known).status_code == 304
    assert evaluate(flags, context={"targetingKey": "ben"}, **known).status_code == 200
    flags.ask("POST", f"{PROD}/limit/kill", {})
    assert evaluate(flags, context={"targetingKey": "ana"}, **known).status_code == 200
    refetch = flags.ask("POST", '/ofrep/v1/evaluate/flags?flagConfigEtag="2"', {})
    assert refetch.status_code == 200


def test_what_depends_on_the_time_has_a_validator_of_its_values(flags: Flags) -> None:
    rule = '{"logic": {">": [{"var": "$flagd.timestamp"}, 9999999999]}, "serve": "high"}'
    timely = CHECKOUT % (10, "s") + f"    rules: [{rule}]\n"
    assert flags.ask("POST", "/v1/flags", {"document": timely, "parent": 1}).status_code == 200
    first = evaluate(flags)
    assert evaluate(flags, headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_a_ticket_lets_in_for_a_while(flags: Flags) -> None:
    token = flags.doors.program("client")
    uri = evaluate(flags, token=token).json()["eventStreams"][0]["endpoint"]["requestUri"]
    path = uri.removeprefix("http://127.0.0.1:7300")
    assert flags.ask("HEAD", path, token=None).status_code == 200
    assert flags.ask("HEAD", path[:-2] + "xx", token=None).status_code == 401
    assert flags.ask("HEAD", "/ofrep/v1/events", token=None).status_code == 401
    flags.doors.now += 8000.0
    assert flags.ask("HEAD", path, token=None).status_code == 401


def test_a_ticket_ends_with_its_token(flags: Flags) -> None:
    token = flags.doors.program("client")
    uri = evaluate(flags, token=token).json()["eventStreams"][0]["endpoint"]["requestUri"]
    made = next(each for each in flags.ask("GET", "/v1/tokens").json() if each["name"] == "client-prod")
    assert (made["program"], made["environment"], made["roles"]) == ("client", "prod", {})
    flags.ask("POST", f"/v1/tokens/{made['id']}/revoke", {})
    assert flags.ask("HEAD", uri.removeprefix("http://127.0.0.1:7300"), token=None).status_code == 401


def test_a_token_is_made_for_a_role_or_for_a_program(flags: Flags) -> None:
    made = flags.ask("POST", "/v1/tokens", {"name": "web", "program": "client", "environment": "prod"})
    assert made.json()["view"]["program"] == "client"
    for body in (
        {"name": "x"},
        {"name": "x", "program": "client"},
        {"name": "x", "program": "client", "environment": "prod", "role": "viewer"},
        {"name": "x", "role": "viewer", "environment": "prod"},
        {"name": "x", "program": "other", "environment": "prod"},
    ):
        assert flags.ask("POST", "/v1/tokens", body).status_code == 400, body
    assert "client of prod" in json.dumps(flags.ask("GET", "/v1/audit").json())


def test_pages_of_other_sites_may_evaluate_and_do_nothing_else(flags: Flags) -> None:
    token, site = flags.doors.program("client"), {"origin": "https://shop.example"}
    asked = site | {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = flags.ask("OPTIONS", "/ofrep/v1/evaluate/flags", token=None, headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, "*")
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    found = evaluate(flags, token=token, headers=site)
    assert (found.status_code, found.headers["access-control-allow-origin"]) == (200, "*")
    assert "etag" in found.headers["access-control-expose-headers"]
    refused = evaluate(flags, token="nonsense", headers=site)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")
    for method, path in (("GET", PROD), ("POST", f"{PROD}/limit/kill"), ("GET", "/v1/flags/definitions")):
        headers = flags.doors.ask(method, path, token=flags.admin, headers=site).headers
        assert not [name for name in headers if name.startswith("access-control")], path
        asked_first = flags.doors.ask("OPTIONS", path, headers=asked)
        assert asked_first.status_code == 405
