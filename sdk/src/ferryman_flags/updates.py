"""Keeps an evaluator current: the stream of the server, or, where there is none, asking again and again."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from ferryman_flags.errors import DefinitionError
from ferryman_flags.events import Event, EventReader
from ferryman_flags.server import Server, ServerError
from ferryman_flags.values import is_list

RETRY_FIRST_SECONDS = 0.25
RETRY_MAX_SECONDS = 30.0
STEADY_SECONDS = 5.0
"""A stream that lasts so long is a good one: after it, trying again begins with the short pause."""

POLL_SECONDS = 15.0
POLLS_PER_STREAM_TRY = 20
NO_STREAM = frozenset({404, 405, 406, 501})
log = logging.getLogger("ferryman_flags")

Load = Callable[[dict[str, Any], int], None]
"""Takes a whole document and its version; raises `DefinitionError`."""
Patch = Callable[[dict[str, Any], int], None]
"""Takes flags to set, or with None to forget, and the version after it."""
Act = Callable[[dict[str, Any], int], None]
"""What an event does, with its data and version."""


class Updates:
    """One thread that feeds what the server says to `load` and `patch`, older versions left out.

    `version` is the newest state taken over so far: of a disk snapshot, for the start.
    """

    def __init__(self, server: Server, load: Load, patch: Patch, version: int | None = None) -> None:
        self._server, self._load, self._patch = server, load, patch
        self.version = version
        self.current = threading.Event()
        """Set once the server has said what is, in this process."""
        self.problem = ""
        """What the last attempt failed with; empty while all is well."""
        self._stop = threading.Event()
        self._polls_left = 0
        self._etag: str | None = None
        self._failures = 0
        self._thread: threading.Thread | None = None
        self._acts: dict[str, Act] = {
            "put": self._put,
            "patch": lambda data, version: self._changed(dict(data["flags"].items()), version),
            "delete": lambda data, version: self._changed(_gone(data["keys"]), version),
            "current": self._is_current,
        }

    def start(self) -> None:
        """Begin, in a daemon thread."""
        self._thread = threading.Thread(target=self._run, name="ferryman-flags-updates", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """End, and wait that long for the thread."""
        self._stop.set()
        self._server.hang_up()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def restart(self) -> None:
        """In a forked process, which has no threads: begin anew, from the version that is known."""
        self._server.forget()
        self.current, stopped = threading.Event(), self._stop.is_set()
        self._stop = threading.Event()
        if stopped:
            self._stop.set()
        else:
            self.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                delay = self._poll() if self._polls_left else self._follow()
                self.problem = ""
            except ServerError as error:
                delay = self._failed(error)
            except Exception as error:  # the thread must live: it is the only one
                log.exception("flags: the update failed")
                delay = self._failed(ServerError(type(error).__name__))
            self._stop.wait(delay)

    def _failed(self, error: ServerError) -> float:
        """Seconds to wait after a failure: twice as long each time, a random part of up to a half less."""
        if error.status in NO_STREAM and not self._polls_left:
            self._polls_left = POLLS_PER_STREAM_TRY
            return 0.0
        if not self._stop.is_set() and str(error) != self.problem:
            log.warning("flags stay as they are: %s", error)
        self.problem = str(error)
        self._failures += 1
        doubled = RETRY_FIRST_SECONDS * 2 ** min(self._failures - 1, 20)
        return min(doubled, RETRY_MAX_SECONDS) * random.uniform(0.5, 1)

    def _follow(self) -> float:
        """Read the stream to its end."""
        reader, began = EventReader(), time.monotonic()
        for piece in self._server.stream(self.version):
            self.problem = ""
            if time.monotonic() - began > STEADY_SECONDS:
                self._failures = 0
            for event in reader.feed(piece):
                self._take(event)
            if self._stop.is_set():
                return 0.0
        raise ServerError("the stream of flags ended")

    def _take(self, event: Event) -> None:
        """Act on an event; unknown ones are passed over. One that cannot be used changes nothing and costs the connection:
        what is asked for anew may be right."""
        act = self._acts.get(event.name)
        if act is None:
            return
        try:
            data = json.loads(event.data)
            act(data, int(data["version"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ServerError(f"the stream of flags sent a {event.name!r} that cannot be used: {error!r}") from None

    def _put(self, data: dict[str, Any], version: int) -> None:
        if self.version is None or version > self.version:
            self._load(data, version)
            self.version = version
        elif version < self.version:
            log.warning("flags stay at version %d: the server sent the older version %d", self.version, version)
        self.current.set()

    def _is_current(self, data: dict[str, Any], version: int) -> None:
        if version == self.version:
            self.current.set()

    def _changed(self, flags: dict[str, Any], version: int) -> None:
        if self.version is None:
            raise ServerError("the stream of flags began with a change")
        if version > self.version:
            self._patch(flags, version)
            self.version = version

    def _poll(self) -> float:
        self._polls_left -= 1
        found = self._server.definitions(self._etag)
        self._failures = 0
        if found is not None:
            body, etag = found
            try:
                data = json.loads(body)
                self._put(data, int(data["version"]))
            except (DefinitionError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise ServerError(f"the flag server sent what cannot be used: {error}") from None
            self._etag = etag or None
        self.current.set()
        return POLL_SECONDS * random.uniform(0.5, 1)


def _gone(keys: Any) -> dict[str, None]:
    if not is_list(keys):
        raise TypeError("keys must be a list")
    return dict.fromkeys(map(str, keys))
