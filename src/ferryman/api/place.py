"""Where a controller is found: its record and its socket in the state folder of the project."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec

from ferryman.model.errors import ControllerError

STATE_FOLDER = ".ferryman"
RECORD_FILE = "controller.json"
SOCKET_FILE = "controller.sock"
LOG_FILE = "serve.log"

SOCKET_PATH_BYTES_MAX = 99
"""The kernel takes 107; some room is left for systems that take less."""


class FlagdPlaces(msgspec.Struct, frozen=True):
    """Where clients of flagd are answered: `ADDRESS:PORT`, "" for not at all."""

    evaluation: str = ""
    sync: str = ""


class ControllerRecord(msgspec.Struct, frozen=True):
    """Who serves a project now. `url` is where it can be read over TCP as well, or None."""

    pid: int
    started_at: float
    socket: str
    url: str | None
    version: str
    project: str
    flagd: FlagdPlaces = FlagdPlaces()


def state_folder(project: Path) -> Path:
    """Where the controller of `project` keeps everything."""
    return project / STATE_FOLDER


def make_state_folder(project: Path) -> Path:
    """The same, made for this user alone when it is not there. Raises `ControllerError` (``state_read_only``)."""
    folder = state_folder(project)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise _read_only(folder, problem) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _read_only(folder, None)
    return folder


def _read_only(folder: Path, problem: OSError | None) -> ControllerError:
    why = problem.strerror if problem else "Permission denied"
    return ControllerError(
        "state_read_only",
        f"the state folder {folder} cannot be written: {why}",
        "make it writable, or choose a project folder of your own by --project",
    )


def socket_path(folder: Path) -> Path:
    """The socket in the state folder; where that path is too long for a socket, in a short folder of this user's own
    among the temporary files. Raises `ControllerError` (``socket_folder``) when somebody else owns that folder."""
    direct = folder / SOCKET_FILE
    if len(os.fsencode(direct)) <= SOCKET_PATH_BYTES_MAX:
        return direct
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"ferryman-{os.getuid()}-{digest}"
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ControllerError(
            "socket_folder",
            f"{private} is not a private folder of this user",
            "remove it, or set TMPDIR to another one",
        )
    return private / "c.sock"


def read_record(folder: Path) -> ControllerRecord | None:
    """The record in the state folder; None when there is none or it is damaged."""
    try:
        return msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=ControllerRecord)
    except (OSError, msgspec.DecodeError):
        return None


def write_record(folder: Path, record: ControllerRecord) -> None:
    """Put the record in place whole, readable by this user alone."""
    new = folder / f"{RECORD_FILE}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
    new.replace(folder / RECORD_FILE)


def remove_record(folder: Path, pid: int) -> None:
    """Remove the record if it is the one of `pid`."""
    record = read_record(folder)
    if record is not None and record.pid == pid:
        (folder / RECORD_FILE).unlink(missing_ok=True)
