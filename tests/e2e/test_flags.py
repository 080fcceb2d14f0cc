"""Feature flags of a real controller: written by the command line, served to programs, there again after kill -9."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from ferryman.api.place import socket_path, state_folder
from ferryman_flags.client import FlagClient
from flag_project import FlagProject, flag_project
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


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[FlagProject]:
    with flag_project(tmp_path, FLAGS) as made:
        yield made


def kept_evaluations(folder: Path) -> int:
    """What the store holds, of all minutes."""
    file = sqlite3.connect(f"file:{folder}/.ferryman/state.db?mode=ro", uri=True)
    try:
        return int(file.execute("SELECT coalesce(sum(evaluations), 0) FROM exposure_minute").fetchone()[0])
    finally:
        file.close()


@pytest.mark.slow
def test_counts_survive_kill_nine_but_for_the_last_seconds_and_a_quiet_end_whole(shop: FlagProject) -> None:
    assert shop.ferry("flags", "set", str(shop.file))[0] == 0
    token = shop.ferry("token", "create", "--name", "app", "--server", "prod")[1].strip()

    def report(evaluations: int) -> None:
        now = time.time()
        count = {"flag": "new-checkout", "variant": "off", "reason": "DEFAULT", "evaluations": evaluations}
        body = {"version": 1, "since": now - 10, "until": now, "counts": [count]}
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx2.post(f"{shop.url}/v1/flags/evaluations", json=body, headers=headers)
        assert answer.json() == {"taken": 1}

    def counted() -> int:
        since = f"?since={time.time() - 3600}"
        path = f"/v1/environments/prod/flags/new-checkout/evaluations{since}"
        with httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(socket_path(state_folder(shop.folder)))), base_url="http://localhost"
        ) as owner:
            return sum(each["evaluations"] for each in owner.get(path).json())

    for number in range(1, 6):
        report(10**number)
    eventually(lambda: kept_evaluations(shop.folder) == 111_110, what="the counts in the store", seconds=60)
    report(1)
    shop.end(signal.SIGKILL)
    shop.serve()
    assert counted() in {111_110, 111_111}, "all but the last seconds, and nothing twice"
    before = counted()
    report(2)
    shop.end(signal.SIGTERM)
    shop.serve()
    assert counted() == before + 2


@pytest.mark.slow
def test_flags_outlive_their_controller_and_programs_do_too(shop: FlagProject) -> None:
    assert shop.ferry("flags", "set", str(shop.file))[0] == 0
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
