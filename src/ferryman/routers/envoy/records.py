"""What must outlive the controller: per service the fence and the acknowledged table, and the locks over them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from ferryman.model.errors import Unreachable
from ferryman.model.generation import Generation
from ferryman.model.world import RouteTable
from ferryman.routers.envoy.files import replace

LOCK_LIMIT_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.005


class Record(msgspec.Struct, frozen=True):
    """`generation` is the newest that ever asked: nothing older is taken. `table` is the acknowledged one and
    `acked_generation` its generation. `settled` False: a change began whose end was not seen."""

    generation: Generation | None = None
    acked_generation: Generation | None = None
    table: RouteTable | None = None
    settled: bool = True


class Records:
    """One JSON file a service in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, service: str) -> Record:
        """The record, or an empty one when there is none. One that cannot be read counts as none: the next `apply`
        writes it anew, and the store's lease still keeps an older writer out."""
        try:
            return msgspec.json.decode(self._path(service).read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Record()

    def save(self, service: str, record: Record) -> None:
        """Replace the record. Raises `AdapterError`. It is not flushed to disk: a power cut ends Envoy and its writers too,
        and the fences of leases, which the store does flush, go on growing."""
        replace(self._path(service), msgspec.json.encode(record), durable=False)

    def services(self) -> list[str]:
        """Every service with a table, sorted."""
        found = sorted(path.stem for path in self.folder.glob("*.json"))
        return [name for name in found if self.load(name).table is not None]

    @contextlib.asynccontextmanager
    async def lock(self, name: str) -> AsyncGenerator[None]:
        """Keep other processes out. Raises `Unreachable` (code ``routes_busy``) after 5 seconds."""
        with exclusive(self.folder / f"{name}.lock") as take:
            waited = 0.0
            while not take():
                if waited >= LOCK_LIMIT_SECONDS:
                    raise Unreachable(
                        "routes_busy",
                        f"another process has been writing the routes of {name} for {LOCK_LIMIT_SECONDS:g} s",
                        "look for a second controller on this state folder",
                    )
                await asyncio.sleep(LOCK_POLL_SECONDS)
                waited += LOCK_POLL_SECONDS
            yield

    def _path(self, service: str) -> Path:
        return self.folder / f"{service}.json"


class exclusive(contextlib.AbstractContextManager["exclusive"]):  # noqa: N801 - reads as a word where it is used
    """An advisory lock on a file; calling it tries to take the lock and says whether it is held now."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def __call__(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
