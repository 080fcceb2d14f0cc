"""Schemathesis over the whole description, against a controller with a service: what it answers is what it says it answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROLLING, Project
from support import eventually

SECONDS = 40
DEADLINE_SECONDS = 400
# Left out: a wrong token given again and again is answered with 429, as it must be, where this check wants 401; who may
# what is walked by test_role_matrix. A valid document need not be a valid release file.
NOT_ASKED = "ignored_auth,positive_data_acceptance"


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.deadline(DEADLINE_SECONDS)
def test_what_the_api_says_of_itself_is_true(tmp_path: Path) -> None:
    project = Project(tmp_path / "p", replicas=1)
    ferry = [sys.executable, "-m", "ferryman", "--project", str(project.folder)]
    log = (tmp_path / "serve.log").open("w")
    controller = subprocess.Popen([*ferry, "serve", "--listen", "127.0.0.1:0"], stdout=log, stderr=log)
    try:
        record = project.state / "controller.json"
        eventually(record.exists, what="the controller", seconds=60)
        assert project.carry("v1", ROLLING).phase == "promoted"
        url = json.loads(record.read_text())["url"]
        made = subprocess.run(
            [*ferry, "token", "create", "fuzz", "--role", "admin", "--json"], check=True, capture_output=True, text=True
        )
        token = json.loads(made.stdout)["token"]
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/v1/openapi.json"]
        command += ["--max-time", str(SECONDS), "--phases", "coverage,fuzzing", "--request-timeout", "30"]
        command += ["--exclude-path", "/v1/shutdown", "--exclude-path", "/v1/stream", "--exclude-checks", NOT_ASKED]
        command += ["--continue-on-failure", "--seed", "1", "-H", f"Authorization: Bearer {token}"]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, timeout=DEADLINE_SECONDS - 60, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert "Traceback" not in (tmp_path / "serve.log").read_text()
        assert project.view().healthy
    finally:
        project.close()
        controller.terminate()
        controller.wait(20)
        log.close()
