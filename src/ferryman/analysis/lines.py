"""Reading a line: where it stands in the rollout, and what each version counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ferryman.analysis.options import is_number
from ferryman.model.evidence import COUNT_MAX, Arm

GAUGE_MAX = 1e18
# Thirty years: a time beyond it is in another unit or not a time since the rollout began.
SECONDS_MAX = 1e9
STAGE_MAX = 1_000_000
EVENTS_MAX = 64
# Readings of an arm, and their keys on the wire.
GAUGES = {
    "cpu_percent": "cpu",
    "memory_bytes": "memory",
    "instances": "instances",
    "ready": "ready",
    "p95_ms": "p95_ms",
}


class InvalidLine(ValueError):
    """A line that is dropped; the text names the key and the value."""


class Place(msgspec.Struct, frozen=True):
    """Where a line stands. Seconds, percent; `weight` is None when the line leaves it to the plan."""

    t: float
    stage: int
    stage_t: float
    weight: float | None


def time_of(line: Mapping[str, Any]) -> float | None:
    """`t` as the line gives it; None when it is no time."""
    t = line.get("t")
    return t if is_number(t) and 0 <= t <= SECONDS_MAX else None


def read_place(line: Mapping[str, Any]) -> Place:
    """Where the line stands. Raises `InvalidLine`."""
    t, stage, stage_t, weight = line.get("t"), line.get("stage"), line.get("stage_t"), line.get("weight")
    if time_of(line) is None:
        raise InvalidLine(f"t must be seconds since the rollout began, not {_short(t)}")
    if not is_number(stage) or stage != int(stage) or not 0 <= stage <= STAGE_MAX:
        raise InvalidLine(f"stage must be a whole number from 0, not {_short(stage)}")
    if not is_number(stage_t) or not 0 <= stage_t <= SECONDS_MAX:
        raise InvalidLine(f"stage_t must be seconds since the stage began, not {_short(stage_t)}")
    if weight is not None and (not is_number(weight) or not 0 <= weight <= 100):
        raise InvalidLine(f"weight must be a percentage from 0 to 100, not {_short(weight)}")
    return Place(
        float(cast("float", t)),
        int(stage),
        float(stage_t),
        None if weight is None else float(weight),
    )


def read_arms(line: Mapping[str, Any], buckets_length: int) -> tuple[Arm, Arm]:
    """(stable, candidate), counts as they were sent. Raises `InvalidLine`.

    `buckets_length` is one more than the bounds; 1 means there are none, and buckets may be left out.
    """
    arms = line.get("arms")
    if type(arms) is not dict and not isinstance(arms, Mapping):
        raise InvalidLine(f"arms must be an object with stable and candidate, not {_short(arms)}")
    both = cast("Mapping[str, Any]", arms)
    return _arm(both.get("stable"), "stable", buckets_length), _arm(both.get("candidate"), "candidate", buckets_length)


def _arm(raw: object, name: str, buckets_length: int) -> Arm:
    """One version. What is right is read at once; what is not is read again key by key, to name it."""
    try:
        arm = msgspec.convert(raw, Arm)
    except (msgspec.ValidationError, OverflowError):
        arm = _slow_arm(raw, name, buckets_length)
    if len(arm.buckets) != buckets_length:
        raise InvalidLine(f"arms.{name}.buckets has {len(arm.buckets)} counts, {buckets_length} are needed")
    if arm.errors > arm.requests:
        raise InvalidLine(f"arms.{name}.errors are {arm.errors}, more than the {arm.requests} requests")
    for gauge, key in GAUGES.items():
        value = getattr(arm, gauge)
        if value is not None and not 0.0 <= value <= GAUGE_MAX:
            raise InvalidLine(f"arms.{name}.{key} must be a number from 0, not {_short(value)}")
    if len(arm.events) > EVENTS_MAX:
        raise InvalidLine(f"arms.{name}.events has {len(arm.events)} names, at most {EVENTS_MAX} are possible")
    return arm


def _slow_arm(raw: object, name: str, buckets_length: int) -> Arm:
    if not isinstance(raw, Mapping):
        raise InvalidLine(f"arms.{name} must be an object with requests, errors and buckets, not {_short(raw)}")
    get = cast("Mapping[str, Any]", raw).get
    buckets, events = get("buckets"), get("events")
    if buckets is None and buckets_length == 1:
        buckets = [0]
    try:
        gauges = {gauge: _gauge(get(key), key) for gauge, key in GAUGES.items()}
        return Arm(
            requests=count(get("requests"), "requests"),
            errors=count(get("errors"), "errors"),
            buckets=counts(buckets, "buckets", buckets_length),
            restarts=_count_if_any(get("restarts"), "restarts"),
            oom_kills=_count_if_any(get("oom_kills"), "oom_kills"),
            events={} if events is None else _events(events),
            **gauges,
        )
    except InvalidLine as problem:
        raise InvalidLine(f"arms.{name}.{problem}") from None


def count(value: object, name: str) -> int:
    """A whole number from 0 to `COUNT_MAX`; 5.0 is one, 5.5 and True are not. Raises `InvalidLine`."""
    if type(value) is int and 0 <= value <= COUNT_MAX:
        return value
    if type(value) is float and value.is_integer() and 0 <= value <= COUNT_MAX:
        return int(value)
    raise InvalidLine(f"{name} must be a whole number from 0, not {_short(value)}")


def counts(value: object, name: str, length: int) -> list[int]:
    """A list of `length` counts. Raises `InvalidLine`."""
    if not isinstance(value, list | tuple):
        raise InvalidLine(f"{name} must be a list of {length} counts, not {_short(value)}")
    items = cast("list[Any]", value)
    if len(items) != length:
        raise InvalidLine(f"{name} has {len(items)} counts, {length} are needed: one more than bounds_ms")
    return [count(item, f"{name}[{index}]") for index, item in enumerate(items)]


def _count_if_any(value: object, name: str) -> int:
    return 0 if value is None else count(value, name)


def _events(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise InvalidLine(f"events must be an object of counts by name, not {_short(value)}")
    events = cast("Mapping[str, Any]", value)
    return {str(name): count(number, f"events.{name}") for name, number in events.items()}


def _gauge(value: object, name: str) -> float | None:
    if value is None:
        return None
    if not is_number(value) or not 0 <= value <= GAUGE_MAX:
        raise InvalidLine(f"{name} must be a number from 0, not {_short(value)}")
    return float(value)


def _short(value: object) -> str:
    """`value` for a message, whatever its size; a number of thousands of digits cannot even be printed."""
    if isinstance(value, list | tuple | dict):
        return "a list" if not isinstance(value, dict) else "an object"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        return "a number of more than 18 digits"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
