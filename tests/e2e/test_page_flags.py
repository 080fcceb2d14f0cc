"""Feature flags on the page, with a real controller and a real client that evaluates them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from dashboard import NARROW, WAIT_MS, WIDE, Served, Window, axe, browser, build_page
from ferryman_flags.client import FlagClient
from support import eventually

expect.set_options(timeout=WAIT_MS)
pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

FLAGS = """\
flags:
  new-checkout:
    kind: release
    owner: payments
    expires: 2035-03-31
    description: The checkout in one step
    variants: {on: true, off: false}
    off: off
    rules:
      - {allow: [ana, ben], serve: on}
      - {when: 'country in ["de", "at"] and plan == "pro"', serve: on}
    rollout: {exposure: 10}
    environments: {staging: {rollout: {exposure: 100}}}
  banner:
    kind: experiment
    owner: growth
    variants: {plain: "Welcome", bold: "WELCOME", none: ""}
    off: none
    rollout: {split: {plain: 50, bold: 50}, exposure: 40}
  image-uploads:
    kind: ops
    owner: media
    variants: {on: true, off: false}
    off: off
    default: on
    breaker: {metric: error_percent, above: 5, for_seconds: 30, recover_seconds: 300}
  old-menu:
    kind: release
    owner: shop
    expires: 2020-01-31
    variants: {on: true, off: false}
    off: off
    rollout: {exposure: 100}
  staff-tools:
    kind: permission
    variants: {on: true, off: false}
    off: off
    needs: [{flag: image-uploads, is: on}]
    rules: [{when: 'role == "staff"', serve: on}]
"""
NEW = """\
flags:
  gift-cards: {kind: permission, variants: {on: true, off: false}, off: off, owner: shop}
"""
LONG = f"""\
flags:
  a-key.that-is-long-{"x" * 80}:
    kind: experiment
    owner: {"owner" * 12}
    description: "<img src=x onerror=alert(1)> {"about " * 40}"
    variants: {{{"v" * 60}: "{"<b>" * 200}", none: ""}}
    off: none
    rules: [{{when: 'email in ["{"y" * 300}"]', serve: none}}]
    rollout: {{exposure: 12.345}}
"""
APPROVALS = "flags:\n  approvals:\n    staging: {count: 1, role: operator}\n"
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (("light", WIDE), ("dark", NARROW), ("dark", WIDE))
USERS = [{"targetingKey": f"user-{number}"} for number in range(200)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "shop") as made:
        (made.folder / "flags.yaml").write_text(FLAGS)
        made.serve()
        made.ferry("flags", "set", str(made.folder / "flags.yaml"), "--reason", "the first of them")
        yield made


def connected(project: Served) -> FlagClient:
    """A program that reads the flags of `prod`."""
    token = project.ferry("token", "create", "--name", "storefront", "--server", "prod")["token"]
    client = FlagClient(project.url, token)
    assert client.ready(30)
    return client


def exposed(client: FlagClient) -> int:
    return sum(client.bool("new-checkout", default=False, context=user) for user in USERS)


def opened(chromium: Browser, project: Served, who: str, role: str = "operator") -> Window:
    return Window(chromium.new_context(viewport=WIDE), project.url).sign_in(project.token(who, role))


def place(page: Page, environment: str = "prod"):
    return page.locator(f".place-{environment}")


def slide(page: Page, percent: int, environment: str = "prod") -> None:
    place(page, environment).get_by_label("Exposure", exact=True).fill(str(percent))


def test_the_grid_shows_a_change_as_it_happens_and_filters(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.page
        page.get_by_role("link", name="Flags", exact=True).click()
        window.see("Everything is served as intended.")
        row = page.get_by_role("row").filter(has_text="new-checkout")
        expect(row.get_by_role("cell").nth(0)).to_contain_text("10 %")
        expect(row.get_by_role("cell").nth(0)).to_contain_text("+2 rules")
        expect(row.get_by_role("cell").nth(1)).to_contain_text("on")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        project.ferry("flags", "kill", "new-checkout", "--reason", "too slow")
        expect(row.get_by_role("cell").nth(0)).to_contain_text("Killed")
        window.see("One flag is killed or tripped.")
        project.ferry("flags", "rollout", "banner", "80")
        expect(page.get_by_role("row").filter(has_text="banner")).to_contain_text("80 %")
        assert not [url for url in asked if "/v1/flags" in url], "the news brought the rows"
        project.ferry("flags", "delete", "staff-tools")
        expect(page.get_by_role("row").filter(has_text="staff-tools").get_by_label("not there").first).to_be_visible()
        page.get_by_label("Kind").select_option("experiment")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_label("Kind").select_option("all")
        page.get_by_label("Only what should go").check()
        page.wait_for_url("**/flags?stale=1")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_label("Only what should go").uncheck()
        page.get_by_label("Text").fill("payments")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert axe(page) == []
        assert window.complaints == []


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


def test_what_should_go_comes_with_its_command(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.go("/flags").page
        page.get_by_role("link", name="To be taken out (1)").click()
        window.see("1 flag has done its work.")
        window.see("everybody gets on of old-menu in prod")
        window.see("old-menu expired on 2020-01-31")
        window.see("ferry flags remove old-menu --value true")
        project.ferry("flags", "rollout", "new-checkout", "100")
        window.see("2 flags have done their work.")  # ana and ben get it by a rule, and everybody else does too
        project.ferry("flags", "delete", "old-menu", "--env", "prod")
        window.see("1 flag has done its work.")
        assert axe(page) == []
        assert window.complaints == []


def test_a_viewer_looks_and_does_not_act(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "vic", "viewer")
        page = window.go("/flags/new-checkout").page
        window.see("You may look at flags, not change them.")
        expect(place(page)).to_contain_text("Where targetingKey is one of ana, ben")
        assert not page.get_by_role("button", name="Kill").count()
        assert not page.get_by_role("slider").count()
        assert not page.get_by_role("button", name="Go back").count()
        asking = page.locator(".flag-explain")
        asking.get_by_text("What does a user get?").click()
        asking.get_by_label("User").fill("zoe")
        asking.get_by_label("Attributes").fill('country=de, plan="pro"')
        asking.get_by_role("button", name="Ask").click()
        expect(asking.get_by_role("status")).to_contain_text("In prod: on")
        expect(asking.locator("li.decided")).to_contain_text("country in")
        asking.get_by_label("Attributes").fill("country")
        asking.get_by_role("button", name="Ask").click()
        expect(asking.get_by_role("status")).to_contain_text("“country” is no attribute")
        assert axe(page) == []
        window.picture("flag-explain")
        window.go("/flags/image-uploads")
        expect(place(page).locator(".flag-breaker")).to_contain_text("error_percent trips above 5 for 30 s")
        expect(place(page).locator(".flag-breaker")).to_contain_text("closed")
        window.go("/flags/nowhere")
        window.see("There is no such flag.")
        assert window.complaints == []


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


def test_flag_pages_at_a_desk_and_in_the_hand(project: Served) -> None:
    project.ferry("flags", "kill", "image-uploads", "--reason", "S3 is down, uploads fail")
    project.ferry("flags", "rollout", "new-checkout", "25", "--reason", "two quiet days")
    (project.folder / "long.yaml").write_text(LONG)
    project.ferry("flags", "set", str(project.folder / "long.yaml"), "--reason", "no-spaces" * 30)
    pages = {
        "flags": "/flags",
        "flag-long": f"/flags/a-key.that-is-long-{'x' * 80}",
        "flag": "/flags/new-checkout",
        "flag-experiment": "/flags/banner",
        "flag-ops": "/flags/image-uploads",
        "flag-stale": "/stale-flags",
        "flag-not-there": "/flags/nowhere",
    }
    token = project.token("ana", "operator")
    with browser() as chromium, connected(project) as client:
        exposed(client)
        for user in USERS:
            client.string("banner", default="", context=user)
        client.flush()
        for scheme, size in LOOKS:
            context = chromium.new_context(viewport=size, color_scheme=scheme)
            window = Window(context, project.url).sign_in(token)
            for name, path in pages.items():
                window.go(path)
                window.page.locator("main .flag-grid, main .card, main .empty, main .stale-flags").first.wait_for()
                if name in {"flag", "flag-experiment"}:  # they are evaluated
                    window.page.locator("[data-count]").first.wait_for()
                assert window.page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, size)
                assert axe(window.page) == [], (name, scheme, size)
                window.picture(f"{name}-{size['width']}-{scheme}")
            assert window.complaints == []
            context.close()


def test_the_pages_of_flags_are_loaded_when_they_are_asked_for(project: Served) -> None:
    with browser() as chromium:
        window = opened(chromium, project, "ana")
        page = window.page
        scripts: list[str] = []
        page.on("request", lambda request: scripts.append(request.url))
        window.go("/")
        page.get_by_role("link", name="Flags", exact=True).wait_for()
        page.locator(".link-state.live").wait_for()
        assert not [url for url in scripts if "/assets/flags-" in url]
        page.route("**/assets/flags-*.js", lambda route: route.abort())
        page.get_by_role("link", name="Flags", exact=True).click()
        window.see("This part of the page could not be loaded.")
        page.unroute("**/assets/flags-*.js")
        page.get_by_role("button", name="Load the page again").click()
        page.get_by_role("row").filter(has_text="new-checkout").wait_for()
