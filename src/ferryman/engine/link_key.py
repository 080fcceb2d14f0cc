"""The key that signs approval links: made when it is first needed, kept in the state folder for its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from ferryman.model.errors import ControllerError

KEY_FILE = "approval-links.key"
KEY_BYTES = 32
FILE_BYTES_MAX = 200
HINT = "`ferry notify rotate-key` makes a new one, and ends every link that was sent"


class LinkKey:
    """The key in `folder`, read whenever it is needed: what is put in its place counts at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / KEY_FILE

    def get(self) -> bytes:
        """The key; made when there is none. Raises `ControllerError`: ``key_unreadable``, ``key_exposed`` when others
        than its owner may read it."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return self.rotate()
        except OSError as problem:
            raise _unreadable(self.path, f"cannot be read: {problem.strerror}") from None
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            text = os.read(descriptor, FILE_BYTES_MAX)
        except OSError as problem:
            raise _unreadable(self.path, f"cannot be read: {problem.strerror}") from None
        finally:
            os.close(descriptor)
        if mode & 0o077:
            message = f"{self.path} may be read by others (mode {mode:o}): they could approve anything"
            raise ControllerError("key_exposed", message, HINT)
        return self._parsed(text)

    def _parsed(self, text: bytes) -> bytes:
        try:
            key = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise _unreadable(self.path, "holds no key")
        return key

    def rotate(self) -> bytes:
        """A new key: every link that was sent is good no longer. Raises `ControllerError` (``key_unreadable``)."""
        key = secrets.token_bytes(KEY_BYTES)
        fresh = self.path.with_name(f".{KEY_FILE}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, f"{key.hex()}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            fresh.replace(self.path)
        except OSError as problem:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise _unreadable(self.path, f"cannot be written: {problem.strerror}") from None
        return key


def _unreadable(path: Path, why: str) -> ControllerError:
    return ControllerError("key_unreadable", f"{path} {why}", HINT)
