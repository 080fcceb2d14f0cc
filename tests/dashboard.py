"""The dashboard in the distribution's Chromium, against a project of `project.py` whose controller listens on loopback.

For tests marked `real` and for the benchmarks. Import it as `from dashboard import Browser, Seen`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from project import Project
from support import eventually, free_port, need_command

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "test-artifacts"
"""Screenshots: kept by CI, not committed."""

START_SECONDS = 60.0
WAIT_MS = 30_000
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)


def build_page() -> None:
    """The page as it is in the sources now; does nothing when that is built already."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()


class Served(Project):
    """A project whose controller is `ferry serve` on a loopback port that stays the same."""

    def __init__(self, folder: Path, *, replicas: int = 2) -> None:
        super().__init__(folder, replicas=replicas)
        self.web_port = free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self._serve: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Start the controller, and wait until it answers."""
        command = [sys.executable, "-m", "ferryman", "--project", str(self.folder), "serve"]
        command += ["--listen", f"127.0.0.1:{self.web_port}"]
        with (self.folder / "serve.log").open("ab") as log:
            self._serve = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        record = self.state / "controller.json"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                if json.loads(record.read_text())["pid"] == self._serve.pid:
                    return
            assert self._serve.poll() is None, (self.folder / "serve.log").read_text()
            time.sleep(0.05)
        raise AssertionError("the controller did not start")

    def end_controller(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; what it started serves on."""
        assert self._serve is not None
        os.kill(self._serve.pid, number)
        self._serve.wait(15)
        self.forget()

    def ferry(self, *words: str) -> Any:
        """What a command prints as JSON."""
        command = [sys.executable, "-m", "ferryman", "--project", str(self.folder), "--json", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def token(self, name: str, role: str) -> str:
        """A new token."""
        return str(self.ferry("token", "create", "--name", name, "--role", role)["token"])

    def tokens(self) -> list[dict[str, Any]]:
        """All of them."""
        return list(self.ferry("token", "list"))


class Window:
    """One page of one browser profile; remembers what the page complained about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        # An answer that is no success is told to the console by the browser itself; the page deals with it.
        if message.type == "error" and "Failed to load resource" not in message.text and "net::" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> Window:
        """Open a path of the dashboard."""
        self.page.goto(self.url + path)
        return self

    def sign_in(self, token: str) -> Window:
        """By the form, as a person does."""
        self.go("/sign-in")
        self.page.get_by_label("Token", exact=True).fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.url}/")
        return self

    def see(self, text: str, *, seconds: float = WAIT_MS / 1000) -> None:
        """Wait until a text is to be seen."""
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def read(self, text: str) -> None:
        """Wait until a text is on the page, letter by letter."""
        eventually(lambda: text in self.page.evaluate("document.body.innerText"), what=f"{text!r} on {self.page.url}")

    def press(self, verb: str, reason: str = "") -> None:
        """Press a button of a release, give a reason, and confirm."""
        self.page.get_by_role("button", name=verb, exact=True).click()
        dialog = self.page.get_by_role("dialog")
        if reason:
            dialog.get_by_label("Reason").fill(reason)
        dialog.get_by_role("button", name=verb, exact=True).click()

    def picture(self, name: str) -> None:
        """Keep a screenshot."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window. Without the package the test skips, or fails with CI=true."""
    path = need_command("chromium", package="chromium")
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield started
        finally:
            started.close()


def axe(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical: rule, help and where. It is injected past the page's policy."""
    source = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text()
    page.evaluate(source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
