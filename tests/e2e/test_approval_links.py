"""Approvals by links out of real mails: read at a real mail server, opened in a browser without scripts, answered once."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dashboard import NARROW, Served, browser
from ferryman.notify.links import digest_of
from project import ROLLING, SERVICE, Project
from receivers import HttpReceiver, MailServer
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(400)]

ANA, BEN, CARLA = "ana@example.org", "ben", "carla"
CANARY = "{canary: {hold: 1s, steps: [{weight: 50, analysis: false}, 100], bake: 0s, scaleDownDelay: 0s}}"


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def hooks() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, mails: MailServer, hooks: HttpReceiver) -> Iterator[Served]:
    """Three people, each reached by a channel of another kind."""
    with Served(tmp_path / "shop") as made:
        email = {
            "host": "127.0.0.1",
            "port": mails.port,
            "security": "none",
            "from": "ferryman@example.org",
            "to": [ANA],
        }
        (made.folder / "slack").write_text(f"{hooks.url}/slack")
        channels: dict[str, dict[str, Any]] = {
            "mail": {"email": email, "approver": {"person": ANA}},
            "hook": {"webhook": {"url": f"{hooks.url}/hook"}, "approver": {"person": BEN, "role": "admin"}},
            "chat": {"slack": {"url": {"file": "slack"}}, "approver": {"person": CARLA}},
        }
        settings = {"publicUrl": made.url, "notify": {"channels": channels, "rules": [{"kinds": ["approval"]}]}}
        (made.folder / "ferry.yaml").write_text(json.dumps(settings))
        made.serve()
        yield made


def mailed(mails: MailServer, rollout: str | None) -> str:
    """The link in the newest mail about a rollout, the same in both parts of it."""

    def found() -> str | None:
        for mail in reversed(mails.mails):
            plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
            assert plain is not None
            assert html is not None
            text = plain.get_content().replace("\r\n", "\n")
            if f"Rollout: {rollout}\n" in text:
                (url,) = re.findall(r"^Approve or deny: (\S+)$", text, re.MULTILINE)
                assert f'href="{url}"' in html.get_content()
                return str(url)
        return None

    return eventually(found, what=f"a mail about {rollout}", seconds=60)


def posted(hooks: HttpReceiver, path: str, rollout: str | None) -> str:
    """The link in the newest message to a webhook or to Slack."""

    def found() -> str | None:
        for request in reversed(hooks.requests):
            if request.path == path and f'"{rollout}' in request.body.decode().replace("Rollout: ", '"'):
                return re.findall(r"http://[^\s\"<>|]+/approval\?t=[\w.-]+", request.body.decode())[0]
        return None

    return eventually(found, what=f"a message to {path} about {rollout}", seconds=60)


def answer(url: str, said: str, reason: str = "") -> httpx2.Response:
    """As the form of the page sends it."""
    address, _, token = url.partition("?t=")
    return httpx2.post(address, data={"t": token, "answer": said, "reason": reason})


def waits(project: Served, rollout: str | None) -> None:
    project.until(
        f"{rollout} waits", lambda v: v.rollout and v.rollout.id == rollout and v.rollout.pause_kind == "approval"
    )


def words(project: Served, kind: str) -> list[tuple[str, str]]:
    return [(e.actor, e.text) for e in project.client.events(SERVICE).events if e.kind == kind]


def test_a_release_goes_on_by_links_from_messages(project: Served, mails: MailServer, hooks: HttpReceiver) -> None:
    project.carry("v1", CANARY)
    project.start_load(100.0, 4)
    rollout = project.deploy("v2", CANARY, approvals={"promotion": {"count": 2}}).rollout
    waits(project, rollout)
    ours, bens, carlas = mailed(mails, rollout), posted(hooks, "/hook", rollout), posted(hooks, "/slack", rollout)
    assert len({ours, bens, carlas}) == 3

    # Whatever scans mails opens every link, often more than once.
    for url in (ours, ours, bens, carlas):
        reply = httpx2.get(url)
        assert (reply.status_code, "may v2 go on from 50% to 100%" in reply.text) == (200, True)
    assert words(project, "approved") == []

    # What was changed on its way is nobody's word.
    for changed in (ours[:-1], ours.replace("?t=", "?t=A"), ours[:-20] + bens[-20:]):
        assert httpx2.get(changed).status_code in {403, 410}
        assert answer(changed, "approve").status_code in {403, 410}
    assert words(project, "approved") == []

    _approve_on_a_phone(ours)
    assert words(project, "approved") == [(ANA, "approved 1/2 as operator, by link: looks fine")]

    # It is used up, also for a controller that starts after kill -9.
    for _ in range(2):
        for reply in (httpx2.get(ours), answer(ours, "approve"), answer(ours, "deny", "changed my mind")):
            assert reply.status_code == 410
            assert f"used by {ANA}, who agreed, at 20" in reply.text
        project.end_controller(signal.SIGKILL)
        project.serve()

    # Ben agrees by his own token; by his link he would not count again.
    bearer = {"authorization": f"Bearer {project.token(BEN, 'operator')}"}
    said = httpx2.post(f"{project.url}/v1/services/{SERVICE}/approve", json={"reason": "me too"}, headers=bearer)
    assert said.json()["text"] == "approved 2/2"
    assert project.ended(rollout).phase == "promoted"
    reply = answer(bens, "approve")
    assert (reply.status_code, "is over" in reply.text) == (410, True)
    assert [who for who, _ in words(project, "approved")] == [ANA, BEN]

    _nothing_secret_is_left(project, (ours, bens, carlas))


def _approve_on_a_phone(url: str) -> None:
    with browser() as chromium:
        context = chromium.new_context(viewport=NARROW, java_script_enabled=False)
        page = context.new_page()
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        page.get_by_label("Note").fill("looks fine")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("heading", name="You agreed: approved 1/2").wait_for()
        # The page is kept nowhere: going back asks again, and there is nothing left to press.
        page.go_back()
        page.get_by_text("used already").wait_for()


def _nothing_secret_is_left(project: Served, urls: tuple[str, ...]) -> None:
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files)
    for url in urls:
        token = url.partition("?t=")[2]
        assert token.rpartition(".")[2].encode() not in everything
    assert digest_of(urls[0].partition("?t=")[2]).encode() in everything
    key = project.state / "approval-links.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert everything.count(key.read_bytes().strip()) == 1
    project.ferry("audit", "--verify")


def test_a_denial_by_link_takes_the_release_back_and_a_new_key_ends_links(
    project: Served, mails: MailServer, hooks: HttpReceiver
) -> None:
    project.carry("v1", ROLLING)
    rollout = project.deploy("v2", ROLLING, approvals={"start": {}}).rollout
    waits(project, rollout)
    ours, bens = mailed(mails, rollout), posted(hooks, "/hook", rollout)
    reply = answer(ours, "deny")
    assert (reply.status_code, "A denial needs a reason" in reply.text) == (400, True)
    reply = answer(ours, "deny", "too <b>slow</b> for me")
    assert (reply.status_code, "You denied it: v1 takes 100%" in reply.text) == (200, True)
    assert words(project, "denied") == [(ANA, "denied as operator, by link: too <b>slow</b> for me")]
    assert answer(bens, "approve").status_code in {409, 410}
    assert project.ended(rollout).phase == "rolled_back"

    rollout = project.deploy("v3", ROLLING, approvals={"start": {}}).rollout
    waits(project, rollout)
    ours = mailed(mails, rollout)
    assert httpx2.get(ours).status_code == 200
    project.ferry("notify", "rotate-key", "--actor", "dan")
    for reply in (httpx2.get(ours), answer(ours, "approve")):
        assert (reply.status_code, "a key that is not in use" in reply.text) == (410, True)
    _, audit = Project.ferry(project, "audit")
    assert "dan" in audit
    assert "changed the key of approval links" in audit
    project.ferry("approve", SERVICE)
    assert project.ended(rollout).phase == "promoted"
