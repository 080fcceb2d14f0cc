"""A controller that others reach: tokens before it starts, TLS, commands from elsewhere, and a log that was changed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certificates import make_certificate
from project import ROLLING, SERVICE, Project, door

pytestmark = [pytest.mark.real, pytest.mark.deadline(180)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop", replicas=1) as made:
        yield made


def ferry(project: Project, *words: str, **env: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", *words],
        cwd=project.folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=90, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_controller_is_reached_from_elsewhere_and_every_deed_is_in_the_audit(
    project: Project, tmp_path: Path
) -> None:
    port = door()
    tls = make_certificate(project.folder)
    settings = f"listen: 0.0.0.0:{port}\ntls: {{cert: {tls.cert}, key: {tls.key}}}\n"
    (project.folder / "ferry.yaml").write_text(settings, encoding="utf-8")
    (project.folder / "ferryman.yaml").write_text(project.document("v1", ROLLING), encoding="utf-8")

    code, _, said = ferry(project, "deploy")
    assert code != 0
    assert "no way to tell who asks" in said

    code, token, _ = ferry(project, "token", "create", "--name", "ana", "--role", "admin")
    assert code == 0
    code, out, said = ferry(project, "deploy")
    assert code == 0, (out, said)

    there = {
        "FERRY_URL": f"https://127.0.0.1:{port}",
        "FERRY_CA_FILE": str(project.folder / tls.cert),
        "FERRY_TOKEN": token.strip(),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    code, out, said = ferry(project, "restart", SERVICE, "--reason", "from afar", "--actor", "bob", **there)
    assert code == 0, (out, said)
    code, out, said = ferry(project, "token", "create", "--name", "vera", "--role", "viewer", "--json", **there)
    assert code == 0, (out, said)
    vera = there | {"FERRY_TOKEN": json.loads(out)["token"]}
    assert ferry(project, "list", **vera)[0] == 0
    code, _, said = ferry(project, "restart", SERVICE, **vera)
    assert code == 2
    assert "vera is viewer for service 'shop'; this needs operator" in said
    code, _, said = ferry(project, "list", **(there | {"FERRY_TOKEN": ""}))
    assert (code, "needs a token" in said) == (2, True)

    deeds = lines(ferry(project, "audit", "--json", **there)[1])
    assert [(d["actor"], d["reason"]) for d in deeds if d["kind"] == "restart_ordered"] == [("ana", "from afar")]
    assert [d["text"].split()[-4] for d in deeds if d["kind"] == "token_created"] == ["admin", "viewer"]
    assert ferry(project, "audit", "--verify")[0] == 0

    project.stop_controller()
    assert ferry(project, "audit", "--verify")[0] == 0, "from the file alone"
    with sqlite3.connect(project.state / "state.db") as log:
        log.execute("UPDATE entry SET actor = 'nobody' WHERE kind = 'token_created' AND seq > 1")
    log.close()
    code, out, _ = ferry(project, "audit", "--verify")
    assert code == 1
    assert "does not match its hash" in out
