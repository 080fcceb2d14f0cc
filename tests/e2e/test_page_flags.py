"""Feature flags are changed on the page, with a real controller and a real client that evaluates them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard import Served, axe, browser
from flag_page import connected, exposed, flagged, opened, place
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

NEW = """\
flags:
  gift-cards: {kind: permission, variants: {on: true, off: false}, off: off, owner: shop}
"""
APPROVALS = "flags:\n  approvals:\n    staging: {count: 1, role: operator}\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    with flagged(tmp_path / "shop") as made:
        yield made


def slide(page: Page, percent: int, environment: str = "prod") -> None:
    place(page, environment).get_by_label("Exposure", exact=True).fill(str(percent))


def test_a_kill_reaches_a_program_and_the_counters_move(project: Served) -> None:
    with browser() as chromium, connected(project) as client:
        window = opened(chromium, project, "ana")
        page = window.go("/flags/new-checkout").page
        window.see("In prod 10 % of the users are exposed, apart from the rules.")
        expect(place(page)).to_contain_text('Where country in ["de", "at"] and plan == "pro"')
        counted = place(page).locator("[data-count]").first
        assert client.bool("new-checkout", default=False, context={"targetingKey": "ana"})
        client.flush()
        expect(counted).to_have_attribute("data-count", "1")
        exposed(client)
        client.flush()
        expect(place(page).locator("[data-count]").nth(1)).not_to_have_attribute("data-count", "0")
        expect(place(page).locator(".askers")).to_contain_text("storefront")
        place(page).get_by_role("button", name="Kill in prod").click()
        dialog = page.get_by_role("dialog")
        assert axe(page) == []
        window.picture("flag-kill")
        dialog.get_by_role("button", name="Kill", exact=True).click()  # not without a reason
        expect(dialog).to_be_visible()
        dialog.get_by_label("Reason").fill("S3 is down")
        dialog.get_by_role("button", name="Kill", exact=True).click()
        eventually(lambda: exposed(client) == 0, what="the kill at the program")
        expect(place(page)).to_contain_text("Killed by ana")
        expect(place(page)).to_contain_text("S3 is down")
        window.picture("flag-killed")
        place(page).get_by_role("button", name="End the kill").click()
        page.get_by_role("dialog").get_by_role("button", name="End the kill").click()
        eventually(lambda: exposed(client) > 0, what="its end")
        expect(page.locator(".timeline li")).to_have_count(4)
        assert window.complaints == []


def test_the_slider_says_who_moves_and_a_version_is_gone_back_to(project: Served) -> None:
    with browser() as chromium, connected(project) as client:
        window = opened(chromium, project, "ana")
        page = window.go("/flags/new-checkout").page
        before = exposed(client)
        slide(page, 60)
        expect(place(page)).to_contain_text("users moved: 0 · 50 % become exposed")
        window.picture("flag-slider")
        assert axe(page) == []
        slide(page, 5)
        expect(place(page)).to_contain_text("users moved: 0 · 5 % are not exposed any more")
        slide(page, 60)
        place(page).get_by_label("Reason").fill("it is well")
        place(page).get_by_role("button", name="Apply 60 %").click()
        window.see("In prod 60 % of the users are exposed, apart from the rules.")
        eventually(lambda: exposed(client) > before + 50, what="the exposure at the program")
        expect(page.locator(".timeline")).to_contain_text("it is well")

        page.get_by_role("button", name="What changed in version 2 in prod").click()
        expect(page.get_by_label("What changed", exact=True)).to_contain_text("exposure: 60")
        assert axe(page) == []
        window.picture("flag-difference")
        page.get_by_role("button", name="Go back to this version 1 in prod").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("60 % → 10 %")
        expect(dialog).to_contain_text("users moved: 0 · 50 % are not exposed any more")
        window.picture("flag-revert")
        dialog.get_by_label("Reason").fill("not yet")
        dialog.get_by_role("button", name="Go back").click()
        window.see("In prod 10 % of the users are exposed, apart from the rules.")
        eventually(lambda: exposed(client) == before, what="the way back at the program")
        shown = project.ferry("flags", "history", "new-checkout")
        assert [(each["actor"], each["reason"]) for each in shown[1:]] == [("ana", "it is well"), ("ana", "not yet")]
        assert window.complaints == []


def test_of_two_people_the_second_is_told_who_was_first(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.go("/flags/new-checkout").page
        slide(page, 50)
        expect(place(page)).to_contain_text("users moved: 0")
        project.ferry("--actor", "ben", "flags", "rollout", "new-checkout", "30")
        alert = place(page).get_by_role("alert")
        expect(alert).to_contain_text("Changed by ben meanwhile, look again: it is at 30 % now.")
        place(page).get_by_role("button", name="Apply 50 %").click()
        expect(alert).to_contain_text("is at version 2 by ben, and 1 was looked at")
        assert axe(page) == []
        window.picture("flag-conflict")
        place(page).get_by_role("button", name="I have looked").click()
        expect(place(page)).to_contain_text("30 % → 50 %: users moved: 0 · 20 % become exposed")
        place(page).get_by_role("button", name="Apply 50 %").click()
        window.see("In prod 50 % of the users are exposed, apart from the rules.")
        assert window.complaints == []


def test_a_flag_under_a_release_is_left_to_it(project: Served) -> None:
    project.ferry("flags", "rollout", "new-checkout", "0")
    release = "service: checkout\nstrategy: {flag: {key: new-checkout, hold: 1h, steps: [5, 100]}}\n"
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.go("/flags/new-checkout").page
        window.see("In prod everybody gets off, apart from the rules.")
        answer = project.client.deploy(release, "release.yaml", actor="test")
        window.see("In prod 5 % of the users are exposed, apart from the rules.")
        expect(place(page)).to_contain_text(f"The release {answer.rollout} sees to its exposure.")
        slide(page, 50)
        expect(place(page)).to_contain_text("users moved: 0 · 45 % become exposed")
        place(page).get_by_role("button", name="Apply 50 %").click()
        expect(place(page).get_by_role("alert")).to_contain_text(f"is driven by the rollout {answer.rollout}")
        assert axe(page) == []
        window.picture("flag-driven")
        place(page).get_by_role("link", name=answer.rollout or "").click()
        page.wait_for_url(f"**/services/checkout/rollouts/{answer.rollout}")
        assert window.complaints == []


def test_a_change_waits_for_another_person(project: Served) -> None:
    project.end_controller()
    (project.folder / "ferry.yaml").write_text(APPROVALS)
    project.serve()
    with browser() as chromium:
        ana, ben = opened(chromium, project, "ana"), opened(chromium, project, "ben")
        for window in (ana, ben):
            window.go("/flags/new-checkout")
        slide(ana.page, 40, "staging")
        place(ana.page, "staging").get_by_label("Reason").fill("less load")
        place(ana.page, "staging").get_by_role("button", name="Apply 40 %").click()
        ana.see("waits for people to agree.")
        ana.page.locator(".flag-requests").get_by_role("button", name="Take it back").wait_for()
        assert not ana.page.locator(".flag-requests").get_by_role("button", name="Approve").count()
        card = ben.page.locator(".flag-requests")
        expect(card).to_contain_text("100 % → 40 %")
        expect(card).to_contain_text("less load")
        assert axe(ben.page) == []
        ben.picture("flag-request")
        card.get_by_role("button", name="Approve").click()
        ben.page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(place(ana.page, "staging")).to_contain_text("40 % of the users are exposed")
        expect(card).to_have_count(0)
        (project.folder / "new.yaml").write_text(NEW)
        project.ferry("--actor", "cem", "flags", "set", str(project.folder / "new.yaml"), "--env", "staging")
        ben.go("/flags")
        row = ben.page.get_by_role("row").filter(has_text="gift-cards")
        expect(row).to_contain_text("1 waiting")
        row.get_by_role("link").click()
        ben.see("Not there yet; it waits for people.")
        card.get_by_role("button", name="Approve").click()
        ben.page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        ben.see("In staging everybody gets off.")
        ben.go("/flags/new-checkout")
        # A kill waits for nobody.
        place(ben.page, "staging").get_by_role("button", name="Kill in staging").click()
        ben.page.get_by_role("dialog").get_by_label("Reason").fill("now")
        ben.page.get_by_role("dialog").get_by_role("button", name="Kill", exact=True).click()
        expect(place(ana.page, "staging")).to_contain_text("Killed by ben")
        assert ana.complaints + ben.complaints == []


def test_flags_by_keyboard_alone(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.go("/flags").page
        page.get_by_role("row").filter(has_text="new-checkout").wait_for()

        def tab_to(script: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate(script):
                    return
            raise AssertionError(f"Tab does not lead to {script}")

        tab_to("document.activeElement.textContent === 'new-checkout'")
        page.keyboard.press("Enter")
        window.see("In prod 10 % of the users are exposed, apart from the rules.")
        tab_to("document.activeElement.id === 'exposure-prod'")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect(place(page)).to_contain_text("10 % → 15 %: users moved: 0 · 5 % become exposed")
        tab_to("document.activeElement.name === 'reason'")
        page.keyboard.type("by hand")
        page.keyboard.press("Enter")
        window.see("In prod 15 % of the users are exposed, apart from the rules.")
        expect(page.locator("#exposure-prod")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.textContent") == "Kill in prod"
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for()
        page.keyboard.type("typed")
        page.keyboard.press("Control+Enter")
        expect(place(page)).to_contain_text("Killed by ana")
        assert window.complaints == []
