"""What the load client counted: snapshots at an instant, and the report of what happened between two of them.

A *client failure* is one that no version of the service is to blame for in its own words: no connection, a connection
that broke before the answer was complete, no answer in time, or an error status without a version in its header, so
one that the way to the service answered. An *app error* is a 5xx that names its version. The two never mix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

FAILURE_KINDS = ("connect", "reset", "timeout", "status", "protocol")
"""No connection; broken before the answer was complete; too late; error status without version; no HTTP."""

NO_VERSION = "(none)"
OTHER_VERSIONS = "(other)"

BUCKET_FLOOR_MS = 0.05
BUCKETS_PER_DOUBLING = 8
BUCKET_COUNT = 176
"""Latency buckets: factor 2^(1/8) = 1.09 from 0.05 ms to 3.5 minutes, so a percentile is off by 4.5 % at most."""


def bucket_of(latency_ms: float) -> int:
    """The index of the log bucket that holds this latency."""
    if latency_ms <= BUCKET_FLOOR_MS:
        return 0
    return min(BUCKET_COUNT - 1, 1 + int(math.log2(latency_ms / BUCKET_FLOOR_MS) * BUCKETS_PER_DOUBLING))


def percentile_ms(counts: Mapping[int, int], percent: float) -> float | None:
    """The latency that ``percent`` (0 to 100) of the samples do not exceed, in ms; None without samples.

    Nearest rank, then interpolated on the logarithm within the bucket.
    """
    total = sum(counts.values())
    if not total:
        return None
    rank = max(1, math.ceil(total * percent / 100))
    below = 0
    for index in sorted(counts):
        count = counts[index]
        if count and below + count >= rank:
            inside = (rank - below - 0.5) / count
            return round(BUCKET_FLOOR_MS * 2 ** ((max(0, index - 1) + inside) / BUCKETS_PER_DOUBLING), 3)
        below += count
    return None


@dataclass(frozen=True, slots=True)
class FailureExample:
    """One client failure: when (seconds since the epoch), which kind, and what was seen."""

    at_epoch_seconds: float
    kind: str
    text: str

    def to_dict(self) -> dict[str, object]:
        """A JSON object."""
        return {"at_epoch_seconds": round(self.at_epoch_seconds, 3), "kind": self.kind, "text": self.text}


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """Answers that named one version, since the start. ``latency`` maps bucket to count."""

    requests: int
    app_errors: int
    refusals: int
    first_seen_epoch_seconds: float
    last_seen_epoch_seconds: float
    latency: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class LoadSnapshot:
    """All counters of a load client at one instant. ``requests`` have ended: answered or failed.

    ``moves`` counts, as ``v1>v2``, how often a virtual user met another version than before; ``moved_back`` those of
    them that led to a version which that user had left earlier.
    """

    at_epoch_seconds: float
    started_epoch_seconds: float
    requests: int = 0
    client_failures: int = 0
    retried: int = 0
    connections_opened: int = 0
    connections_open: int = 0
    in_flight: int = 0
    skipped: int = 0
    moved_back: int = 0
    failures_by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    moves: Mapping[str, int] = field(default_factory=dict[str, int])
    versions: Mapping[str, VersionCounts] = field(default_factory=dict[str, VersionCounts])
    examples: tuple[FailureExample, ...] = ()

    @property
    def app_errors(self) -> int:
        """5xx answers of the service itself, all versions together."""
        return sum(counts.app_errors for counts in self.versions.values())

    def to_dict(self) -> dict[str, object]:
        """A JSON object from which ``snapshot_from_dict`` makes the same snapshot again."""
        return {
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
            "failures_by_kind": dict(self.failures_by_kind),
            "moves": dict(self.moves),
            "versions": {
                name: {
                    **{key: getattr(counts, key) for key in _VERSION_FIELDS},
                    "latency": {str(index): count for index, count in counts.latency.items()},
                }
                for name, counts in self.versions.items()
            },
            "examples": [[example.at_epoch_seconds, example.kind, example.text] for example in self.examples],
        }


_PLAIN_FIELDS = (
    "at_epoch_seconds",
    "started_epoch_seconds",
    "requests",
    "client_failures",
    "retried",
    "connections_opened",
    "connections_open",
    "in_flight",
    "skipped",
    "moved_back",
)
_VERSION_FIELDS = ("requests", "app_errors", "refusals", "first_seen_epoch_seconds", "last_seen_epoch_seconds")


def snapshot_from_dict(content: Mapping[str, object]) -> LoadSnapshot:
    """The snapshot that ``LoadSnapshot.to_dict`` wrote. Raises KeyError, TypeError or ValueError on anything else."""
    versions = cast(Mapping[str, Mapping[str, Any]], content["versions"])
    plain: dict[str, Any] = {name: content[name] for name in _PLAIN_FIELDS}
    return LoadSnapshot(
        **plain,
        failures_by_kind=dict(cast(Mapping[str, int], content["failures_by_kind"])),
        moves=dict(cast(Mapping[str, int], content["moves"])),
        versions={
            name: VersionCounts(
                **{key: counts[key] for key in _VERSION_FIELDS},
                latency={int(index): count for index, count in counts["latency"].items()},
            )
            for name, counts in versions.items()
        },
        examples=tuple(FailureExample(*example) for example in cast(Sequence[Sequence[Any]], content["examples"])),
    )


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What clients saw of one version in a window. ``refusals`` are its 4xx; first and last seen count from the start.

    The percentiles are of the time from issuing a request to its complete answer, waiting for a connection included;
    None if there was no answer in the window.
    """

    requests: int
    app_errors: int
    refusals: int
    share_percent: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    first_seen_epoch_seconds: float
    last_seen_epoch_seconds: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What happened between two snapshots."""

    started_epoch_seconds: float
    seconds: float
    requests: int
    requests_per_second: float
    client_failures: int
    app_errors: int
    retried: int
    skipped: int
    moved_back: int
    connections_opened: int
    failures_by_kind: Mapping[str, int]
    moves: Mapping[str, int]
    versions: Mapping[str, VersionReport]
    examples: tuple[FailureExample, ...]

    def to_dict(self) -> dict[str, object]:
        """A JSON object with the same names."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("versions", "examples")}
        return {
            **plain,
            "failures_by_kind": dict(self.failures_by_kind),
            "moves": dict(self.moves),
            "versions": {
                name: {key: getattr(report, key) for key in VersionReport.__slots__}
                for name, report in self.versions.items()
            },
            "examples": [example.to_dict() for example in self.examples],
        }


def report_between(before: LoadSnapshot | None, after: LoadSnapshot) -> LoadReport:
    """The report of the time from ``before`` (None: from the start) to ``after``, two snapshots of one client.

    Versions without an answer in the window are left out. Raises ValueError if they are in the wrong order or of
    different clients.
    """
    if before is None:
        before = LoadSnapshot(after.started_epoch_seconds, after.started_epoch_seconds)
    if before.started_epoch_seconds != after.started_epoch_seconds or before.requests > after.requests:
        raise ValueError("report_between takes two snapshots of one load client, the earlier one first")
    seconds = max(0.0, after.at_epoch_seconds - before.at_epoch_seconds)
    requests = after.requests - before.requests
    return LoadReport(
        started_epoch_seconds=before.at_epoch_seconds,
        seconds=round(seconds, 3),
        requests=requests,
        requests_per_second=round(requests / seconds, 1) if seconds else 0.0,
        client_failures=after.client_failures - before.client_failures,
        app_errors=after.app_errors - before.app_errors,
        retried=after.retried - before.retried,
        skipped=after.skipped - before.skipped,
        moved_back=after.moved_back - before.moved_back,
        connections_opened=after.connections_opened - before.connections_opened,
        failures_by_kind=_grown(before.failures_by_kind, after.failures_by_kind),
        moves=_grown(before.moves, after.moves),
        versions=_version_reports(before, after),
        examples=tuple(one for one in after.examples if one.at_epoch_seconds >= before.at_epoch_seconds),
    )


def _grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def _version_reports(before: LoadSnapshot, after: LoadSnapshot) -> dict[str, VersionReport]:
    answered = sum(one.requests for one in after.versions.values()) - sum(
        one.requests for one in before.versions.values()
    )
    reports: dict[str, VersionReport] = {}
    for name, now in after.versions.items():
        then = before.versions.get(name) or VersionCounts(0, 0, 0, 0.0, 0.0, {})
        requests = now.requests - then.requests
        if not requests:
            continue
        latency = {index: count - then.latency.get(index, 0) for index, count in now.latency.items()}
        reports[name] = VersionReport(
            requests=requests,
            app_errors=now.app_errors - then.app_errors,
            refusals=now.refusals - then.refusals,
            share_percent=round(100 * requests / answered, 2),
            p50_ms=percentile_ms(latency, 50),
            p95_ms=percentile_ms(latency, 95),
            p99_ms=percentile_ms(latency, 99),
            first_seen_epoch_seconds=round(now.first_seen_epoch_seconds, 3),
            last_seen_epoch_seconds=round(now.last_seen_epoch_seconds, 3),
        )
    return reports
