"""What instances wrote: rotation without their help, reading the end, and hiding secrets in what is shown."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from ferryman.targets.process.records import SAFE_ID

ROTATE_BYTES = 16 * 1024 * 1024
ROTATED_KEPT = 4
TAIL_BYTES_MAX = 1024 * 1024
LINES_MAX = 10_000
BLOCK_BYTES = 64 * 1024
CUT_BYTES = 4096
MASK = "***"
SECRET_CHARACTERS_MIN = 4
LOGS_OF_ENDED_KEPT = 100
LAST_LINES = 3
LAST_CHARACTERS_MAX = 400


class LogFolder:
    """Log files of one state folder: ``<instance>.log``, and older parts ``<instance>.log.1`` (newest) to ``.4``.
    Blocking; every method may raise OSError."""

    def __init__(self, folder: Path, rotate_bytes: int = ROTATE_BYTES, kept: int = ROTATED_KEPT) -> None:
        self.folder = folder
        self.rotate_bytes = rotate_bytes
        self.kept = kept

    def create(self) -> None:
        """Make the folder, readable by its owner only."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, instance: str) -> Path:
        """Where the instance writes."""
        return self.folder / f"{instance}.log"

    def names(self, instance: str) -> bool:
        """Whether there may be a log of that name; anything that could lead out of the folder is not a name."""
        return SAFE_ID.fullmatch(instance) is not None and self.path(instance).exists()

    def rotate(self, instance: str) -> bool:
        """Copy the log away and empty it if it has outgrown its limit; returns whether it had.

        The instance keeps its descriptor: it appends, so it goes on at the start of the emptied file. What it writes
        between the last copied byte and the cut is lost; the copy is therefore brought up to date right before.
        """
        path = self.path(instance)
        try:
            if path.stat().st_size < self.rotate_bytes:
                return False
        except FileNotFoundError:
            return False
        scratch = self._part(instance, 0)
        copy = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(copy, "wb", buffering=0) as target, path.open("rb", buffering=0) as source:
            while block := source.read(BLOCK_BYTES):
                target.write(block)
            os.truncate(path, 0)
        for number in range(self.kept - 1, -1, -1):
            with contextlib.suppress(FileNotFoundError):
                self._part(instance, number).replace(self._part(instance, number + 1))
        return True

    def tail(self, instance: str, lines: int) -> str:
        """The last `lines` lines (at most 10,000 and 1 MiB), older parts included; empty if there are none."""
        wanted = min(max(lines, 0), LINES_MAX)
        if wanted == 0:
            return ""
        data = b""
        for path in (self.path(instance), *(self._part(instance, number) for number in range(1, self.kept + 1))):
            room = TAIL_BYTES_MAX - len(data)
            if room <= 0 or data.count(b"\n", 0, max(0, len(data) - 1)) >= wanted:
                break
            data = _read_end(path, wanted, room) + data
        kept = data.splitlines(keepends=True)[-wanted:]
        return b"".join(kept).decode(errors="replace")

    def prune(self, living: Collection[str]) -> None:
        """Delete the logs of all but the living and the hundred others that wrote last."""
        ended: list[tuple[float, str]] = []
        for path in self.folder.glob("*.log"):
            if path.stem not in living:
                with contextlib.suppress(FileNotFoundError):
                    ended.append((path.stat().st_mtime, path.stem))
        for _, instance in sorted(ended, reverse=True)[LOGS_OF_ENDED_KEPT:]:
            for path in (self.path(instance), *(self._part(instance, n) for n in range(1, self.kept + 1))):
                path.unlink(missing_ok=True)

    def _part(self, instance: str, number: int) -> Path:
        return self.folder / f"{instance}.log.{number}"


def _read_end(path: Path, lines: int, bytes_max: int) -> bytes:
    """The end of a file, read backwards until it holds `lines` lines or `bytes_max` bytes."""
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return b""
    with file:
        position = file.seek(0, os.SEEK_END)
        blocks: list[bytes] = []
        size = found = 0
        while position > 0 and size < bytes_max and found <= lines:
            step = min(BLOCK_BYTES, position, bytes_max - size)
            position -= step
            file.seek(position)
            block = file.read(step)
            blocks.append(block)
            size += len(block)
            found += block.count(b"\n")
    data = b"".join(reversed(blocks))
    # What the limit cut in two is left out: half a secret would not be recognised as one.
    return data if position == 0 or found > lines else data[data.find(b"\n", 0, -1) + 1 or CUT_BYTES :]


def secret_values(names: Iterable[str], *environments: dict[str, str]) -> frozenset[str]:
    """What has to be hidden: the values of these variables in any of the environments, and each line of theirs.
    Shorter than four characters is no secret, and hiding it would blot out everything."""
    values: set[str] = set()
    for name in names:
        for environment in environments:
            value = environment.get(name, "")
            values.update(part for part in (value, *value.splitlines()) if len(part) >= SECRET_CHARACTERS_MIN)
    return frozenset(values)


def masked(text: str, secrets: Collection[str]) -> str:
    """The text with every secret replaced; longer ones first, since one may hold another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def last_words(text: str) -> str:
    """The last three lines that are not empty, in one line of at most 400 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    joined = " | ".join(lines)
    return joined if len(joined) <= LAST_CHARACTERS_MAX else "..." + joined[-LAST_CHARACTERS_MAX:]
