"""Whatever others write is shown as text; a lost connection is said, and nothing old passes for live."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import WIDE, Served, Window, browser, build_page
from project import SERVICE

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(300)]

EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>{{7*7}}\'"`'
SERVER = """
import http.server, os, sys
EVIL = {evil!r}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
print(EVIL, flush=True)
print("\\x1b[31mred\\x1b[0m \\u202eback", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SLOW = "{canary: {hold: 120s, steps: [25, 100], bake: 1s, scaleDownDelay: 1s}}"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Served]:
    build_page()
    with Served(tmp_path / "shop") as made:
        made.serve()
        yield made


def test_names_reasons_and_log_lines_are_text(project: Served) -> None:
    (project.folder / "evil.py").write_text(SERVER.format(evil=EVIL))
    document = project.document("v1", "{rolling: {maxSurge: 1, maxUnavailable: 0}}")
    lines = [line for line in document.splitlines() if not line.startswith("run:")]
    document = "\n".join(
        [*lines, 'run: {command: [python3, evil.py], env: {NOTE: "' + EVIL.replace('"', '\\"') + '"}}']
    )
    answer = project.client.deploy(document, "ferryman.yaml", actor="<b>ana</b>", reason=EVIL)
    assert project.ended(answer.rollout).phase == "promoted"
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url)
        for path, expected in (
            (f"/services/{SERVICE}", "<b>ana</b>"),
            (f"/services/{SERVICE}", EVIL),
            (f"/services/{SERVICE}/output", EVIL),
            (f"/services/{SERVICE}/rollouts/{SERVICE}-1", EVIL),
            (f"/services/{SERVICE}/rollouts/{SERVICE}-1", "{{7*7}}"),
            ("/history", "<b>ana</b>"),
            ("/history?q=%3Cscript%3Ewindow.pwned%3D3%3C%2Fscript%3E", "History"),
            ("/services/%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D4%3E", "<img src=x onerror=window.pwned=4>"),
            ("/sign-in?next=%2F%2Fevil.example&error=%3Cscript%3Ewindow.pwned%3D5%3C%2Fscript%3E", "came to nothing"),
            ("/sign-in?next=javascript:window.pwned=6", "Sign in"),
        ):
            window.go(path)
            window.read(expected)
            assert window.page.evaluate("window.pwned") is None, path
            assert window.page.locator("main img, main script, main b:has-text('ana') b").count() == 0, path
        assert window.complaints == []


def test_a_lost_connection_is_said_and_taken_up_again(project: Served) -> None:
    project.carry("v1")
    project.deploy("v2", SLOW)
    project.until("it is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    with browser() as chromium:
        window = Window(chromium.new_context(viewport=WIDE), project.url).go(f"/services/{SERVICE}")
        page = window.page
        window.see("v2 serves 25% of users")
        page.locator(".link-state.live").wait_for()
        project.end_controller(signal.SIGKILL)
        window.see("Connection lost, retrying.")
        assert page.locator("main.stale").count() == 1
        assert page.locator(".link-state").inner_text() == "Not live"
        window.picture("connection-lost")
        project.serve()
        page.locator(".link-state.live").wait_for()
        assert page.get_by_text("Connection lost").count() == 0
        assert page.locator("main.stale").count() == 0
        project.client.verb(SERVICE, "abort", actor="ana", reason="seen after the restart")
        window.see("v2 was taken back.")
        page.locator(".events").get_by_text("seen after the restart").first.wait_for()
        positions = [
            int(str(p)) for p in page.locator(".events li").evaluate_all("(all) => all.map(e => e.dataset.position)")
        ]
        assert positions == sorted(set(positions), reverse=True), "each event once, in order"
        assert window.complaints == []


def test_the_network_goes_and_comes(project: Served) -> None:
    project.carry("v1")
    with browser() as chromium:
        context = chromium.new_context(viewport=WIDE)
        window = Window(context, project.url).go(f"/services/{SERVICE}")
        window.page.locator(".link-state.live").wait_for()
        context.set_offline(True)
        project.end_controller()  # what is open breaks off, and nothing new can be opened
        window.see("Connection lost, retrying.")
        project.serve()
        context.set_offline(False)
        window.page.locator(".link-state.live").wait_for()
        assert window.complaints == []


def test_a_wrong_clock_of_the_browser_counts_down_right(project: Served) -> None:
    project.carry("v1")
    project.deploy("v2", SLOW)
    project.until("it is exposed", lambda v: v.rollout and v.rollout.exposure_percent == 25 and v.rollout.reached_at)
    with browser() as chromium:
        context = chromium.new_context(viewport=WIDE)
        context.add_init_script("const real = Date.now; Date.now = () => real() + 7_200_000;")
        window = Window(context, project.url).go(f"/services/{SERVICE}")
        window.see("v2 serves 25% of users")
        said = window.page.locator(".answers dd").nth(1).inner_text()
        found = re.search(r" in (?:(\d+) m )?(\d+) s", said)
        assert found is not None, said
        assert 30 <= int(found[1] or 0) * 60 + int(found[2]) <= 120, said
