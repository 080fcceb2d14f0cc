"""A whole project as its users have it: a folder, `ferry serve`, the sample shop behind Envoy, and a client at its door.

For tests marked `real` and for the benchmarks. Everything is started by the product's own ways and ended by pid.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from ferryman.cli.client import Client
from ferryman.cli.launch import ensure_controller
from ferryman.cli.main import main
from ferryman.cli.services import of_a_flag
from ferryman.demo.load import LoadReport, LoadSnapshot, read_snapshot, report_between
from ferryman.model.errors import FerrymanError
from ferryman.model.view import AnswerView, RolloutView, ServiceView

SERVICE = "shop"
ENDED = frozenset({"promoted", "rolled_back", "superseded", "failed"})
PORTS = range(15000, 19000)
CANARY = "{canary: {hold: 2s, steps: [5, 25, 50, 100], bake: 1s, scaleDownDelay: 1s}}"
BLUE_GREEN = "{blueGreen: {bake: 1s, scaleDownDelay: 1s}}"
ROLLING = "{rolling: {maxSurge: 1, maxUnavailable: 0}}"
REPORT_SECONDS = 1.1


def door() -> int:
    """A port for a listener, outside the range that outgoing connections use, and free now."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


class Project:
    """One project folder. Use it as a context manager."""

    def __init__(self, folder: Path, *, replicas: int = 4) -> None:
        self.folder = folder
        self.state = folder / ".ferryman"
        self.port = door()
        self.replicas = replicas
        self._client: Client | None = None
        self._load: subprocess.Popen[bytes] | None = None
        self._report = folder / "client.json"
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the controller
    @property
    def client(self) -> Client:
        """The API; starts a controller if none runs."""
        if self._client is None:
            self._client = ensure_controller(self.folder, announce=lambda _: None).client
        return self._client

    @property
    def controller_pid(self) -> int:
        """The controller's process id."""
        return int(json.loads((self.state / "controller.json").read_text())["pid"])

    @property
    def envoy_pid(self) -> int:
        """Envoy's process id."""
        found = [p for p in self.processes() if "envoy" in Path(p.cmdline()[0]).name]
        assert len(found) == 1, found
        return found[0].pid

    def kill_controller(self) -> None:
        """kill -9."""
        self.stop_controller(signal.SIGKILL)

    def stop_controller(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the controller only; everything else serves on."""
        pid = self.controller_pid
        os.kill(pid, number)
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(10)
        self.forget()

    def forget(self) -> None:
        """Drop the connection; the next call finds or starts a controller."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def processes(self) -> list[psutil.Process]:
        """Every live process of this project: instances, Envoy, controller, client."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = " ".join(process.cmdline())
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if str(self.folder) in words or process.cwd() == str(self.folder):
                    found.append(process)
        return found

    # ------------------------------------------------------------------ releases
    def document(self, version: str, strategy: str = CANARY, *shop: str, **settings: Any) -> str:
        """A release file of the sample shop. `settings` are top-level keys, as values of JSON."""
        command = [sys.executable, "-m", "ferryman.demo.shop", "--version", version, "--latency-ms", "3", *shop]
        base: dict[str, Any] = {
            "service": SERVICE,
            "version": version,
            "run": {"command": command, "stopTimeout": "3s"},
            "replicas": self.replicas,
            "health": {"http": "/healthz", "interval": "100ms", "minReady": "300ms"},
            "traffic": {"port": self.port, "drainTimeout": "3s"},
            "analysis": {"minWait": "3m"},
            "deadlines": {"progress": "60s", "abortScaleDown": "1s"},
        }
        for key, value in settings.items():
            base[key] = {**base[key], **value} if isinstance(base.get(key), dict) and isinstance(value, dict) else value
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in base.items())
        return f"{text}strategy: {strategy}\n"

    def deploy(self, version: str, strategy: str = CANARY, *shop: str, **settings: Any) -> AnswerView:
        """Ask for a release."""
        return self.client.deploy(self.document(version, strategy, *shop, **settings), "ferryman.yaml", actor="test")

    def ferry(self, *words: str) -> tuple[int, str]:
        """A command as it is typed in the project's folder: its exit code, and what it printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = main(["--project", str(self.folder), *words])
        return code, out.getvalue()

    def view(self) -> ServiceView:
        """The status."""
        return self.client.view(SERVICE)

    def until(self, what: str, true: Callable[[ServiceView], object], seconds: float = 60.0) -> ServiceView:
        """The first view for which `true` holds. A controller that is away for a moment counts as not yet."""
        deadline = time.monotonic() + seconds
        view: ServiceView | None = None
        while time.monotonic() < deadline:
            try:
                view = self.view()
                if true(view):
                    return view
            except FerrymanError:
                self.forget()
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {seconds:g} s; last seen: {view}")

    def ended(self, rollout: str | None, seconds: float = 240.0) -> RolloutView:
        """That rollout when it has ended."""
        view = self.until(
            f"{rollout} ends",
            lambda v: v.rollout is not None and v.rollout.id == rollout and v.rollout.phase in ENDED,
            seconds,
        )
        assert view.rollout is not None
        return view.rollout

    def carry(self, version: str, strategy: str = CANARY, *shop: str, **settings: Any) -> RolloutView:
        """Deploy and wait for the end."""
        return self.ended(self.deploy(version, strategy, *shop, **settings).rollout)

    # ------------------------------------------------------------------ the client at the door
    def start_load(self, rate: float = 300.0, connections: int = 8, *more: str) -> None:
        """A steady stream of requests over keep-alive connections, in a process of its own."""
        command = [sys.executable, "-m", "ferryman.demo.load", "--url", f"http://127.0.0.1:{self.port}"]
        command += ["--rate", str(rate), "--connections", str(connections), "--report", str(self._report), *more]
        self._load = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.folder)
        deadline = time.monotonic() + 20
        while not self._report.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def snapshot(self) -> LoadSnapshot:
        """What the client counted until now; waits for its next report."""
        time.sleep(REPORT_SECONDS)
        return read_snapshot(self._report)

    def since(self, before: LoadSnapshot | None) -> LoadReport:
        """What the client counted since."""
        return report_between(before, self.snapshot())

    def stop_load(self) -> LoadReport:
        """End the client; everything it counted."""
        assert self._load is not None
        self._load.terminate()
        self._load.wait(15)
        self._load = None
        return report_between(None, read_snapshot(self._report))

    def close(self) -> None:
        """End everything, politely first."""
        if self._load is not None:
            self._load.kill()
            self._load.wait(5)
        with contextlib.suppress(FerrymanError, OSError):
            for view in self.client.views():
                if not of_a_flag(view):
                    self.client.down(view.service, actor="test")
            self.client.shutdown()
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
