"""The webhook check against a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ferryman.engine import webhook
from ferryman.engine.checks import CheckRun, run_check
from ferryman.model.release import Check


class Decider(ThreadingHTTPServer):
    """Answers with the statuses it was given, the last one for good; None is silence."""

    daemon_threads = True

    def __init__(self) -> None:
        self.statuses: list[int | None] = [200]
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/may-it?team=a"


class _Handler(BaseHTTPRequestHandler):
    server: Decider  # type: ignore[assignment]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((dict(self.headers), body))
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status is None:
            self.server.over.wait(20)
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"because of\nthe moon")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def decider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decider]:
    monkeypatch.setattr(webhook, "FIRST_WAIT_SECONDS", 0.05)
    with Decider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def ask(url: str, timeout_seconds: float = 10.0) -> tuple[bool, str]:
    check = Check(name="change board", webhook=url, timeout_seconds=timeout_seconds)
    about = {"rollout": "shop-2", "step": {"number": 3, "of": 5, "name": "25%"}}
    run = CheckRun("shop-2/1/2/0", "shop", "shop-2", check, "v2", "v2", (), about)
    return asyncio.run(run_check(run, "."))


def test_yes_is_any_2xx_and_the_question_tells_what_it_is_about(decider: Decider) -> None:
    decider.statuses = [204]
    passed, detail = ask(decider.url)
    assert passed, detail
    ((headers, body),) = decider.asked
    assert headers["Idempotency-Key"] == "shop-2/1/2/0"
    assert (body["rollout"], body["step"]["name"]) == ("shop-2", "25%")


def test_202_is_asked_again_under_the_same_key(decider: Decider) -> None:
    decider.statuses = [202, 202, 200]
    assert ask(decider.url)[0]
    assert len(decider.asked) == 3
    assert {headers["Idempotency-Key"] for headers, _ in decider.asked} == {"shop-2/1/2/0"}


@pytest.mark.parametrize("status", [301, 403, 404, 500])
def test_anything_else_is_no(decider: Decider, status: int) -> None:
    decider.statuses = [status]
    passed, detail = ask(decider.url)
    assert not passed
    assert f"{status}: because of the moon" in detail
    assert len(decider.asked) == 1


def test_silence_is_an_error_when_the_time_is_over(decider: Decider) -> None:
    decider.statuses = [None]
    passed, detail = ask(decider.url, 0.5)
    assert not passed
    assert "no decision within 0.5 s" in detail


def test_asking_again_for_ever_ends_too(decider: Decider) -> None:
    decider.statuses = [202]
    passed, detail = ask(decider.url, 0.5)
    assert not passed
    assert "at last: POST" in detail
    assert len(decider.asked) > 2


def test_nobody_listens(decider: Decider) -> None:
    passed, detail = ask("http://127.0.0.1:1/x", 0.4)
    assert not passed
    assert "no decision within" in detail
