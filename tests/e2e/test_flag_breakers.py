"""Circuit breakers of a real controller: what programs report, or Prometheus says, turns a flag off at the programs."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman_flags.client import FlagClient
from ferryman_flags.middleware import WsgiFlags
from flag_project import FlagProject, flag_project
from prometheus_kit import Exporter, prometheus
from receivers import HttpReceiver
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]
FLAGS = """\
flags:
  uploads:
    kind: ops
    variants: {on: true, off: false}
    off: off
    default: on
    breaker: {metric: error_percent, above: 20, for_seconds: 1, recover_seconds: 10}
"""
ASKING = """\
flags:
  search:
    kind: ops
    variants: {on: true, off: false}
    off: off
    default: on
    breaker: {query: max(queue_length), above: 100, for_seconds: 1, recover_seconds: 10}
"""
SETTINGS = """\
notify:
  channels:
    ops: {webhook: {url: "%s"}}
"""


class Program:
    """A web application whose uploads fail while `broken`; somebody uploads all the time, and it reports every half second."""

    def __init__(self, client: FlagClient) -> None:
        self.client, self.broken = client, False
        self._application = WsgiFlags(self._answer, client, lambda environ: {"targetingKey": "ana"})
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def uploads(self) -> bool:
        return self.client.bool("uploads", default=True, context={"targetingKey": "ana"})

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        failed = self.client.bool("uploads", default=False) and self.broken
        start("500 Internal Server Error" if failed else "200 OK", [])
        return [b""]

    def _run(self) -> None:
        while not self._stopped.wait(0.5):
            for _ in range(20):
                answer = self._application({}, lambda *_: None)
                list(answer)
                answer.close()  # type: ignore[attr-defined]
            self.client.flush()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(10)


@contextlib.contextmanager
def running(client: FlagClient) -> Iterator[Program]:
    """A program whose flags are there."""
    assert client.ready(30)
    eventually(lambda: client.details("uploads", True).variant == "on", what="the flag")
    program = Program(client)
    try:
        yield program
    finally:
        program.close()


@pytest.fixture
def people() -> Iterator[HttpReceiver]:
    with HttpReceiver() as made:
        yield made


def told(people: HttpReceiver) -> list[tuple[str, str]]:
    found = [json.loads(each.body) for each in people.requests]
    return [(each["kind"], each["title"]) for each in found]


@pytest.mark.deadline(300)
def test_failing_requests_turn_a_flag_off_until_they_do_not_fail(tmp_path: Path, people: HttpReceiver) -> None:
    (tmp_path / "ferry.yaml").write_text(SETTINGS % people.url)
    with flag_project(tmp_path, FLAGS) as shop:
        token = shop.do("token", "create", "--name", "app", "--server", "prod").strip()
        shop.do("flags", "set", str(shop.file))
        with FlagClient(shop.url, token) as client, running(client) as program:
            breaks_and_recovers(shop, program, people)
        audit = shop.do("audit", "--all")
    assert "tripped uploads in prod" in audit
    assert "took back the trip of uploads in prod" in audit


def breaks_and_recovers(shop: FlagProject, program: Program, people: HttpReceiver) -> None:
    def says(words: str) -> None:
        eventually(lambda: words in shop.do("flags", "show", "uploads"), what=words, seconds=90)

    says("breaker closed: error_percent is 0; trips above 20 for 1 s")
    assert program.uploads
    program.broken = True
    eventually(lambda: not program.uploads, what="the trip", seconds=60)
    shown = json.loads(shop.do("--json", "flags", "show", "uploads"))
    assert (shown["summary"]["state"], shown["override"]["by"]) == ("tripped", "ferryman")
    assert "above 20 for" in shown["override"]["reason"]
    assert shown["definition"]["default"] == "on", "what was intended stays"
    shop.end(signal.SIGKILL)  # a controller that starts anew knows where it was
    shop.serve()
    eventually(lambda: told(people), what="the notice", seconds=60)
    assert told(people)[0][0] == "flag_tripped"
    assert told(people)[0][1].startswith("flag uploads in prod was turned off: error_percent is ")
    # Tried again while it still fails, then when it does not any more.
    eventually(lambda: len(told(people)) > 2, what="a reopening", seconds=90)
    assert [kind for kind, _ in told(people)][:3] == ["flag_tripped", "flag_recovered", "flag_tripped"]
    program.broken = False
    eventually(lambda: program.uploads, what="the recovery", seconds=90)
    says("breaker closed: error_percent is 0")
    assert program.uploads


@pytest.mark.deadline(300)
def test_a_query_turns_a_flag_off(tmp_path: Path) -> None:
    exporter, folder = Exporter(), tmp_path / "shop"
    exporter.lines = "queue_length 7\n"
    folder.mkdir()
    try:
        with prometheus(tmp_path / "prometheus", exporter) as server:
            server.read("queue_length", 7)
            (folder / "ferry.yaml").write_text(f"flags: {{prometheus: {{url: {server.url}}}}}\n")
            with flag_project(folder, ASKING) as shop:
                shop.do("flags", "set", str(shop.file))
                follows(shop, exporter)
            (folder / "ferry.yaml").unlink()
            with flag_project(folder, ASKING.replace("search", "find")) as shop:
                code, said = shop.ferry("--json", "flags", "set", str(shop.file))
                assert code == 2
                problem = json.loads(said)["problems"][0]
                assert (problem["line"], problem["path"]) == (7, "flags.find.breaker.query")
    finally:
        exporter.close()


def follows(shop: FlagProject, exporter: Exporter) -> None:
    def shown() -> dict[str, Any]:
        return json.loads(shop.do("--json", "flags", "show", "search"))

    eventually(lambda: (shown()["breaker"] or {}).get("value") == 7, what="the value", seconds=60)
    assert shown()["breaker"]["state"] == "closed"
    exporter.lines = "queue_length 700\n"
    eventually(lambda: shown()["summary"]["state"] == "tripped", what="the trip", seconds=60)
    assert shown()["override"]["reason"].startswith("max(queue_length) is 700, above 100 for ")
    exporter.lines = "queue_length 7\n"
    eventually(lambda: shown()["summary"]["state"] == "enabled", what="the recovery", seconds=60)
    eventually(lambda: shown()["breaker"]["state"] == "closed", what="a closed breaker", seconds=60)
