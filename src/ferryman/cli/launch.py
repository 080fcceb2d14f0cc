"""Starting a controller for a project when none runs: detached, with a log, and told about when it is ready."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ferryman.api.place import LOG_FILE, ControllerRecord, make_state_folder
from ferryman.api.problems import ProblemDocument, to_error
from ferryman.cli.client import Client, find_local
from ferryman.cli.interrupts import uninterrupted
from ferryman.model.errors import ControllerError

START_SECONDS = 60.0
"""The first start on a machine reads a large program for the router from disk."""

WINNER_SECONDS = 15.0
END_SECONDS = 15.0
POLL_SECONDS = 0.3
WORD_BYTES_MAX = 64 * 1024
LOG_LINES_SHOWN = 8

Announce = Callable[[str], None]


class Word(msgspec.Struct, frozen=True):
    """What a starting controller tells the command that started it: one of the two."""

    ready: ControllerRecord | None = None
    problem: ProblemDocument | None = None


class Starting:
    """A controller that was started and has not yet answered; `stop` ends it by its own process id."""

    def __init__(self, project: Path, listen: str | None = None) -> None:
        self.log = make_state_folder(project) / LOG_FILE
        self._reader, writer = os.pipe()
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        command = [sys.executable, "-m", "ferryman", "--project", str(project), "serve", "--ready-fd", str(writer)]
        command += ["--listen", listen] if listen is not None else []
        try:
            self.process = subprocess.Popen(
                command,
                cwd=project,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                pass_fds=(writer,),
            )
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
            os.close(descriptor)

    def wait(self, seconds: float) -> ControllerRecord:
        """The record of the ready controller. Raises the error it ended with, or `ControllerError`
        (``controller_start``) when it says nothing in time or dies silently."""
        deadline = time.monotonic() + seconds
        said = b""
        while b"\n" not in said and len(said) < WORD_BYTES_MAX:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._reader], [], [], max(0.0, left))
            if not readable:
                self.stop()
                raise self._failed(f"the controller was not ready within {seconds:g} s and was ended")
            part = os.read(self._reader, WORD_BYTES_MAX)
            if not part:
                break
            said += part
        try:
            word = msgspec.json.decode(said, type=Word)
        except msgspec.DecodeError:
            word = Word()
        if word.problem is not None:
            raise to_error(word.problem)
        if word.ready is None:
            raise self._failed("the controller ended while it started")
        return word.ready

    def stop(self) -> None:
        """End it, if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_SECONDS)
        if self.process.poll() is None:
            self.process.kill()

    def close(self) -> None:
        """Listen no more; it lives on."""
        os.close(self._reader)

    def _failed(self, message: str) -> ControllerError:
        tail = "\n    ".join(_tail(self.log))
        return ControllerError("controller_start", message, f"the end of its log {self.log}:\n    {tail}")


def _tail(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    except OSError:
        return []


class Started:
    """A client, and what was started for it, if anything was."""

    def __init__(self, client: Client, starting: Starting | None) -> None:
        self.client = client
        self.starting = starting

    def take_back(self) -> bool:
        """End the controller if it was started here and still runs; True when one was ended."""
        if self.starting is None or self.starting.process.poll() is not None:
            return False
        self.starting.stop()
        return True


def ensure_controller(
    project: Path,
    *,
    announce: Announce,
    seconds: float = START_SECONDS,
    begun: list[Starting] | None = None,
    listen: str | None = None,
) -> Started:
    """A client of the controller of `project`, started detached if none runs; then `announce` is told.

    If another command starts one at the same time, the one that gets the state folder is used. Interrupted while it
    waits, it ends what it started; what it started it puts into `begun` at once, so that the caller can end it later.
    Raises `ControllerError`, or what the new controller failed with.
    """
    deadline = time.monotonic() + WINNER_SECONDS
    while True:
        client = find_local(project)
        if client is not None:
            return Started(client, None)
        try:
            return _start(project, announce, seconds, begun, listen)
        except ControllerError as problem:
            # Another one holds the folder: it is about to be ready, or about to end.
            if problem.code != "state_held" or time.monotonic() >= deadline:
                raise
        time.sleep(POLL_SECONDS)


def _start(
    project: Path, announce: Announce, seconds: float, begun: list[Starting] | None, listen: str | None
) -> Started:
    announce(f"starting a controller for {project} ...")
    with uninterrupted():
        starting = Starting(project, listen)
        if begun is not None:
            begun.append(starting)
    try:
        record = starting.wait(seconds)
    except BaseException:
        starting.stop()
        raise
    finally:
        starting.close()
    announce(f"started a controller for {project} (pid {record.pid}), log {starting.log}")
    return Started(Client(Path(record.socket)), starting)
