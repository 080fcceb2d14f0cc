"""Starting one instance as a detached process. What is started is put together by pure functions."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ferryman.model.revision import Revision, Run
from ferryman.targets.process import procfs

HOST = "127.0.0.1"
STATE_VARIABLE = "FERRYMAN_STATE"
INSTANCE_VARIABLE = "FERRYMAN_INSTANCE"
SERVICE_VARIABLE = "FERRYMAN_SERVICE"
PORT_PLACEHOLDER = "{port}"


class StartError(Exception):
    """An instance that cannot be started; the text says why and never holds a secret."""


class Spawned(msgspec.Struct, frozen=True):
    """A process that was started: what names it for good, and an open descriptor of it."""

    pid: int
    start_ticks: int
    descriptor: int


def needs_port(revision: Revision) -> bool:
    """Whether its instances listen: for traffic, or only to be asked for their health."""
    health = revision.health
    named = any(PORT_PLACEHOLDER in argument for argument in revision.run.command)
    return revision.traffic or health.tcp or health.http_path is not None or named


def build_command(run: Run, port: int | None) -> list[str]:
    """The arguments, with ``{port}`` replaced. Raises `StartError` if there are none."""
    if not run.command:
        raise StartError("the command is empty")
    if port is None:
        return list(run.command)
    return [argument.replace(PORT_PLACEHOLDER, str(port)) for argument in run.command]


def build_environment(
    base: Mapping[str, str], revision: Revision, *, service: str, instance: str, port: int | None, state_id: str
) -> dict[str, str]:
    """The environment of one instance: the controller's own (`base`) without what is Ferryman's in it, then the
    release's, then what Ferryman tells. Raises `StartError` naming every secret that `base` lacks."""
    missing = [name for name in revision.run.secrets if name not in base]
    if missing:
        raise StartError(f"secret {', '.join(missing)} is not set in the environment of the controller")
    environment = {name: value for name, value in base.items() if not _is_ours(name)}
    environment.setdefault("PYTHONUNBUFFERED", "1")  # else the last words of a Python program die in its buffer
    environment.update(revision.run.env)
    environment.update({name: base[name] for name in revision.run.secrets})
    environment["FERRYMAN_REVISION"] = revision.label
    environment["FERRYMAN_REVISION_ID"] = revision.id
    environment[SERVICE_VARIABLE] = service
    environment[INSTANCE_VARIABLE] = instance
    environment[STATE_VARIABLE] = state_id
    if port is not None:
        environment["HOST"] = HOST
        environment["PORT"] = str(port)
    return environment


def _is_ours(name: str) -> bool:
    # FERRYMAN_TEST_ marks what a test started, so that the test can end it; a controller's own PORT is not the app's.
    return name == "PORT" or (name.startswith("FERRYMAN_") and not name.startswith("FERRYMAN_TEST_"))


def working_directory(run: Run, state_folder: Path) -> Path:
    """Where the command runs: the copied files if there are some, else the directory itself."""
    return Path(run.directory) if run.artifact is None else state_folder / "artifacts" / run.artifact


def spawn(command: list[str], directory: Path, environment: Mapping[str, str], log: Path) -> Spawned:
    """Start the command in a session of its own, so that neither a terminal nor our end reaches it: stdin is empty,
    output is appended to the file `log`. Blocking for some milliseconds. Raises `StartError`."""
    if not directory.is_dir():
        raise StartError(f"the working directory {directory} does not exist")
    try:
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"cannot write the log {log}: {error.strerror}") from error
    try:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise StartError(_why(command[0], error)) from error
    finally:
        os.close(output)
    # From here its descriptor tells how it ends. Popen believes that it has ended, so it neither waits nor warns.
    process.returncode = 0
    descriptor = os.pidfd_open(process.pid)
    here = procfs.stat(process.pid)
    assert here is not None, "a child that nobody has waited for is there, be it as a zombie"
    return Spawned(pid=process.pid, start_ticks=here.start_ticks, descriptor=descriptor)


def _why(program: str, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return f"cannot run {program!r}: {error}"
    if error.errno == errno.ENOENT:
        return f"command not found: {program!r}"
    if error.errno == errno.EACCES:
        return f"not allowed to run {program!r}: is it executable?"
    return f"cannot run {program!r}: {error.strerror}"
