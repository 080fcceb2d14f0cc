"""Sixty services with two releases each: their history in parts, by the API, the command line and the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dashboard import WIDE, Served, Window, browser, build_page
from ferryman.cli.services import DATABASE_FILE
from ferryman.core.evolve import evolve
from ferryman.store.sqlite import SqliteStore
from past import Past

pytestmark = [pytest.mark.real, pytest.mark.deadline(200)]
NAMES = [f"service-{n:02}" for n in range(60)]
NEWEST_FIRST = [f"{name}-{number}" for number in (2, 1) for name in reversed(NAMES)]


async def write(path: Path) -> None:
    store = SqliteStore(path, fold=evolve)
    await store.open()
    pasts = [Past(store, name) for name in NAMES]
    for label in ("v1", "v2"):
        for past in pasts:
            await past.release(label)
    for past in pasts:
        await past.down()
    await store.end_leases()
    await store.close()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "many") as made:
        made.state.mkdir(mode=0o700)
        asyncio.run(write(made.state / DATABASE_FILE))
        yield made


def pages_of(project: Served) -> list[str]:
    """By `ferry history`, part by part."""
    found: list[str] = []
    while True:
        part = project.ferry("history", "-n", "50", *(["--after", found[-1]] if found else []))
        if not part:
            return found
        found += [line["id"] for line in part]


def test_the_history_of_many_services_comes_in_parts(project: Served) -> None:
    assert pages_of(project) == NEWEST_FIRST, "from the log alone"
    project.serve()
    assert pages_of(project) == NEWEST_FIRST
    assert [line.id for line in project.client.history("service-07")] == ["service-07-2", "service-07-1"]
    found: list[str] = []
    path = "/v1/history?limit=50"
    while path:
        answer = httpx2.get(f"{project.url}{path}", timeout=20)
        found += [line["id"] for line in json.loads(answer.content)]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert found == NEWEST_FIRST
    with browser() as chromium:
        page = Window(chromium.new_context(viewport=WIDE), project.url).go("/history").page
        for shown in (50, 100, 120):
            page.wait_for_function("n => document.querySelectorAll('.history li').length === n", arg=shown)
            if shown < 120:
                page.get_by_role("button", name="Older ones").click()
        page.get_by_role("button", name="Older ones").wait_for(state="detached")
        assert page.locator(".history li").first.inner_text().startswith("service-59")
        page.locator(".filter select").first.select_option("service-07")
        page.wait_for_function("n => document.querySelectorAll('.history li').length === n", arg=2)
