"""A real release that goes back, and who heard of it: a webhook, over a kill -9 of the controller and with signatures."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dashboard import Served
from ferryman.notify.signing import verify
from project import ROLLING, Project
from receivers import HttpReceiver, MailServer, Request
from support import eventually, free_port

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.deadline(400)]
SECRET = "not-for-the-log"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, receiver: HttpReceiver) -> Iterator[Project]:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "secret").write_text(SECRET + "\n")
    channel = {"webhook": {"url": f"{receiver.url}/hook", "secret": {"file": "secret"}}}
    settings = {"publicUrl": "https://ferry.example.org", "notify": {"channels": {"ops": channel}}}
    (folder / "ferry.yaml").write_text(json.dumps(settings))
    with Project(folder, replicas=2) as found:
        yield found


def heard(receiver: HttpReceiver, kind: str) -> dict[str, Any] | None:
    """The newest message of a kind."""
    found = [r for r in receiver.requests if r.headers["ferryman-event"] == kind]
    return json.loads(found[-1].body) if found else None


def test_a_release_that_goes_back_is_heard_of_with_the_numbers(project: Project, receiver: HttpReceiver) -> None:
    project.carry("v1")
    project.start_load(150.0, 4)
    project.snapshot()
    rollout = project.deploy("v2", "{canary: {hold: 5s, steps: [25, 50, 100]}}", "--error-percent", "30").rollout
    eventually(lambda: (heard(receiver, "started") or {}).get("rollout") == rollout, what="the start", seconds=60)
    project.kill_controller()  # the next one takes up where the journal ends
    assert project.ended(rollout).phase == "rolled_back"
    back = eventually(lambda: heard(receiver, "rollback"), what="the rollback", seconds=60)
    eventually(lambda: heard(receiver, "rolled_back"), what="the end", seconds=60)
    assert back["severity"] == "critical"
    assert (back["candidate"], back["stable"], back["actor"]) == ("v2", "v1", "ferryman")
    assert back["link"] == f"https://ferry.example.org/services/shop/rollouts/{rollout}"
    rate = next(f for f in back["figures"] if f["name"] == "error_rate")
    assert rate["broken"]
    assert 15.0 < rate["candidate"] < 45.0
    assert rate["text"] in back["text"]
    assert "(n=" in rate["text"]
    _every_one_is_signed(receiver.requests)
    ids = [r.headers["ferryman-delivery"] for r in receiver.requests]
    told = [
        json.loads(r.body)["kind"]
        for n, r in enumerate(receiver.requests)
        if r.headers["ferryman-delivery"] not in ids[:n]
    ]
    assert told == ["started", "promoted", "started", "rollback", "rolled_back"]
    eventually(lambda: project.client.channels()[0].queued == 0, what="an empty queue")
    assert project.client.channels()[0].trouble == ""
    project.stop_load()
    everything = b"".join(path.read_bytes() for path in project.state.rglob("*") if path.is_file())
    assert SECRET.encode() not in everything


def _every_one_is_signed(requests: list[Request]) -> None:
    for request in requests:
        assert verify(SECRET, request.headers["ferryman-signature"], request.body, request.at)
        assert not verify("another", request.headers["ferryman-signature"], request.body, request.at)


def test_channels_that_fail_are_seen_everywhere_and_hold_nothing_up(tmp_path: Path) -> None:
    """One that nobody listens on, and a mail server that refuses the recipient for good."""
    with MailServer(refuse_rcpt={"ana@example.org": "550 no such person"}) as mails, Served(tmp_path / "p") as project:
        email = {
            "host": "127.0.0.1",
            "port": mails.port,
            "security": "none",
            "from": "f@e.org",
            "to": ["ana@example.org"],
        }
        channels = {"hook": {"webhook": {"url": f"http://127.0.0.1:{free_port()}/"}}, "ana": {"email": email}}
        (project.folder / "ferry.yaml").write_text(json.dumps({"notify": {"channels": channels}}))
        project.serve()
        project.carry("v1", ROLLING)
        refused = f"was given up: 127.0.0.1:{mails.port} refuses every recipient (550)"

        def seen() -> tuple[str, ...] | None:
            found = project.view().unheard
            return found if len(found) == 2 and refused in found[1] else None

        eventually(seen, what="both channels in trouble", seconds=60)
        project.end_controller(signal.SIGKILL)
        project.serve()
        lines = eventually(seen, what="both in trouble after a restart", seconds=60)
        assert lines[0].startswith("hook: ")
        assert "cannot be reached" in lines[0]
        assert project.view().healthy
        code, said = Project.ferry(project, "status")
        assert code == 0
        assert said.count("not told: ") == 2
        ready = httpx2.get(f"{project.url}/readyz")
        assert (ready.status_code, ready.json()["ready"], len(ready.json()["warnings"])) == (200, True, 2)
        figures = httpx2.get(f"{project.url}/metrics").text
        for channel in ("hook", "ana"):
            assert f'ferryman_channel_in_trouble{{channel="{channel}"}} 1.0' in figures
        code, said = Project.ferry(project, "notify", "list")
        assert code == 1
        assert re.search(r"^ana .* 2, \S+ ago ", said, re.MULTILINE), said
