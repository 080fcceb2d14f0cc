"""Circuit breakers of flags: when a flag is turned off because of a metric, and when it is tried again. Pure.

    closed      above the limit for `for_seconds` without a break: it trips, and is open
    open        the flag serves `off`; after `recover_seconds` it is tried again, and is half open
    half open   above the limit even once: it trips again; at or below it for `for_seconds`: it is closed

No data never trips, and closes nothing. That a flag is tripped stands in the journal; everything else is worth no more
than the moments since then, and a controller that starts anew finds it again from there.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ferryman.flags.definition import Breaker

METRICS = ("error_percent", "p50_ms", "p95_ms", "p99_ms", "requests_per_second")
"""What programs report by themselves, of the requests that met a variant other than `off`."""

RECOVER_SECONDS_MIN = 10.0
"""A flag is tried again no sooner: programs report every ten seconds, and each trip is written down for good."""


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Watch(msgspec.Struct, frozen=True):
    """What a breaker remembers. Times are epoch seconds: `half_open_since` is None unless it is half open, `above_since`
    since when the metric is above the limit, `calm_since` since when it is not."""

    half_open_since: float | None = None
    above_since: float | None = None
    calm_since: float | None = None

    def state(self, tripped_since: float | None) -> BreakerState:
        """With what stands in the journal."""
        if tripped_since is not None:
            return BreakerState.OPEN
        return BreakerState.CLOSED if self.half_open_since is None else BreakerState.HALF_OPEN


class Step(msgspec.Struct, frozen=True):
    """What follows: `deed` is "", ``trip`` or ``recover``; `watch` counts once the deed is written down."""

    watch: Watch
    deed: str = ""
    reason: str = ""


class BreakerView(msgspec.Struct, frozen=True):
    """How the breaker of a flag stands: closed, open or half-open. `value` is the last of its metric, None for no data;
    `trouble` says why there is none, if something is wrong."""

    state: str
    what: str
    value: float | None
    trouble: str = ""


def begun(breaker: Breaker, recovered_at: float | None, now: float) -> Watch:
    """Where a breaker stands at the start of a controller. `recovered_at` is when the flag was last tried again."""
    if recovered_at is not None and now - recovered_at < breaker.for_seconds:
        return Watch(half_open_since=recovered_at)
    return Watch()


def step(watch: Watch, breaker: Breaker, tripped_since: float | None, value: float | None, now: float) -> Step:
    """The next moment. `tripped_since` is None unless the flag is tripped, `value` None for no data."""
    if tripped_since is not None:
        if now - tripped_since >= breaker.recover_seconds:
            return Step(Watch(half_open_since=now), "recover", f"tried again after {breaker.recover_seconds:g} s")
        return Step(Watch())
    if value is None:
        return Step(Watch(half_open_since=watch.half_open_since))
    if value > breaker.above:
        return _above(watch, breaker, value, now)
    if watch.half_open_since is None:
        return Step(Watch())
    calm = now if watch.calm_since is None else watch.calm_since
    if now - calm >= breaker.for_seconds:
        return Step(Watch())
    return Step(Watch(half_open_since=watch.half_open_since, calm_since=calm))


def _above(watch: Watch, breaker: Breaker, value: float, now: float) -> Step:
    found = f"{what_of(breaker)} is {value:.4g}, above {breaker.above:g}"
    if watch.half_open_since is not None:
        return Step(Watch(), "trip", f"{found}, when it was tried again")
    since = now if watch.above_since is None else watch.above_since
    if now - since >= breaker.for_seconds:
        return Step(Watch(), "trip", f"{found} for {now - since:.0f} s" if breaker.for_seconds else found)
    return Step(Watch(above_since=since))


def what_of(breaker: Breaker) -> str:
    """What it looks at, in one line."""
    return breaker.metric or " ".join(breaker.query.split())


def rule_of(breaker: Breaker) -> str:
    """When it trips, in words."""
    return (
        f"trips above {breaker.above:g} for {breaker.for_seconds:g} s, tries again after {breaker.recover_seconds:g} s"
    )
