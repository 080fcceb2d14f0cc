"""Sign-in with the account one has: a browser, a provider on another site, and back to the page that was asked for."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import oidc_provider
from dashboard import WIDE, Served, Window, axe, browser, build_page
from oidc_provider import CLIENT, SECRET, Provider
from project import ROLLING, SERVICE

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(180)]

SETTINGS = """
publicUrl: {url}
oidc:
  issuer: {issuer}
  clientId: {client}
  clientSecret: {{file: secret}}
  roles:
    - {{claim: groups, value: shop-team, role: operator, service: shop}}
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with oidc_provider.running(Provider()) as made:
        # To a browser `localhost` is another site than 127.0.0.1, as a provider is: cookies are held back accordingly.
        made.configuration = {"authorization_endpoint": f"http://localhost:{urlsplit(made.issuer).port}/authorize"}
        yield made


@pytest.fixture
def project(tmp_path: Path, provider: Provider) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "shop", replicas=1) as made:
        (made.folder / "secret").write_text(SECRET)
        (made.folder / "ferry.yaml").write_text(SETTINGS.format(url=made.url, issuer=provider.issuer, client=CLIENT))
        made.serve()
        yield made


def test_the_account_one_has_signs_in(project: Served, provider: Provider) -> None:
    project.carry("v1", ROLLING)
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        page = window.page
        window.go(f"/services/{SERVICE}")
        page.wait_for_url("**/sign-in?next=*")
        button = page.get_by_role("link", name="Sign in with your organisation")
        button.wait_for()
        assert axe(page) == []
        window.picture("sign-in-oidc")
        button.click()
        page.wait_for_url(f"**/services/{SERVICE}")
        window.see("v1 serves everybody.")
        window.see("ana@example.com")
        window.press("Restart", "by my own account")
        page.locator(".events").get_by_text("by my own account").first.wait_for()
        page.reload()  # and stays signed in
        window.see("v1 serves everybody.")
        window.go("/settings").page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in*")
        assert window.complaints == []
    ordered = [e.actor for e in project.client.events(SERVICE).events if e.kind == "restart_ordered"]
    assert ordered == ["ana@example.com"]


def test_who_is_not_let_in_is_told_why(project: Served, provider: Provider) -> None:
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        page = window.page

        def told() -> str:
            window.go("/sign-in").page.get_by_role("link", name="Sign in with your organisation").click()
            page.wait_for_url("**/sign-in?error=*")
            return page.get_by_role("alert").inner_text()

        provider.claims["groups"] = ["kitchen"]
        assert "you have no role here" in told()
        window.picture("sign-in-without-a-role")
        provider.refuses = "access_denied"
        assert "did not sign you in" in told()
        window.go("/")
        page.wait_for_url("**/sign-in*")
        assert window.complaints == []
