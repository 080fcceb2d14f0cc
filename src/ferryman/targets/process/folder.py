"""Where the process target keeps things in the state folder: ``processes/records``, ``processes/generations``, ``logs``."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from ferryman.targets.process.fence import Fence
from ferryman.targets.process.logs import LogFolder
from ferryman.targets.process.records import RecordFolder
from ferryman.targets.process.settings import ProcessSettings

LABEL_CHARACTERS_MAX = 24
ID_TRIES_MAX = 200
_UNWANTED = re.compile(r"[^a-z0-9.]+")


class StateFolder:
    """`state_id` is the mark that instances carry in their environment: the digest of the folder's path, so that a copy
    of the folder elsewhere never takes the original's instances for its own."""

    def __init__(self, root: Path, settings: ProcessSettings) -> None:
        self.root = root.resolve()
        self.state_id = hashlib.sha256(str(self.root).encode(errors="surrogateescape")).hexdigest()[:16]
        self.records = RecordFolder(self.root / "processes" / "records")
        self.fence = Fence(self.root / "processes" / "generations")
        self.logs = LogFolder(self.root / "logs", settings.log_rotate_bytes, settings.logs_kept)

    def create(self) -> None:
        """Make what is missing. Raises OSError."""
        for part in (self.records, self.fence, self.logs):
            part.create()

    def new_id(self, label: str, taken: Collection[str]) -> str:
        """An id that no instance has or had as far as anything is left of it: the label, a dash, four hex digits."""
        stem = _UNWANTED.sub("-", label.lower()).strip("-.")[:LABEL_CHARACTERS_MAX].rstrip("-.") or "instance"
        known = {*taken, *self.records.ids()}
        for attempt in range(ID_TRIES_MAX):
            instance = f"{stem}-{secrets.token_hex(2 if attempt < ID_TRIES_MAX // 2 else 4)}"
            if instance not in known and not self.logs.path(instance).exists():
                return instance
        raise AssertionError(f"no free instance id for {label!r}")
