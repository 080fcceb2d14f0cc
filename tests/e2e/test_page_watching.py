"""A person watches releases in the browser: what is happening, why, what next, and is it safe to go home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import ViewportSize

from dashboard import NARROW, WIDE, Served, Window, axe, browser, build_page
from project import SERVICE

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

CANARY = "{canary: {hold: 60s, steps: [25, 50, 100], bake: 2s, scaleDownDelay: 1s}}"
BYTES_MAX = 150_000
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (
    ("light", WIDE),
    ("dark", NARROW),
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "shop") as made:
        made.serve()
        yield made


def test_from_nothing_to_a_promoted_and_a_rejected_release(project: Served) -> None:
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE, color_scheme="light"), project.url).go("/")
        page = window.page
        window.see("Carry your first service across")
        assert page.get_by_text("ferry init -- ").count()
        assert page.get_by_text("ferry deploy", exact=True).count()
        assert axe(page) == []
        window.picture("services-empty")

        project.carry("v1")
        window.see("All is well; nothing is under way.")
        page.get_by_role("link", name=SERVICE).click()
        window.see("v1 serves everybody.")
        project.start_load(150.0, 8)
        answer = project.deploy("v2", CANARY)
        window.see("v2 serves 25% of users")
        assert page.get_by_role("list", name="The plan, step by step").get_by_role("listitem").count() >= 4
        assert page.locator("[aria-current=step]").count() == 1
        window.see("It ends by itself")
        # A person sets the pace: neither the judge's patience nor a slow machine decides what is still to be seen.
        project.client.verb(SERVICE, "promote", actor="test")
        window.see("v2 serves 50% of users")
        window.picture("release-under-way")
        assert axe(page) == []
        project.client.verb(SERVICE, "promote", actor="test", full=True)
        assert project.ended(answer.rollout).phase == "promoted"
        window.see("v2 serves everybody.")

        answer = project.deploy("v3", CANARY, "--error-percent", "40")
        assert project.ended(answer.rollout).phase == "rolled_back"
        window.see("v2 serves everybody; v3 was taken back.")
        window.see("Users are well with v2.")
        window.read(f"ferry postmortem {answer.rollout}")  # the incident asks to be written about
        assert page.locator(".answers").get_by_text("errors: candidate").count()
        window.picture("release-taken-back")
        window.go("/history")
        page.locator(".history").get_by_text("Rolled back").wait_for()
        page.get_by_label("Ended").select_option("promoted")
        page.get_by_label("Text").fill("v2")
        page.wait_for_url("**/history?outcome=promoted&q=v2")
        assert page.locator(".history li").count() == 1
        assert window.complaints == []


def test_every_page_at_a_desk_and_in_the_hand(project: Served) -> None:
    project.carry("v1")
    project.start_load(100.0, 4)
    project.deploy("v2", "{canary: {steps: [25, {pause: {}}, 100], bake: 1s}}", "--error-percent", "0")
    project.until("it waits for a person", lambda v: v.rollout and v.rollout.pause_kind == "human")
    pages = {
        "services": "/",
        "release": f"/services/{SERVICE}",
        "history": f"/history?service={SERVICE}",
        "past": f"/services/{SERVICE}/rollouts/{SERVICE}-1",
        "compare": f"/services/{SERVICE}/compare?left={SERVICE}-1&right={SERVICE}-2",
        "checklist": f"/services/{SERVICE}/checklist",
        "output": f"/services/{SERVICE}/output",
        "audit": "/audit",
        "settings": "/settings",
        "sign-in": "/sign-in",
        "not-there": "/services/shop/nothing",
    }
    with browser() as chromium:
        for scheme, size in LOOKS:
            context = chromium.new_context(viewport=size, color_scheme=scheme)
            window = Window(context, project.url)
            for name, path in pages.items():
                window.go(path)
                window.page.locator("h1").wait_for()
                window.page.locator("main .title-text, main .empty, main .card").first.wait_for()
                assert window.page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, size)
                assert axe(window.page) == [], (name, scheme, size)
                window.picture(f"{name}-{size['width']}-{scheme}")
            assert window.complaints == []
            context.close()


def test_the_first_page_is_small_and_comes_from_here_alone(project: Served) -> None:
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        sizes: dict[str, int] = {}
        window.page.on("requestfinished", lambda r: sizes.update({r.url: r.sizes()["responseBodySize"]}))
        window.go("/")
        window.see("Carry your first service across")
        assert all(url.startswith(project.url) for url in sizes)
        loaded = {url: size for url, size in sizes.items() if "/v1/" not in url}
        assert len(loaded) >= 4
        assert sum(loaded.values()) <= BYTES_MAX, loaded
        again: list[str] = []
        window.page.on("request", lambda r: again.append(r.url))
        window.go("/history")
        window.page.locator("h1").wait_for()
        assert not [url for url in again if url.endswith(".js") and not window.page.evaluate(
            "(url) => performance.getEntriesByName(url)[0]?.transferSize === 0", url
        )]  # fmt: skip
