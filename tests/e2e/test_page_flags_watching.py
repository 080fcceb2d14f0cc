"""Feature flags are watched on the page: the grid, one flag, what should go; at a desk and in the hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import ViewportSize, expect

from dashboard import NARROW, WIDE, Served, Window, axe, browser
from flag_page import USERS, connected, exposed, flagged, opened, place

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

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
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (("light", WIDE), ("dark", NARROW), ("dark", WIDE))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    with flagged(tmp_path / "shop") as made:
        yield made


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
