"""Playing the acts for real: a controller, Envoy, the shop's processes, and a client that never stops asking."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.api.place import read_record, state_folder
from ferryman.cli.client import Client
from ferryman.cli.commands.dashboard import make_link
from ferryman.cli.demo.script import CONNECTIONS, OPENING, RATE_PER_SECOND, SERVICE, Act, release_file
from ferryman.cli.interrupts import uninterrupted
from ferryman.cli.launch import Started, ensure_controller
from ferryman.cli.services import of_a_flag
from ferryman.demo.load import LoadSnapshot, read_snapshot, report_between
from ferryman.model.errors import ControllerError, FerrymanError
from ferryman.model.plan import Phase
from ferryman.model.view import ServiceView

ACTOR = "demo"
ACT_SECONDS = 600.0
LOOK_SECONDS = 0.25
LOAD_SECONDS = 20.0
WARM_SECONDS = 6.0  # what the judge takes for usual is what it saw before the release
SETTLE_SECONDS = 1.2  # the load client writes its report each second
PORTS = range(18080, 18180)
_ENDED = {p.value for p in Phase if p.terminal}

Look = Callable[[ServiceView], None]


@dataclass(frozen=True)
class Result:
    """What one release did, as the client and the controller saw it. Seconds; counts of requests."""

    version: str
    strategy: str
    outcome: str
    expected: str
    client_requests: int
    client_failures: int
    candidate_requests: int
    candidate_errors: int
    seconds: float
    rollback_seconds: float | None
    reason: str

    @property
    def as_expected(self) -> bool:
        """The outcome is right and no user met a failure that was not the version's own answer."""
        return self.outcome == self.expected and self.client_failures == 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "version": self.version,
            "strategy": self.strategy,
            "outcome": self.outcome,
            "client_requests": self.client_requests,
            "client_failures": self.client_failures,
            "candidate_requests": self.candidate_requests,
            "candidate_errors": self.candidate_errors,
            "seconds": round(self.seconds, 2),
            "rollback_seconds": None if self.rollback_seconds is None else round(self.rollback_seconds, 3),
            "reason": self.reason,
        }


class Stage:
    """The project folder of the demo and everything that runs for it. `close` ends all of it."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.port = free_port()
        self._say = say
        self._report = folder / "client.json"
        self._load: subprocess.Popen[bytes] | None = None
        self._started: Started | None = None

    @property
    def client(self) -> Client:
        """The controller's API."""
        assert self._started is not None
        return self._started.client

    @property
    def url(self) -> str | None:
        """Where the controller answers over TCP."""
        record = read_record(state_folder(self.folder))
        return record.url if record is not None else None

    def open(self) -> None:
        """Start the controller for the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._started = ensure_controller(self.folder, announce=self._say, listen="127.0.0.1:0")

    def dashboard(self) -> str:
        """A link to the dashboard that signs in once; "" when the controller was there before and listens on no port."""
        made = make_link(self.folder, self.client)
        return made.link if made is not None else ""

    def first(self, look: Look, opening: Act = OPENING) -> None:
        """Bring the first version up, then the stream of requests. Raises `FerrymanError`."""
        self._release(opening, look)
        with uninterrupted():
            self._load = self._start_load()
        deadline = time.monotonic() + LOAD_SECONDS
        while self.snapshot() is None:
            if time.monotonic() > deadline or self._load.poll() is not None:
                raise ControllerError("demo_load", "the load client did not start", f"see {self.folder / 'client.log'}")
            time.sleep(LOOK_SECONDS)
        warm = time.monotonic() + WARM_SECONDS
        while time.monotonic() < warm:
            look(self.client.view(SERVICE))
            time.sleep(LOOK_SECONDS)

    def play(self, act: Act, look: Look) -> Result:
        """Carry one release to its end under the stream of requests."""
        before = self.snapshot()
        began = time.monotonic()
        view = self._release(act, look)
        seconds = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
        after = self.snapshot()
        assert before is not None
        assert after is not None
        report = report_between(before, after)
        mine = report.versions.get(act.version)
        rollout = view.rollout
        assert rollout is not None
        return Result(
            version=act.version,
            strategy=rollout.strategy,
            outcome=rollout.phase,
            expected=act.expected,
            client_requests=report.requests,
            client_failures=report.client_failures,
            candidate_requests=mine.requests if mine else 0,
            candidate_errors=mine.app_errors if mine else 0,
            seconds=seconds,
            rollback_seconds=rollout.rollback_seconds,
            reason=rollout.cause_reason or rollout.reason,
        )

    def document(self, act: Act) -> str:
        """The release file of an act."""
        return release_file(act, sys.executable, self.port)

    def load_options(self) -> list[str]:
        """How the client asks."""
        return ["--rate", f"{RATE_PER_SECOND:g}", "--connections", str(CONNECTIONS)]

    def _release(self, act: Act, look: Look) -> ServiceView:
        return self.release(SERVICE, self.document(act), "ferryman.yaml", look)

    def release(self, service: str, document: str, file: str, look: Look) -> ServiceView:
        """Carry one release to its end; the last that was seen of it. Raises `FerrymanError`."""
        (self.folder / file).write_text(document, encoding="utf-8")
        answer = self.client.deploy(document, file, actor=ACTOR)
        deadline = time.monotonic() + ACT_SECONDS
        while time.monotonic() < deadline:
            view = self.client.view(service)
            if view.rollout is not None and view.rollout.id == answer.rollout:
                look(view)
                if view.rollout.phase in _ENDED:
                    return view
            time.sleep(LOOK_SECONDS)
        raise ControllerError(
            "demo_stuck", f"{answer.rollout} did not end within {ACT_SECONDS:g} s", "see `ferry events`"
        )

    def _start_load(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ferryman.demo.load", "--url", f"http://127.0.0.1:{self.port}"]
        command += [*self.load_options(), "--report", str(self._report)]
        with (self.folder / "client.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )

    def snapshot(self) -> LoadSnapshot | None:
        """What the client has counted; None before its first report."""
        try:
            return read_snapshot(self._report)
        except (OSError, ValueError, KeyError):
            return None

    def close(self, *, keep: bool) -> None:
        """End the stream of requests and, without `keep`, the shop, Envoy and the controller."""
        if self._load is not None and self._load.poll() is None:
            self._load.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._load.wait(5.0)
            if self._load.poll() is None:
                os.killpg(self._load.pid, signal.SIGKILL)
        if keep or self._started is None:
            return
        with contextlib.suppress(FerrymanError):
            for view in self.client.views():
                if not of_a_flag(view):
                    self.client.down(view.service, actor=ACTOR, reason="the demo is over")
            self.client.shutdown()
        if self._started.starting is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._started.starting.process.wait(10.0)
        self._started.take_back()


def free_port() -> int:
    """A port of the demo's range that nothing listens on."""
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ControllerError(
        "no_port", f"no free port between {PORTS.start} and {PORTS.stop - 1}", "end what listens there, then try again"
    )
