"""What is remembered of an instance, so that a controller that comes back finds it again: one JSON file each."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ferryman.model.revision import Health
from ferryman.targets.files import write_whole

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Record(msgspec.Struct, frozen=True):
    """One instance, from before its process exists until it is forgotten. Times are epoch seconds.

    `pid` and `start_ticks` (clock ticks after boot) name the process for as long as `boot_id` is the machine's; None
    until the process was started. `secrets` are names, never values. `ended_at` None: it lives, or is being started;
    then `failed` tells an unasked end from an asked one.
    """

    id: str
    service: str
    revision: str
    label: str
    owner: str
    generation: str
    boot_id: str
    started_at: float
    stop_seconds: float
    health: Health
    port: int | None = None
    secrets: tuple[str, ...] = ()
    pid: int | None = None
    start_ticks: int | None = None
    ready_at: float | None = None
    drained_at: float | None = None
    stop_asked_at: float | None = None
    term_sent: bool = False
    ended_at: float | None = None
    failed: bool = False
    reason: str = ""


class RecordFolder:
    """The records of one state folder. Every method may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._decoder = msgspec.json.Decoder(Record)

    def create(self) -> None:
        """Make the folder, readable by its owner only."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def save(self, record: Record, *, durable: bool = False) -> None:
        """Write one record whole; see `write_whole` for `durable`."""
        write_whole(self._path(record.id), msgspec.json.encode(record), durable=durable)

    def load(self, instance: str) -> Record | None:
        """One record, or None if there is none or it cannot be read as one."""
        try:
            return self._decoder.decode(self._path(instance).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def ids(self) -> list[str]:
        """The ids of all records, readable or not."""
        return sorted(path.stem for path in self.folder.glob("*.json") if SAFE_ID.fullmatch(path.stem))

    def delete(self, instance: str) -> None:
        """Forget one record. Idempotent."""
        self._path(instance).unlink(missing_ok=True)

    def _path(self, instance: str) -> Path:
        assert SAFE_ID.fullmatch(instance), instance
        return self.folder / f"{instance}.json"
