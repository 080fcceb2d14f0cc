"""Counting what instances complain about: lines of their logs that speak of an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

ERROR_LINE = re.compile(rb"\b(?:error|fatal|critical|panic|traceback)\b", re.IGNORECASE)
READ_BYTES_MAX = 4 * 1024 * 1024
"""Of one instance at a time; what was written beyond it since the last look is passed over."""


class ErrorLines:
    """Reads on where it stopped. `path` tells where an instance writes. Blocking."""

    def __init__(self, path: Callable[[str], Path]) -> None:
        self._path = path
        self._read: dict[str, int] = {}
        self._lines: dict[str, int] = {}

    def skip(self, instance: str) -> None:
        """What this instance has written so far is not counted."""
        try:
            self._read.setdefault(instance, self._path(instance).stat().st_size)
        except OSError:
            self._read.setdefault(instance, 0)

    def count(self, instances: Iterable[tuple[str, str]]) -> dict[str, int]:
        """Error lines so far by revision; `instances` are (id, revision) of those that may have written since. The
        counts never fall, also when instances are gone."""
        for instance, revision in instances:
            self._lines[revision] = self._lines.get(revision, 0) + self._new(instance)
        return dict(self._lines)

    def _new(self, instance: str) -> int:
        try:
            with self._path(instance).open("rb", buffering=0) as file:
                size = file.seek(0, 2)
                begin = self._read.get(instance, 0)
                if size < begin:
                    begin = 0  # it was rotated
                file.seek(max(begin, size - READ_BYTES_MAX))
                data = file.read(READ_BYTES_MAX)
        except OSError:
            return 0
        whole = data.rfind(b"\n") + 1  # a line that is still being written is counted when it is whole
        self._read[instance] = size - (len(data) - whole)
        return sum(ERROR_LINE.search(line) is not None for line in data[:whole].splitlines())
