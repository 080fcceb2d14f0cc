"""A client of a flag server: an evaluator that starts at once with what is known, and keeps itself current."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ferryman_flags import disk
from ferryman_flags.errors import DefinitionError
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.evidence import Evidence
from ferryman_flags.reports import Reports
from ferryman_flags.server import Server
from ferryman_flags.updates import Updates

SAVE_SECONDS = 10.0
"""A snapshot is written at most so often."""
CLOSE_SECONDS = 2.0
log = logging.getLogger("ferryman_flags")
Listener = Callable[[frozenset[str]], object]
"""Told the keys of the flags that changed, in the thread that changed them; it must be quick."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where the flags of a client come from, and how old they may be."""

    source: str
    """`server`, `disk`, `bootstrap` or `none` (every evaluation gives the code default)."""
    version: int | None
    """Of the server's state."""
    is_current: bool
    """Whether the server has said, since this process began, that this is its state."""
    age_seconds: float | None
    """Since the flags were last known to be the server's; None if they never were."""
    problem: str
    """What keeps the client from the server; empty while all is well."""


class FlagClient(Evaluator):
    """Flags of a server. Making one neither waits nor raises: it begins with the disk snapshot, else with `bootstrap`.

    `url` is the server's address, `token` names the environment. `snapshot` is a file for the last known flags, of this
    process or of several. `bootstrap` are definitions that come with the application. After a fork the child goes on by
    itself.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        snapshot: str | os.PathLike[str] | None = None,
        bootstrap: str | bytes | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.evidence = Evidence()
        self._listeners: list[Listener] = []
        self._path = Path(snapshot) if snapshot else None
        self._source, self._known_at, self._problem = "none", 0.0, ""
        self._document: dict[str, Any] = {}
        self._is_dirty, self._saved = False, 0.0
        self._updates: Updates | None = None
        self._reports: Reports | None = None
        try:
            server = Server(url, token)
        except ValueError as error:
            server, self._problem = None, str(error)
            log.warning("flags: %s", error)
        self._origin = server.source if server else ""
        self._begin(bootstrap)
        if server is not None:
            self._connect(server)

    def _connect(self, server: Server) -> None:
        self._updates = Updates(server, self._replace, self._change, self._snapshot.version)
        self._reports = Reports(server, self.counters, self.evidence, self._reported_version, self._each_second)
        try:
            self._updates.start()
            self._reports.start()
        except RuntimeError as error:  # no thread can be started
            log.warning("flags stay as they are: %s", error)

    def _begin(self, bootstrap: str | bytes | Mapping[str, Any] | None) -> None:
        """What is known before the server says anything."""
        saved = disk.load(self._path, source=self._origin) if self._path else None
        try:
            if saved is not None:
                self._document = json.loads(saved.document)
                self.load(self._document, saved.version)
                self._source, self._known_at = "disk", saved.saved_at
                return
        except (DefinitionError, ValueError, RecursionError) as error:
            log.warning("flags: the snapshot %s cannot be used: %s", self._path, error)
        try:
            if bootstrap is not None:
                self.load(bootstrap)
                self._source = "bootstrap"
        except DefinitionError as error:
            log.warning("flags: the bootstrap definitions cannot be used: %s", error)

    def ready(self, timeout: float | None = None) -> bool:
        """Wait, at most so many seconds, until the flags are the server's; whether they are."""
        return self._updates is not None and self._updates.current.wait(timeout)

    def status(self) -> Status:
        """Where the flags come from."""
        updates = self._updates
        is_current = updates is not None and updates.current.is_set()
        problem = self._problem if updates is None else updates.problem
        if is_current and not problem:
            age: float | None = 0.0
        else:
            age = max(0.0, time.time() - self._known_at) if self._known_at else None
        return Status(self._source, self._snapshot.version, is_current, age, problem)

    def on_change(self, listener: Listener) -> None:
        """Call this whenever flags changed."""
        self._listeners.append(listener)

    def flush(self) -> None:
        """Tell the server now what was counted; waits for it."""
        if self._reports is not None:
            self._reports.flush()

    def close(self) -> None:
        """End the connection and report what is left, in at most some seconds. Evaluations go on working."""
        if self._updates is not None:
            self._updates.stop(CLOSE_SECONDS)
        if self._reports is not None:
            self._reports.stop(CLOSE_SECONDS)
        if self._is_dirty:
            self.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _replace(self, document: dict[str, Any], version: int) -> None:
        self._tell(self.load(document, version))
        self._document = document
        self._is_known()

    def _change(self, flags: dict[str, Any], version: int) -> None:
        self._tell(self.patch(flags, version))
        kept = {**self._document.get("flags", {}), **flags}
        flags = {key: flag for key, flag in kept.items() if flag is not None}
        self._document = {**self._document, "flags": flags, "version": version}
        self._is_known()

    def _is_known(self) -> None:
        self._source, self._known_at, self._is_dirty = "server", time.time(), True

    def _tell(self, changed: frozenset[str]) -> None:
        for listener in self._listeners:
            try:
                listener(changed)
            except Exception:
                log.exception("flags: a listener failed")

    def _reported_version(self) -> int | None:
        return self._snapshot.version

    def _each_second(self) -> None:
        """Write the snapshot if something changed and it is not too soon."""
        if self._updates is not None and self._updates.current.is_set() and not self._updates.problem:
            self._known_at = time.time()
        version = self._snapshot.version
        if self._path is None or version is None or not self._is_dirty:
            return
        if time.monotonic() - self._saved < SAVE_SECONDS and self._saved:
            return
        self._is_dirty, self._saved = False, time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the snapshot now; a failure is logged."""
        version, document = self._snapshot.version, self._document
        if self._path is None or version is None or not document:
            return
        try:
            disk.save(
                self._path,
                json.dumps(document).encode(),
                source=self._origin,
                version=int(document.get("version", version)),
                now=self._known_at,
            )
        except OSError as error:
            log.warning("flags: the snapshot %s cannot be written: %s", self._path, error)

    def after_fork(self) -> None:
        super().after_fork()
        self.evidence.restart()
        if self._updates is not None and self._reports is not None:
            self._updates.restart()
            self._reports.restart()
