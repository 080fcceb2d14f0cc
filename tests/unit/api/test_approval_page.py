"""The page behind an approval link, through the real API: what it shows, what it takes, and what no browser makes it do."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from ferryman.api.access.attempts import ATTEMPTS
from ferryman.api.requests import FORM
from ferryman.model.errors import ControllerError, Refused
from ferryman.model.link import LinkView
from ferryman.model.view import AnswerView, ApprovalView, FreezeView, GivenView
from unit.api.doors_kit import Doors
from unit.api.fake_controller import GOOD_LINK, FakeController, FakeLinks
from unit.cli.samples import AT, CANARY, ROLLOUT

ASKED = ApprovalView(
    "shop-2/1/2/0",
    2,
    "25%",
    "operator",
    2,
    (GivenView(AT + 70, "ben", "admin", "looks fine"),),
    "open",
    AT + 65,
    AT + 3665,
)
LINK = LinkView("ana@example.org", "operator", ASKED, CANARY, AT + 3600)
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
EMPTY = {"meta", "input", "br"}


class Outline(HTMLParser):
    """Elements with their attributes, and whether every one is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def doors(link: LinkView | None = LINK) -> Doors:
    return Doors(fake=FakeController(links=FakeLinks(link)))


def post(door: Doors, token: str = GOOD_LINK, answer: str = "approve", reason: str = "", **given: Any) -> Any:
    fields = {"t": token, "answer": answer, "reason": reason}
    return door.ask("POST", "/approval", content=urlencode(fields), headers={"content-type": FORM, **given})


def test_opening_the_page_shows_what_is_asked_and_changes_nothing() -> None:
    door = doors()
    for method in ("GET", "HEAD", "GET"):
        reply = door.ask(method, f"/approval?t={GOOD_LINK}")
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
    for said in (
        "shop: may v2 go on from 25% to 50% of the users?",
        "ana@example.org, you are asked as operator. 2 people of role operator or above have to agree; 1 of 2 agreed so far.",
        "ben (admin): looks fine",
        "v2 over v1",
        "0.62%",
        "47.1 ms",
        "error_rate 0.58% &lt;= 1.2x 0.55% (n=1,204)",
        "2023-11-14 23:14:25 UTC",
        "then it counts as denied",
        "v1 takes all users back.",
    ):
        assert said in reply.text, said
    assert door.fake.links.answers == []
    assert door.fake.calls == []


def test_the_page_is_two_forms_without_a_script() -> None:
    outline = Outline(doors().ask("GET", f"/approval?t={GOOD_LINK}").text)
    tags = [name for name, _ in outline.found]
    assert "script" not in tags
    forms = [a for name, a in outline.found if name == "form"]
    assert [(a["method"], a["action"]) for a in forms] == [("post", "/approval")] * 2
    fields = [(a["name"], a["value"]) for name, a in outline.found if name == "input"]
    assert fields == [("t", GOOD_LINK), ("answer", "approve"), ("t", GOOD_LINK), ("answer", "deny")]
    boxes = [a for name, a in outline.found if name == "textarea"]
    assert ["required" in box for box in boxes] == [False, True]
    labels = {a["for"] for name, a in outline.found if name == "label"}
    assert labels == {box["id"] for box in boxes}
    assert not any(key.startswith("on") or key == "style" for _, a in outline.found for key in a)


def test_the_policy_allows_this_sheet_and_nothing_else() -> None:
    reply = doors().ask("GET", f"/approval?t={GOOD_LINK}")
    policy = reply.headers["content-security-policy"]
    sheet = re.search(r"<style>(.*?)</style>", reply.text, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; font-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-frame-options"] == "DENY"
    assert "set-cookie" not in reply.headers


def test_an_answer_is_taken_once() -> None:
    door = doors()
    reply = post(door, reason=" fine \r\n for me ")
    assert reply.status_code == 200
    assert "You agreed: approved 1/1" in reply.text
    assert "shop goes on with shop-2." in reply.text
    assert door.fake.links.answers == [(True, "fine for me")]
    again = post(door, answer="deny", reason="no")
    assert (again.status_code, "used already" in again.text) == (410, True)
    assert door.fake.links.answers == [(True, "fine for me")]


def test_who_agreed_already_is_told_that_nothing_more_was_written() -> None:
    agreed = GivenView(AT + 80, "ana@example.org", "operator")
    door = doors(replace(LINK, agreed=agreed))
    assert "You agreed already, at 2023-11-14 22:14:40 UTC" in door.ask("GET", f"/approval?t={GOOD_LINK}").text
    door.fake.links.answer_view = AnswerView("shop", "approved 1/2, by ana already", "shop-2", changed=False)
    reply = post(door)
    assert "nothing more was written down" in reply.text
    assert "used up" not in reply.text


def test_the_first_users_of_a_version_are_asked_for_as_such() -> None:
    rollout = replace(ROLLOUT, exposure_percent=0.0, stable=None)
    door = doors(replace(LINK, service=replace(CANARY, rollout=rollout)))
    text = door.ask("GET", f"/approval?t={GOOD_LINK}").text
    assert "shop: may 50% of the users meet v2?" in text
    assert "One denial is enough: nothing serves then, as before." in text
    assert 'href="/services/shop"' in text


def test_a_denial_without_a_reason_is_asked_again() -> None:
    door = doors()
    reply = post(door, answer="deny", reason=" \n ")
    assert (reply.status_code, "A denial needs a reason" in reply.text) == (400, True)
    assert door.fake.links.answers == []
    door.fake.links.answer_view = AnswerView("shop", "denied, v1 takes 100%", "shop-2", changed=True)
    reply = post(door, answer="deny", reason="errors")
    assert "You denied it: v1 takes 100%" in reply.text
    assert door.fake.links.answers == [(False, "errors")]


def test_what_others_wrote_is_text() -> None:
    given = GivenView(AT, HOSTILE, HOSTILE, HOSTILE)
    rollout = replace(
        ROLLOUT, candidate=HOSTILE, stable=HOSTILE, created_by=HOSTILE, reason=HOSTILE, verdict=HOSTILE,
        verdict_reason=HOSTILE, steps=tuple(replace(step, name=HOSTILE) for step in ROLLOUT.steps),
        evidence={"metrics": {HOSTILE: {"candidate": {"n": 3, "k": 1}, "stable": {"n": 3, "k": 1}}}},
    )  # fmt: skip
    sides = tuple(replace(side, label=HOSTILE) for side in CANARY.sides)
    view = replace(
        CANARY, service=HOSTILE, rollout=rollout, sides=sides, trouble=HOSTILE, freeze=FreezeView(HOSTILE, HOSTILE, AT)
    )
    asked = replace(ASKED, role=HOSTILE, given=(given,), step_name=HOSTILE)
    door = doors(LinkView(HOSTILE, HOSTILE, asked, view, AT + 3600, given))
    plain = [name for name, _ in Outline(doors().ask("GET", f"/approval?t={GOOD_LINK}").text).found]
    for reply in (door.ask("GET", f"/approval?t={GOOD_LINK}"), post(door, answer="deny")):
        assert "<script" not in reply.text
        found = [name for name, _ in Outline(reply.text).found]
        assert set(found) == set(plain)
        assert "img" not in found
        assert not any(key.startswith("on") for _, a in Outline(reply.text).found for key in a)
    door.fake.links.answer_view = AnswerView(HOSTILE, HOSTILE, HOSTILE, changed=True)
    assert "<script" not in post(door).text


def test_a_token_is_shown_nowhere_but_in_its_form() -> None:
    for token in (HOSTILE, "0123abcd.x.y"):
        reply = doors().ask("GET", f"/approval?{urlencode({'t': token})}")
        assert reply.status_code == 403
        assert "x.y" not in reply.text
        assert "<script" not in reply.text


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("link_forged", 403),
        ("link_withdrawn", 403),
        ("wrong_role", 409),
        ("link_moved_on", 409),
        ("no_gate", 409),
        ("link_used", 410),
        ("link_expired", 410),
        ("link_over", 410),
        ("link_key_changed", 410),
    ],
)
def test_each_refusal_is_a_page_with_its_status(code: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    door = doors()

    async def look(token: str) -> LinkView:
        raise Refused(code, "not this one", hint="answer on the dashboard")

    monkeypatch.setattr(door.fake.links, "look", look)
    for reply in (door.ask("GET", f"/approval?t={GOOD_LINK}"), post(door)):
        assert reply.status_code == status
        assert reply.headers["content-type"].startswith("text/html")
        for said in ("Nothing was changed", "Not this one.", "Answer on the dashboard.", code):
            assert said in reply.text
        assert "form" not in {name for name, _ in Outline(reply.text).found}
        assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_a_controller_without_its_key_says_so_on_a_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door = doors()

    async def look(token: str) -> LinkView:
        raise ControllerError("key_exposed", "/srv/p/.ferryman/x.key may be read by others", "rotate it")

    monkeypatch.setattr(door.fake.links, "look", look)
    reply = door.ask("GET", f"/approval?t={GOOD_LINK}")
    assert (reply.status_code, reply.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "cannot look at links now" in reply.text
    # Strangers are not told what is wrong, nor where; the log is.
    assert "/srv/p" not in reply.text
    assert "key_exposed" not in reply.text
    assert "/srv/p/.ferryman/x.key may be read by others" in caplog.text


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{}", "application/json", 400),
        (b"t=x&answer=approve", "text/plain", 400),
        (b"t=x&answer=approve", "multipart/form-data; boundary=x", 400),
        (b"", FORM, 400),
        (b"t=x", FORM, 400),
        (b"t=x&answer=maybe", FORM, 400),
        (b"t=x&t=y&answer=approve", FORM, 400),
        (b"t=x&answer=approve&actor=root", FORM, 400),
        (b"t=x&answer=approve&reason=%ff", FORM, 400),
        ("t=x&answer=approve&reason=é".encode(), FORM, 400),
        (b"t=x&answer=approve&reason=" + b"a" * 2001, FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), FORM, 400),
        (b"t=" + b"a" * 3000 + b"&answer=approve", FORM, 400),
        (b"t=x&answer=approve&reason=" + b"a" * 70_000, FORM, 413),
    ],
)
def test_a_form_that_is_none_is_refused_as_a_page(content: bytes, media: str, status: int) -> None:
    door = doors()
    reply = door.ask("POST", "/approval", content=content, headers={"content-type": media})
    assert (reply.status_code, reply.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert door.fake.links.answers == []


@pytest.mark.parametrize("query", ["", "?t=", "?t=a&t=b", "?t=a&x=1", "?t=" + "a" * 3000])
def test_a_query_that_is_none_is_refused_as_a_page(query: str) -> None:
    reply = doors().ask("GET", f"/approval{query}")
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/html; charset=utf-8")


def test_who_is_signed_in_makes_no_difference() -> None:
    """Neither a cookie nor a token is looked at: there is nothing that another site could make a browser use."""
    door = doors()
    browser = door.browser(door.token())
    plain = {"cookie": browser.headers()["cookie"], "origin": "null"}
    assert post(door, "0123abcd.x.y", **plain).status_code == 403
    assert post(door, "0123abcd.x.y", **browser.headers()).status_code == 403
    assert door.fake.links.answers == []
    assert post(door, authorization="Bearer nonsense", **plain).status_code == 200
    assert door.fake.links.answers == [(True, "")]


def test_a_foreign_name_is_refused() -> None:
    reply = doors().ask("GET", f"/approval?t={GOOD_LINK}", url="http://evil.example")
    assert (reply.status_code, reply.headers["content-type"]) == (403, "text/html; charset=utf-8")


def test_guessing_is_slowed_down_and_holds_nobody_up() -> None:
    door = doors()
    for _ in range(ATTEMPTS):
        assert door.ask("GET", "/approval?t=guess").status_code == 403
    reply = door.ask("GET", "/approval?t=guess")
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) > 0
    assert post(door, "guess").status_code == 429
    assert door.ask("GET", f"/approval?t={GOOD_LINK}").status_code == 200
    assert post(door).status_code == 200


def test_other_methods_are_not_allowed() -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert doors().ask(method, f"/approval?t={GOOD_LINK}").status_code == 405
