"""A whole release driven by the page: sign in, watch, pause, promote, abort with a reason, undo; and who may not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from dashboard import NARROW, WIDE, Served, Window, axe, browser, build_page
from project import SERVICE

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

SLOW = "{canary: {hold: 120s, steps: [25, 50, 100], bake: 1s, scaleDownDelay: 1s}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "shop") as made:
        made.serve()
        made.carry("v1")
        yield made


def exposed(project: Served, percent: float) -> None:
    project.until(
        f"{percent}% are served", lambda v: v.rollout and v.rollout.exposure_percent == percent and v.rollout.reached_at
    )


def test_a_release_from_sign_in_to_undo(project: Served) -> None:
    secret = project.token("ana", "operator")
    project.start_load(100.0, 4)
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        page = window.page
        # A controller that knows somebody asks who comes.
        window.go(f"/services/{SERVICE}")
        page.wait_for_url("**/sign-in?next=*")
        page.get_by_label("Token", exact=True).fill("ferry_not_a_token")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        assert "not known here" in page.get_by_role("alert").inner_text()
        assert axe(page) == []
        window.picture("sign-in-refused")
        page.get_by_label("Token", exact=True).fill(secret)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/services/{SERVICE}")
        window.see("v1 serves everybody.")

        first = project.deploy("v2", SLOW)
        window.see("v2 serves 25% of users")  # what the page showed before would be steered no more
        window.press("Pause", "lunch")
        window.see("was paused by ana")
        window.picture("release-paused")
        window.press("Resume")
        window.see("v2 serves 25% of users")
        window.press("Promote", "looks good to me")
        exposed(project, 50.0)
        window.press("Abort", "second thoughts")
        assert project.ended(first.rollout).phase == "rolled_back"
        window.see("v1 serves everybody; v2 was taken back.")
        window.see("second thoughts")

        second = project.deploy("v3", "{rolling: {maxSurge: 1, maxUnavailable: 0}}")
        assert project.ended(second.rollout).phase == "promoted"
        window.see("v3 serves everybody.")
        window.press("Undo", "v3 is ugly")
        window.see("v1 serves everybody.", seconds=60)
        page.locator(".events").get_by_text("v3 is ugly").first.wait_for()
        assert window.complaints == []
    by_ana = {e.kind for e in project.client.events(SERVICE).events if e.actor == "ana"}
    assert {"paused", "resumed", "skipped", "back_ordered", "rollout_created"} <= by_ana
    assert project.stop_load().client_failures == 0


def test_the_second_of_two_sees_who_was_first(project: Served) -> None:
    ana, ben = project.token("ana", "operator"), project.token("ben", "operator")
    project.deploy("v2", SLOW)
    exposed(project, 25.0)
    with browser() as chromium:
        windows = [Window(chromium.new_context(viewport=WIDE), project.url).sign_in(each) for each in (ana, ben)]
        for window in windows:
            window.go(f"/services/{SERVICE}")
            window.page.get_by_role("button", name="Promote", exact=True).click()
        for window in windows:
            window.page.get_by_role("dialog").get_by_role("button", name="Promote", exact=True).click()
        exposed(project, 50.0)
        alert = windows[1].page.get_by_role("dialog").get_by_role("alert")
        alert.wait_for()
        assert "ana was first" in alert.inner_text()
        windows[1].picture("second-of-two")
    skipped = [e for e in project.client.events(SERVICE).events if e.kind == "skipped"]
    assert [e.actor for e in skipped] == ["ana"]


def test_a_viewer_looks_and_an_ended_session_signs_in_again(project: Served) -> None:
    project.token("boss", "admin")
    viewer = project.token("vic", "viewer")
    project.deploy("v2", SLOW)
    exposed(project, 25.0)
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=NARROW), project.url).sign_in(viewer)
        window.go(f"/services/{SERVICE}")
        window.see("You may look at this service, not steer it.")
        assert not window.page.get_by_role("button", name="Abort").count()
        listed = next(each for each in project.tokens() if each["name"] == "vic")
        project.ferry("token", "revoke", listed["id"])
        window.go(f"/services/{SERVICE}?still=here")
        window.page.wait_for_url("**/sign-in?next=*")
        assert "still%3Dhere" in window.page.url
        window.picture("session-over-390")
        assert window.complaints == []


def test_tokens_are_made_shown_once_and_revoked_on_the_page(project: Served) -> None:
    boss = project.token("boss", "admin")
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url).sign_in(boss)
        page = window.go("/settings").page
        page.get_by_role("button", name="New token").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("robot")
        dialog.get_by_label("Role").select_option("operator")
        dialog.get_by_role("button", name="Make it").click()
        dialog.get_by_text("the only time").wait_for()
        made = dialog.locator("code").inner_text()
        assert axe(page) == []
        dialog.get_by_role("button", name="Done").click()
        row = page.get_by_role("row").filter(has_text="robot")
        row.wait_for()
        assert made not in page.content()
        assert Window(chromium.new_context(), project.url).sign_in(made).complaints == []
        row.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_label("Reason").fill("lost")
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        row.get_by_text("revoked").wait_for()
        window.picture("settings-tokens")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in*")
        assert window.complaints == []


def test_a_link_signs_the_owner_in_once(project: Served) -> None:
    made = project.ferry("dashboard")
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        window.page.goto(made["link"])
        window.page.wait_for_url(f"{project.url}/")
        assert "once_" not in window.page.url
        window.go(f"/services/{SERVICE}").page.get_by_role("button", name="Restart").wait_for()
        second = Window(chromium.new_context(viewport=WIDE), project.url)
        second.page.goto(made["link"])
        second.page.get_by_role("alert").wait_for()
        assert "used already" in second.page.get_by_role("alert").inner_text()
        assert window.complaints == []
        assert second.complaints == []


def test_by_keyboard_alone(project: Served) -> None:
    operator = project.token("ana", "operator")
    project.deploy("v2", SLOW)
    exposed(project, 25.0)
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url).sign_in(operator)
        page = window.go(f"/services/{SERVICE}").page
        page.get_by_role("button", name="Abort").wait_for()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Abort":
                break
        else:
            raise AssertionError("Tab does not lead to the button")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        dialog.wait_for()
        assert page.evaluate("document.activeElement.name") == "reason"
        inside = "document.querySelector('dialog').contains(document.activeElement)"
        for key in ("Tab", "Tab", "Tab", "Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab"):
            page.keyboard.press(key)
            assert page.evaluate(inside), key
        assert axe(page) == []
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
        expect(page.get_by_role("button", name="Abort")).to_be_focused()
        page.keyboard.press("Enter")
        dialog.wait_for()
        page.keyboard.type("typed, not clicked")
        page.keyboard.press("Control+Enter")
        window.see("v2 was taken back.")
        window.see("typed, not clicked")
        assert window.complaints == []


def test_a_freeze_ends_when_the_viewers_clock_says(project: Served) -> None:
    operator = project.token("ana", "operator")
    zone = ZoneInfo("America/New_York")
    there = datetime.now(zone).replace(second=0, microsecond=0) + timedelta(days=2)
    with browser() as chromium:
        context = chromium.new_context(viewport=NARROW, timezone_id=zone.key)
        window = Window(context, project.url).sign_in(operator)
        page = window.go(f"/services/{SERVICE}").page
        page.get_by_role("button", name="Freeze", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Until").select_option("a time of your own")
        dialog.get_by_role("textbox", name="Time").fill(f"{there:%Y-%m-%dT%H:%M}")
        dialog.get_by_text(f"{there.astimezone(UTC):%Y-%m-%d %H:%M} UTC").wait_for()
        dialog.get_by_label("Reason").fill("two days of rest")
        assert axe(page) == []
        window.picture("freeze-390")
        dialog.get_by_role("button", name="Freeze", exact=True).click()
        window.see("No more users meet a new version")
        freeze = project.view().freeze
        assert freeze is not None
        assert (freeze.until, freeze.by, freeze.reason) == (there.timestamp(), "ana", "two days of rest")
        project.deploy("v2", SLOW)
        window.see("v2 serves nobody yet and is held by a freeze.", seconds=60)
        window.see("frozen by ana")
        window.picture("frozen-390")
        window.press("Lift the freeze", "back at work")
        exposed(project, 25.0)
        window.see("v2 serves 25% of users")
        assert window.complaints == []
