"""Schemathesis over the whole description of the API, against a real controller with a service, somebody known or nobody.

Import it as `from described import Described`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from ferryman.api.routes import ENDPOINTS
from ferryman.api.stream.messages import MEDIA_TYPE
from project import ROLLING, Project
from support import eventually

NOT_ASKED = {
    "/v1/shutdown": "it would end the controller that is asked; all tests that serve end so",
    **{row.path: "its answer does not end; tests of its own read it" for row in ENDPOINTS if row.media == MEDIA_TYPE},
}
"""Paths that are left out, and why."""

NOT_CHECKED = {"positive_data_acceptance": "a document that fits the description need not be a valid release file"}
"""Checks that are left out, and why."""

PHASES = "coverage,fuzzing,stateful"
SLACK_SECONDS = 120.0


SETTINGS = """\
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429", "431", "5xx"]
"""
"""A query may be so long that it is refused before it is looked at: by 431, which Schemathesis does not expect."""

LINE_CHARACTERS_MAX = 400
"""Made-up values are as long as they like."""


class Described:
    """A controller with two promoted releases, over loopback, and a token of an admin. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder / "p", replicas=1)
        self._folder = folder
        (folder / "schemathesis.toml").write_text(SETTINGS)
        self._ferry = [sys.executable, "-m", "ferryman", "--project", str(self.project.folder)]
        self._log = folder / "serve.log"
        self.token = ""
        self.url = ""

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            command = [*self._ferry, "serve", "--listen", "127.0.0.1:0"]
            self._controller = subprocess.Popen(command, stdout=log, stderr=log)
        record = self.project.state / "controller.json"
        eventually(record.exists, what="the controller", seconds=60)
        for label in ("v1", "v2"):
            assert self.project.carry(label, ROLLING).phase == "promoted"
        self.url = json.loads(record.read_text())["url"]
        made = [*self._ferry, "token", "create", "fuzz", "--role", "admin", "--json"]
        self.token = json.loads(subprocess.run(made, check=True, capture_output=True, text=True).stdout)["token"]
        return self

    def __exit__(self, *_: object) -> None:
        self.project.close()
        self._controller.terminate()
        self._controller.wait(20)

    def examine(self, *, known: bool, seconds: int, seed: int = 1) -> str:
        """What Schemathesis finds wrong within so long, "" for nothing; asking with the token, or as nobody."""
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{self.url}/v1/openapi.json"]
        command += ["--max-time", str(seconds), "--phases", PHASES, "--request-timeout", "30", "--seed", str(seed)]
        command += ["--continue-on-failure", "--exclude-checks", ",".join(NOT_CHECKED)]
        for path in NOT_ASKED:
            command += ["--exclude-path", path]
        command += ["-H", f"Authorization: Bearer {self.token}"] if known else []
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self._folder,
            timeout=seconds + SLACK_SECONDS,
            check=False,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "described_hooks", "PYTHONPATH": str(Path(__file__).parent)},
        )
        said = "\n".join(line[:LINE_CHARACTERS_MAX] for line in (done.stdout + done.stderr[-2000:]).splitlines())
        wrong = "" if done.returncode == 0 else said[-20_000:]
        if "Traceback" in self._log.read_text():
            wrong += self._log.read_text()[-4000:]
        return wrong
