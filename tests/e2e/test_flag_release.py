"""A flag is released while programs serve requests with it: a good change reaches everybody, a bad one is taken back."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman_flags import FlagClient
from ferryman_flags.middleware import WsgiFlags
from flag_project import FlagProject, flag_project
from prometheus_kit import Exporter, prometheus
from support import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(240)]
FLAGS = """\
flags:
  new-checkout:
    kind: release
    owner: shop
    expires: 2027-03-31
    variants: {on: true, off: false}
    off: off
    rollout: {exposure: 0}
  banner:
    kind: experiment
    variants: {blue: blue, red: red, plain: plain}
    off: plain
    rollout: {split: {blue: 50, red: 50}, exposure: 0}
segments:
  staff: 'ends_with(email, "@shop.example")'
"""
RELEASE = """\
service: %s
strategy:
  flag:
    hold: 2s
    bake: 2s
    steps: [%s]
analysis: {minWait: 60s}
"""
REQUESTS_PER_SECOND = 300


class Program:
    """A program with the library and its middleware in it, asked by many users. `fails` says whether a request with these
    answers fails."""

    def __init__(self, client: FlagClient, fails: Callable[[bool, str], bool]) -> None:
        self.client, self.met, self.served = client, 0, 0
        self.fails = fails
        self._application = WsgiFlags(self._answer, client, lambda environ: environ["user"])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        checkout = self.client.bool("new-checkout", default=False)
        banner = self.client.string("banner", "plain")
        self.met += checkout
        time.sleep(random.uniform(0.001, 0.002))
        start("500 Broken" if self.fails(checkout, banner) else "200 OK", [])
        return [b""]

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            user = random.randrange(50_000)
            email = f"{user}@shop.example" if user < 500 else f"{user}@example.org"
            answer = self._application({"user": {"targetingKey": str(user), "email": email}}, lambda *_: None)
            list(answer)
            getattr(answer, "close", lambda: None)()
            self.served += 1
            time.sleep(max(0.0, began + self.served / REQUESTS_PER_SECOND - time.monotonic()))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[FlagProject]:
    with flag_project(tmp_path, FLAGS) as made:
        made.do("flags", "set", str(made.file))
        yield made


@pytest.fixture
def program(shop: FlagProject) -> Iterator[Program]:
    token = shop.ferry("token", "create", "--name", "app", "--server", "prod")[1].strip()
    with FlagClient(shop.url, token) as client:
        assert client.ready(30)
        made = Program(client, lambda checkout, banner: random.random() < 0.002)
        yield made
        made.close()


def begin(shop: FlagProject, flag: str, steps: str) -> None:
    (shop.folder / f"{flag}.yaml").write_text(RELEASE % (flag, steps))
    code, said = shop.ferry("deploy", "-f", str(shop.folder / f"{flag}.yaml"), "--no-wait")
    assert code == 0, said


def status(shop: FlagProject, flag: str) -> dict[str, Any]:
    return json.loads(shop.ferry("--json", "status", flag)[1])["rollout"]


def ends(shop: FlagProject, flag: str) -> dict[str, Any]:
    eventually(
        lambda: status(shop, flag)["phase"] in {"promoted", "rolled_back", "failed"}, what="the end", seconds=150
    )
    return status(shop, flag)


def exposure(shop: FlagProject, flag: str) -> float:
    return json.loads(shop.ferry("--json", "flags", "show", flag)[1])["summary"]["exposed_percent"]


def test_a_good_change_reaches_everybody_and_goes_back_at_once(shop: FlagProject, program: Program) -> None:
    begin(shop, "new-checkout", "staff, 50")
    user = {"targetingKey": "nobody in particular"}
    done = ends(shop, "new-checkout")
    assert done["phase"] == "promoted", done
    assert exposure(shop, "new-checkout") == 100.0
    assert program.client.bool("new-checkout", default=False, context=user)
    began = time.monotonic()
    assert shop.ferry("undo", "new-checkout", "--no-wait")[0] == 0
    eventually(lambda: not program.client.bool("new-checkout", default=True, context=user), what="the way back")
    assert time.monotonic() - began < 15
    assert ends(shop, "new-checkout")["phase"] == "promoted"
    assert exposure(shop, "new-checkout") == 0.0


def test_a_bad_change_is_taken_back_by_itself(shop: FlagProject, program: Program) -> None:
    program.fails = lambda checkout, banner: checkout and random.random() < 0.5
    begin(shop, "new-checkout", "5, 50")
    code, said = shop.ferry("flags", "rollout", "new-checkout", "90")
    assert code != 0, said
    done = ends(shop, "new-checkout")
    assert done["phase"] == "rolled_back", done
    assert exposure(shop, "new-checkout") == 0.0
    assert done["max_exposure_percent"] == 5.0
    met = program.met
    time.sleep(1.0)
    assert program.met == met, "nobody meets it any more"


def test_one_bad_variant_of_two_is_enough(shop: FlagProject, program: Program) -> None:
    program.fails = lambda checkout, banner: banner == "red" and random.random() < 0.5
    begin(shop, "banner", "20, 50")
    done = ends(shop, "banner")
    assert done["phase"] == "rolled_back", done
    assert "red: " in done["reason"], done
    assert exposure(shop, "banner") == 0.0


def test_a_kill_stops_it_and_a_person_lets_it_go_on(shop: FlagProject, program: Program) -> None:
    begin(shop, "new-checkout", "20, {pause: {}}")
    eventually(lambda: status(shop, "new-checkout")["phase"] == "paused", what="the pause", seconds=60)
    assert shop.ferry("flags", "kill", "new-checkout", "--reason", "it looks odd")[0] == 0
    eventually(
        lambda: "killed" in json.dumps(status(shop, "new-checkout")) or exposure(shop, "new-checkout") == 0.0,
        what="the kill",
    )
    assert shop.ferry("flags", "unkill", "new-checkout")[0] == 0
    assert shop.ferry("promote", "new-checkout")[0] == 0
    assert ends(shop, "new-checkout")["phase"] == "promoted"


def test_counters_of_a_prometheus_server_take_it_back(shop: FlagProject, tmp_path: Path) -> None:
    """Programs need not report anything: they label what they count by the variant."""
    exporter = Exporter()
    began = time.monotonic()

    def counted() -> None:
        seconds = time.monotonic() - began
        off, on = int(200 * seconds), int(20 * seconds)
        exporter.lines = (
            f'requests_total{{checkout="off",code="200"}} {off}\nrequests_total{{checkout="off",code="500"}} {off // 500}\n'
            f'requests_total{{checkout="on",code="200"}} {on}\nrequests_total{{checkout="on",code="500"}} {on // 2}\n'
        )

    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.1):
            counted()

    counted()
    thread = threading.Thread(target=count)
    thread.start()
    try:
        with prometheus(tmp_path / "prometheus", exporter) as server:
            source = (
                f"  source: {{prometheus: {{url: '{server.url}', "
                "requests: 'requests_total{checkout=\"{{variant}}\"}', "
                'errors: \'requests_total{checkout="{{variant}}", code="500"}\'}}\n'
            )
            document = (RELEASE % ("new-checkout", "10, 50")).replace("{minWait: 60s}", "\n  minWait: 60s\n" + source)
            (shop.folder / "judged.yaml").write_text(document)
            shop.do("deploy", "-f", str(shop.folder / "judged.yaml"), "--no-wait")
            done = ends(shop, "new-checkout")
    finally:
        stop.set()
        thread.join()
        exporter.close()
    assert done["phase"] == "rolled_back", done
    assert exposure(shop, "new-checkout") == 0.0


def test_what_is_looked_at_before_says_what_a_flag_has(shop: FlagProject) -> None:
    (shop.folder / "new.yaml").write_text(RELEASE % ("new-checkout", "10, 50"))
    code, said = shop.ferry("check", "-f", str(shop.folder / "new.yaml"))
    assert code == 0, said
    assert "no instances of its own" in said
    said = shop.do("plan", "-f", str(shop.folder / "new.yaml"))
    assert "flag new-checkout in prod: 10% of the users -> 50% of the users" in said
    (shop.folder / "other.yaml").write_text(RELEASE % ("nobody", "10, 50"))
    code, said = shop.ferry("deploy", "-f", str(shop.folder / "other.yaml"), "--no-wait")
    assert code != 0
    assert shop.ferry("history", "nobody")[0] != 0, "nothing has begun"


def test_down_ends_the_controller_and_leaves_the_flag(shop: FlagProject) -> None:
    begin(shop, "new-checkout", "20, {pause: {}}")
    eventually(lambda: exposure(shop, "new-checkout") == 20.0, what="the first step", seconds=60)
    assert shop.ferry("down", "new-checkout")[0] != 0, "it would stay where it happens to be"
    said = shop.do("down")
    assert "the router and the controller have ended" in said
    shop.serve()
    assert exposure(shop, "new-checkout") == 20.0
    assert status(shop, "new-checkout")["phase"] != "promoted"
    shop.do("abort", "new-checkout")
    eventually(lambda: exposure(shop, "new-checkout") == 0.0, what="the way back", seconds=60)
