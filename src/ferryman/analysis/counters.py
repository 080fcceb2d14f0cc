"""From what a source counts to what happened since the line before."""

from __future__ import annotations

from operator import sub

import msgspec

from ferryman.model.evidence import Arm


class Counted(msgspec.Struct, array_like=True):
    """Raw counters of one version at the last line."""

    requests: int
    errors: int
    buckets: list[int]
    restarts: int
    oom_kills: int
    events: dict[str, int]


def counted(reading: Arm | Counted) -> Counted:
    """The raw counters of a reading, to be kept for the next line."""
    return Counted(
        reading.requests, reading.errors, reading.buckets, reading.restarts, reading.oom_kills, reading.events
    )


def since(reading: Arm, before: Counted | Arm) -> tuple[Arm, bool]:
    """Increments from `before`, and whether the counters began anew.

    A counter that fell means that its source restarted: then everything it shows has happened since. Restarts and
    kills are sums over instances, kept by somebody else than the process: they fall when an instance is gone, and then
    nothing has happened.
    """
    requests, errors = reading.requests - before.requests, reading.errors - before.errors
    buckets = list(map(sub, reading.buckets, before.buckets))
    fell = requests < 0 or errors < 0 or min(buckets) < 0
    events = reading.events
    if events:
        events = {name: now - before.events.get(name, 0) for name, now in events.items()}
        fell = fell or min(events.values()) < 0
    if fell:
        requests, errors, buckets, events = reading.requests, reading.errors, reading.buckets, reading.events
    grown = Arm(
        requests=requests,
        errors=errors,
        buckets=buckets,
        cpu_percent=reading.cpu_percent,
        memory_bytes=reading.memory_bytes,
        instances=reading.instances,
        ready=reading.ready,
        p95_ms=reading.p95_ms,
        restarts=max(reading.restarts - before.restarts, 0),
        oom_kills=max(reading.oom_kills - before.oom_kills, 0),
        events=events,
    )
    return grown, fell
