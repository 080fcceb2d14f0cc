"""The running counters of a load client, bounded in memory however long it runs."""

from __future__ import annotations

from collections import deque

from ferryman.demo.load_report import (
    BUCKET_COUNT,
    NO_VERSION,
    OTHER_VERSIONS,
    FailureExample,
    LoadSnapshot,
    VersionCounts,
    bucket_of,
)

MAX_VERSIONS = 64
MAX_MOVES = 256
FIRST_EXAMPLES = 10
RECENT_EXAMPLES = 40
MAX_TEXT_LENGTH = 240


class _Version:
    __slots__ = ("app_errors", "first_seen", "last_seen", "latency", "refusals", "requests")

    def __init__(self, now: float) -> None:
        self.requests = 0
        self.app_errors = 0
        self.refusals = 0
        self.first_seen = now
        self.last_seen = now
        self.latency = [0] * BUCKET_COUNT


class LoadCounts:
    """Counts answers and failures; times are seconds since the epoch, latencies in ms."""

    def __init__(self, started_epoch_seconds: float) -> None:
        self.started_epoch_seconds = started_epoch_seconds
        self.requests = 0
        self.client_failures = 0
        self.retried = 0
        self.skipped = 0
        self.moved_back = 0
        self._moves: dict[str, int] = {}
        self.connections_opened = 0
        self._kinds: dict[str, int] = {}
        self._versions: dict[str, _Version] = {}
        self._first: list[FailureExample] = []
        self._recent: deque[FailureExample] = deque(maxlen=RECENT_EXAMPLES)

    def answered(self, version: str, status: int, latency_ms: float, now: float) -> None:
        """One complete answer that is no client failure; an empty ``version`` is one without."""
        entry = self._versions.get(version or NO_VERSION) or self._new_version(version or NO_VERSION, now)
        self.requests += 1
        entry.requests += 1
        entry.last_seen = now
        entry.latency[bucket_of(latency_ms)] += 1
        if status >= 500:
            entry.app_errors += 1
        elif status >= 400:
            entry.refusals += 1

    def failed(self, kind: str, text: str, now: float) -> None:
        """One client failure of a kind of ``FAILURE_KINDS``."""
        self.requests += 1
        self.client_failures += 1
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        example = FailureExample(now, kind, text[:MAX_TEXT_LENGTH])
        if len(self._first) < FIRST_EXAMPLES:
            self._first.append(example)
        else:
            self._recent.append(example)

    def moved(self, before: str | None, version: str, *, back: bool) -> None:
        """One virtual user has met ``version`` after ``before``; ``back`` if it had left that version earlier."""
        if before is None or before == version:
            return
        self.moved_back += back
        move = f"{before}>{version}"
        if move in self._moves or len(self._moves) < MAX_MOVES:
            self._moves[move] = self._moves.get(move, 0) + 1

    def snapshot(self, now: float, *, in_flight: int, connections_open: int) -> LoadSnapshot:
        """A copy of all counters."""
        return LoadSnapshot(
            at_epoch_seconds=now,
            started_epoch_seconds=self.started_epoch_seconds,
            requests=self.requests,
            client_failures=self.client_failures,
            retried=self.retried,
            connections_opened=self.connections_opened,
            connections_open=connections_open,
            in_flight=in_flight,
            skipped=self.skipped,
            moved_back=self.moved_back,
            moves=dict(self._moves),
            failures_by_kind=dict(self._kinds),
            versions={
                name: VersionCounts(
                    requests=entry.requests,
                    app_errors=entry.app_errors,
                    refusals=entry.refusals,
                    first_seen_epoch_seconds=entry.first_seen,
                    last_seen_epoch_seconds=entry.last_seen,
                    latency={index: count for index, count in enumerate(entry.latency) if count},
                )
                for name, entry in self._versions.items()
            },
            examples=(*self._first, *self._recent),
        )

    def _new_version(self, name: str, now: float) -> _Version:
        if len(self._versions) >= MAX_VERSIONS:
            name = OTHER_VERSIONS
        return self._versions.setdefault(name, _Version(now))
