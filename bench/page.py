"""The dashboard in Chromium: how much the first page weighs, when it can be used, and how late an event shows.

An event's lateness is measured in the browser: the moment at which its line stands in the log, less the `at` with which it
was appended, both by clocks of this machine.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from _table import Row, show
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dashboard import WIDE, Served, Window, browser, build_page
from project import SERVICE

LOADS = 10
EVENTS = 20
SLOW = "{canary: {hold: 600s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"
WATCH = """
window.shown = {};
const look = () => {
  for (const line of document.querySelectorAll(".events li[data-position]")) {
    window.shown[line.dataset.position] ??= Date.now() / 1000;
  }
};
new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
look();
"""
USABLE = "performance.getEntriesByName('usable')[0]?.startTime"


def main() -> int:
    """Measure and print; 1 when a goal was missed."""
    build_page()
    with tempfile.TemporaryDirectory(prefix="ferryman-page-") as folder, Served(Path(folder) / "shop") as project:
        project.serve()
        project.carry("v1")
        with browser() as chromium:
            size, times = loads(project, chromium)
            late = lateness(project, chromium)
    rows = [
        Row("first page, bytes on the wire", f"{size:,}", "<= 150,000", size <= 150_000),
        goal("a service can be clicked after a cold load, median", statistics.median(times), 1000),
        Row("the same, slowest", f"{max(times):.0f} ms"),
        goal("an event is on the page after its append, median", statistics.median(late), 200),
        Row("the same, slowest", f"{max(late):.0f} ms"),
    ]
    return 0 if show("the dashboard in Chromium", rows) else 1


def goal(what: str, milliseconds: float, most: float) -> Row:
    """A row that is met up to `most`."""
    return Row(what, f"{milliseconds:.0f} ms", f"<= {most:.0f} ms", milliseconds <= most)


def loads(project: Served, chromium: Browser) -> tuple[int, list[float]]:
    """(bytes of one cold load, milliseconds from navigation to a service that can be clicked, of each)."""
    times: list[float] = []
    size = 0
    for _ in range(LOADS):
        context = chromium.new_context(viewport=WIDE)
        context.add_init_script(
            "new MutationObserver((_, me) => { if (document.querySelector('.board a')) {"
            " performance.mark('usable'); me.disconnect(); } }).observe(document, {childList: true, subtree: true});"
        )
        window = Window(context, project.url)
        found: dict[str, int] = {}
        window.page.on("requestfinished", lambda r, found=found: found.update({r.url: r.sizes()["responseBodySize"]}))
        window.go("/")
        window.page.locator(".board a").wait_for()
        times.append(float(window.page.evaluate(USABLE)))
        size = sum(value for url, value in found.items() if "/v1/" not in url)
        context.close()
    return size, times


def lateness(project: Served, chromium: Browser) -> list[float]:
    """Milliseconds from the append of an event to its line on the page."""
    project.deploy("v2", SLOW)
    project.until("it is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    window = Window(chromium.new_context(viewport=WIDE), project.url).go(f"/services/{SERVICE}")
    window.page.locator(".events li").first.wait_for()
    window.page.evaluate(WATCH)
    after = project.client.events(SERVICE).events[-1].position
    for number in range(EVENTS):
        project.client.verb(SERVICE, "resume" if number % 2 else "pause", actor="bench")
        window.page.wait_for_timeout(300)
    shown = window.page.evaluate("window.shown")
    events = [e for e in project.client.events(SERVICE, after=after).events if str(e.position) in shown]
    assert len(events) >= EVENTS
    return [1000 * (shown[str(e.position)] - e.at) for e in events]


if __name__ == "__main__":
    sys.exit(main())
