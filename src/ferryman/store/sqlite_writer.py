"""One thread writes: what many tasks ask for at once becomes one transaction and one wait for the disk (group commit).

While the disk is busy with a group, the next one gathers; nothing is delayed on purpose. A job looks before it writes
and raises a `FerrymanError` only when it wrote nothing, so that its refusal concerns nobody else in the group.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ferryman.model.errors import FerrymanError
from ferryman.store.errors import closed
from ferryman.store.sqlite_errors import keeps_connection, may_be_one_write, moved, translated
from ferryman.store.sqlite_schema import connect_writer, migrate

GROUP_JOBS_MAX = 512
"""Jobs in one transaction."""

GROUP_BYTES_MAX = 8 * 1024 * 1024
"""A transaction that reached this size takes no further job."""


class Job(NamedTuple):
    """Something to do within a transaction. `token` is what its outcome is delivered with."""

    run: Callable[[sqlite3.Connection], Any]
    size_bytes: int
    token: Any


class Outcome(NamedTuple):
    """What became of a job, known only once the disk has it: `error` None means done."""

    token: Any
    value: Any
    error: Exception | None


class Writer:
    """Owns the writing connection and its thread. `deliver` is called in that thread, once per group."""

    def __init__(self, path: Path, deliver: Callable[[list[Outcome]], None]) -> None:
        self._path = path
        self._deliver = deliver
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._work, name="ferryman-store-writer", daemon=True)

    def start(self) -> None:
        """Open the file, bring its schema up to date and begin. Raises sqlite3.Error, OSError, `StoreError`."""
        self._connection = connect_writer(self._path)
        try:
            migrate(self._connection, self._path)
            self._file = self._identity()
        except BaseException:
            self._drop_connection()
            raise
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a job in the queue; its outcome is delivered later. Thread-safe; not after `stop`."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what was submitted, then end. Blocks."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            going, group = self._next_group()
            if group:
                self._deliver(self._commit(group))
        self._drop_connection()
        self._refuse_the_rest()

    def _next_group(self) -> tuple[bool, list[Job]]:
        """Wait for one job and take all that wait behind it. False: it is time to end."""
        job = self._jobs.get()
        group: list[Job] = []
        size_bytes = 0
        while job is not None:
            group.append(job)
            size_bytes += job.size_bytes
            if len(group) >= GROUP_JOBS_MAX or size_bytes >= GROUP_BYTES_MAX:
                return True, group
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return True, group
        return False, group

    def _commit(self, group: list[Job]) -> list[Outcome]:
        """Run a group in one transaction. When that fails for what may lie in one job, each is tried alone."""
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [_attempt(connection, job) for job in group]
            connection.execute("COMMIT")
            return outcomes
        except Exception as error:  # noqa: BLE001 - whatever it is, the tasks that wait must hear of it
            self._roll_back(error)
            if len(group) > 1 and may_be_one_write(error):
                return [outcome for job in group for outcome in self._commit([job])]
            told = translated(error, self._path)
            return [Outcome(job.token, None, told) for job in group]

    def _connected(self) -> sqlite3.Connection:
        if self._identity() != self._file:
            raise moved(self._path)
        if self._connection is None:
            self._connection = connect_writer(self._path)
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        """Which file the path names now."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _roll_back(self, error: Exception) -> None:
        if self._connection is None:
            return
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._drop_connection()
        if not keeps_connection(error):
            self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _refuse_the_rest(self) -> None:
        """Answer what was submitted too late, so that nobody waits for ever."""
        late: list[Outcome] = []
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    late.append(Outcome(job.token, None, closed(self._path)))
        if late:
            self._deliver(late)


def _attempt(connection: sqlite3.Connection, job: Job) -> Outcome:
    try:
        return Outcome(job.token, job.run(connection), None)
    except FerrymanError as error:
        return Outcome(job.token, None, error)
