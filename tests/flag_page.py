"""A project with feature flags, for tests of their pages. Import it as `from flag_page import flagged, opened`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import WAIT_MS, WIDE, Served, Window, build_page
from ferryman_flags.client import FlagClient

expect.set_options(timeout=WAIT_MS)

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
USERS = [{"targetingKey": f"user-{number}"} for number in range(200)]


@contextlib.contextmanager
def flagged(folder: Path) -> Iterator[Served]:
    """A controller with `FLAGS` in it."""
    build_page()
    with Served(folder) as made:
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
    """How many of `USERS` meet the new checkout."""
    return sum(client.bool("new-checkout", default=False, context=user) for user in USERS)


def opened(chromium: Browser, project: Served, who: str, role: str = "operator") -> Window:
    """A browser of somebody signed in."""
    return Window(chromium.new_context(viewport=WIDE), project.url).sign_in(project.token(who, role))


def place(page: Page, environment: str = "prod") -> Locator:
    """The card of an environment."""
    return page.locator(f".place-{environment}")
