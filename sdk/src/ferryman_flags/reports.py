"""Tells the server what was counted, now and then, and keeps the disk snapshot: the second thread of a client."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ferryman_flags.counters import Counters
from ferryman_flags.evidence import Evidence
from ferryman_flags.server import Server, ServerError

REPORT_SECONDS = 10.0
BAD_NEWS_SECONDS = 2.0
"""The same, while requests with some variant fail."""
REPORTS_KEPT_MAX = 12
"""Reports that wait for a server that does not answer: two minutes, as a rule."""
ROWS_MAX = 5_000
"""Counts, and outcomes, in one report; more make several."""
FLAG_CHARACTERS_MAX = 128
VARIANT_CHARACTERS_MAX = 63
"""What a server takes. Longer names are of no flag that it could have: they are not reported."""
LATER = frozenset({0, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504})
"""Statuses after which a report is worth another try; with others the server refused this one for good."""
TICK_SECONDS = 1.0
log = logging.getLogger("ferryman_flags")


class Reports:
    """One thread that reports every 10 s, or sooner while requests fail, and calls `each_second` every second."""

    def __init__(
        self,
        server: Server,
        counters: Counters,
        evidence: Evidence,
        version: Callable[[], int | None],
        each_second: Callable[[], None],
    ) -> None:
        self._server, self._counters, self._evidence = server, counters, evidence
        self._version, self._each_second = version, each_second
        self._waiting: deque[dict[str, Any]] = deque(maxlen=REPORTS_KEPT_MAX)
        self._since = time.time()
        self._stop, self._sending = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a daemon thread."""
        self._thread = threading.Thread(target=self._run, name="ferryman-flags-reports", daemon=True)
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Report once more, and wait that long for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def restart(self) -> None:
        """In a forked process: what was counted before is the parent's to tell."""
        self._waiting.clear()
        self._since, stopped = time.time(), self._stop.is_set()
        self._stop, self._sending = threading.Event(), threading.Lock()
        if stopped:
            self._stop.set()
        else:
            self.start()

    def _run(self) -> None:
        told = time.monotonic()
        while not self._stop.wait(TICK_SECONDS):
            self._guarded(self._each_second)
            if time.monotonic() >= told + (BAD_NEWS_SECONDS if self._evidence.is_bad else REPORT_SECONDS):
                told = time.monotonic()
                self._guarded(self.flush)
        self._guarded(self._each_second)
        self._guarded(self.flush)

    @staticmethod
    def _guarded(duty: Callable[[], None]) -> None:
        try:
            duty()
        except Exception:  # the thread must live: it is the only one
            log.exception("flags: %s failed", duty)

    def flush(self) -> None:
        """Collect, and send everything that waits; what fails waits for the next time."""
        with self._sending:
            self._waiting.extend(self._collected())
            while self._waiting:
                try:
                    self._server.report(self._waiting[0])
                except ServerError as error:
                    if error.status in LATER:
                        log.debug("flags: a report has to wait: %s", error)
                        return
                    log.warning("flags: a report is lost: %s", error)
                self._waiting.popleft()

    def _collected(self) -> Iterator[dict[str, Any]]:
        """Reports of everything since the last time."""
        since, self._since = self._since, time.time()
        about = {"version": self._version(), "since": since, "until": self._since}
        counts = [
            {"flag": c.flag, "variant": c.variant, "reason": str(c.reason), "evaluations": c.evaluations}
            for c in self._counters.drain()
            if _is_name(c.flag, c.variant)
        ]
        outcomes, exposures = self._evidence.drain()
        outcomes = [row for row in outcomes if _is_name(row["flag"], row["variant"])]
        exposures = [row for row in exposures if _is_name(row["flag"], row["variant"])]
        for start in range(0, max(len(counts), len(outcomes)), ROWS_MAX):
            part = slice(start, start + ROWS_MAX)
            yield {**about, "counts": counts[part], "outcomes": outcomes[part], "exposures": [] if start else exposures}


def _is_name(flag: str, variant: str | None) -> bool:
    return 0 < len(flag) <= FLAG_CHARACTERS_MAX and len(variant or "") <= VARIANT_CHARACTERS_MAX
