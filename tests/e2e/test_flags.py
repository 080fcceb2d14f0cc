"""Feature flags of a real controller: written by the command line, served to programs, there again after kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ferryman_flags.client import FlagClient
from project import door
from support import eventually

pytestmark = pytest.mark.real
FLAGS = """\
flags:
  new-checkout:
    kind: release
    owner: shop
    expires: 2027-03-31
    variants: {on: true, off: false}
    off: off
    rules: [{allow: [ana], serve: on}]
    rollout: {exposure: 0}
"""


class Shop:
    """A project with a controller that listens on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, door()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = [sys.executable, "-m", "ferryman", "--project", str(folder)]
        (folder / "ferryman.yaml").write_text("service: shop\n")
        (folder / "flags.yaml").write_text(FLAGS)
        self.serving: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        with (self.folder / "serve.out").open("ab") as out:
            command = [*self._words, "serve", "--listen", f"127.0.0.1:{self.port}"]
            self.serving = subprocess.Popen(command, stdout=out, stderr=out)
        eventually(lambda: self.ferry("flags", "list")[0] == 0, what="the controller", seconds=60)

    def ferry(self, *words: str) -> tuple[int, str]:
        done = subprocess.run([*self._words, *words], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    def end(self, number: signal.Signals) -> None:
        assert self.serving is not None
        self.serving.send_signal(number)
        self.serving.wait(30)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    made.serve()
    yield made
    made.end(signal.SIGTERM)
    envoys = [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())]
    assert not envoys


@pytest.mark.slow
def test_flags_outlive_their_controller_and_programs_do_too(shop: Shop) -> None:
    assert shop.ferry("flags", "set", str(shop.folder / "flags.yaml"))[0] == 0
    token = shop.ferry("token", "create", "--name", "app", "--server", "prod")[1].strip()
    ana, ben = {"targetingKey": "ana"}, {"targetingKey": "ben"}
    with FlagClient(shop.url, token) as client:
        assert client.ready(30)
        assert client.bool("new-checkout", default=False, context=ana)
        assert not client.bool("new-checkout", default=True, context=ben)
        assert shop.ferry("flags", "rollout", "new-checkout", "100")[0] == 0
        eventually(lambda: client.bool("new-checkout", default=False, context=ben), what="the rollout")
        assert shop.ferry("flags", "kill", "new-checkout", "--reason", "it is slow")[0] == 0
        shop.end(signal.SIGKILL)
        eventually(lambda: not client.bool("new-checkout", default=True, context=ana), what="the kill")
        shop.serve()
        shown = json.loads(shop.ferry("--json", "flags", "show", "new-checkout")[1])
        assert (shown["summary"]["state"], shown["definition"]["rollout"]["exposure_percent"]) == ("killed", 100.0)
        assert [done["kind"] for done in shown["history"]] == ["created", "written", "killed"]
        assert shop.ferry("flags", "unkill", "new-checkout")[0] == 0
        eventually(lambda: client.bool("new-checkout", default=False, context=ben), what="its end", seconds=60)
    code, said = shop.ferry("audit", "--verify")
    assert (code, "journal flags: entries: 4, the chain is intact" in said) == (0, True)
