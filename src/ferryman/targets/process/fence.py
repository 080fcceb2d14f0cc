"""The last generation applied to each service, kept across restarts, and the lock under which it is compared."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from urllib.parse import quote

import msgspec

from ferryman.model.errors import Stale, Unreachable
from ferryman.model.generation import Generation
from ferryman.targets.files import write_whole

LOCK_SECONDS = 5.0
POLL_SECONDS = 0.02


class Held:
    """A fence that is held until `close`. `advanced` is True if the holder of the lease changed with it."""

    def __init__(self, descriptor: int, *, advanced: bool) -> None:
        self.advanced = advanced
        self._descriptor = descriptor

    def close(self) -> None:
        """Let the next writer in."""
        os.close(self._descriptor)


class Fence:
    """One lock file and one JSON file per service in `folder`. Blocking: call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        """Make the folder. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def is_free(self, service: str) -> bool:
        """Whether nobody was at work on `service` at this moment."""
        descriptor = os.open(self._path(service, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def acquire(self, service: str, generation: Generation) -> Held:
        """Take the lock of `service` and record `generation` as applied. Raises `Stale` if a newer one was applied,
        `Unreachable` if another writer keeps the lock for five seconds, OSError if it cannot be recorded."""
        descriptor = os.open(self._path(service, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(descriptor, service)
            path = self._path(service, "json")
            last = _read(path)
            if last is not None and generation < last:
                raise Stale(
                    "stale_generation",
                    f"generation {generation} of service {service} is older than {last}, which was applied already",
                    "another controller has taken over; this one must read the state again",
                )
            if generation != last:
                write_whole(path, msgspec.json.encode(generation), durable=True)
            return Held(descriptor, advanced=last is None or generation.fence != last.fence)
        except BaseException:
            os.close(descriptor)
            raise

    def _path(self, service: str, suffix: str) -> Path:
        return self.folder / f"{quote(service, safe='').replace('.', '%2E')}.{suffix}"

    @staticmethod
    def _lock(descriptor: int, service: str) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() >= deadline:
                raise Unreachable(
                    "fence_held",
                    f"another writer has held the instances of service {service} for {LOCK_SECONDS:g} s",
                    "look for a second controller on the same state folder",
                )
            time.sleep(POLL_SECONDS)


def _read(path: Path) -> Generation | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Generation)
    except FileNotFoundError:
        return None
