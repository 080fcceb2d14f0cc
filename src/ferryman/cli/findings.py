"""What is wrong with a release that its file alone does not show: what this machine lacks."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from ferryman.model.errors import Problem
from ferryman.model.release import Release


def machine_findings(release: Release, project: Path, *, own_port: bool) -> tuple[Problem, ...]:
    """What this machine lacks: the program, copied files, variables, free ports. `own_port`: the port is this very
    service's already. Without places."""
    return (
        *_command(release, project),
        *_files(release, project),
        *_secrets(release),
        *(() if own_port else _ports(release)),
    )


def _command(release: Release, project: Path) -> Iterator[Problem]:
    if not release.command:  # it starts nothing
        return
    program, folder = release.command[0], project / release.directory
    if not folder.is_dir():
        yield _problem("run.directory", release.directory, f"{folder} is no folder", "commands run there")
        return
    found = os.access(folder / program, os.X_OK) if "/" in program else shutil.which(program) is not None
    if not found:
        there = "/" in program and (folder / program).exists()
        yield _problem(
            "run.command",
            program,
            f"`{program}` is not executable" if there else f"there is no program `{program}`",
            f"chmod +x {program}" if there else "write its path, or put it on PATH where the controller runs",
            "no_program",
        )


def _files(release: Release, project: Path) -> Iterator[Problem]:
    for name in release.files:
        if not (project / name).exists():
            yield _problem(
                "run.files", name, f"`{name}` does not exist in {project}", "correct it, or create it", "no_file"
            )


def _secrets(release: Release) -> Iterator[Problem]:
    for name in release.secrets:
        if name not in os.environ:
            message = f"the variable `{name}` is not set here"
            hint = "it must be where the controller runs; `ferry deploy` hands its own environment to the one it starts"
            yield _problem("run.secrets", name, message, hint, "secret_unset", severity="warning")


def _ports(release: Release) -> Iterator[Problem]:
    routing = release.routing
    for path, port in (("traffic.port", routing.port), ("traffic.previewPort", routing.preview_port)):
        if port is not None and not _free(routing.host, port):
            message = f"something listens on port {port} of {routing.host} already"
            yield _problem(path, str(port), message, "choose another, or end what listens there", "port_taken")


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _problem(
    path: str, value: str, message: str, hint: str, code: str = "not_here", *, severity: str = "error"
) -> Problem:
    return Problem("", 0, 0, path, value, message, hint, code, severity)
