"""The last known flags on disk, so that a process starts with them when the server is down.

A file of two lines: a JSON object about the rest (form, SHA-256, where it came from, version, when) and the flags. It is
written beside its place and renamed into it, and only its owner can read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

FORM = 1
HEAD_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Saved:
    """What was on disk."""

    document: bytes
    version: int
    saved_at: float
    """Unix seconds."""


def save(path: Path, document: bytes, *, source: str, version: int, now: float) -> None:
    """Replace the file. Raises `OSError`; then the old one is still there."""
    about = {"form": FORM, "sha256": _digest(document), "source": source, "version": version, "saved_at": now}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # readable for its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(about).encode() + b"\n" + document)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def load(path: Path, *, source: str) -> Saved | None:
    """What is on disk from this source; None if there is no file, it is damaged, or it came from elsewhere."""
    try:
        with path.open("rb") as file:
            about = json.loads(file.readline(HEAD_BYTES_MAX))
            document = file.read()
        whole = about["form"] == FORM and about["sha256"] == _digest(document) and about["source"] == source
        return Saved(document, int(about["version"]), float(about["saved_at"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()
