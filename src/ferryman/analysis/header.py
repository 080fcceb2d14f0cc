"""Reading a header: everything a judge must know before the first line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, cast

from ferryman.analysis.lines import SECONDS_MAX, InvalidLine, count, counts
from ferryman.analysis.options import HeaderError, is_number
from ferryman.model.evidence import COUNT_MAX, Header, History, StagePlan

PROTOCOL = 1
BOUNDS_MAX = 1000
BOUND_MAX_MS = 1e12
STAGES_MAX = 1000


def parse_header(raw: Mapping[str, Any]) -> Header:
    """A header from its JSON object; unknown keys are ignored. Raises `HeaderError` naming the first thing wrong.

    `spec` is taken as it is: the judge it names knows which options it may hold.
    """
    version = raw.get("judge_protocol")
    if type(version) is not int or version != PROTOCOL:
        raise HeaderError(f"judge_protocol must be {PROTOCOL}, not {version!r}", "this is the only version there is")
    rollout = raw.get("rollout")
    if not isinstance(rollout, str) or not rollout:
        raise HeaderError(f"rollout must be a text that names the rollout, not {rollout!r}")
    counters = raw.get("counters", "increments")
    if counters not in ("increments", "cumulative"):
        raise HeaderError(f"counters must be 'increments' or 'cumulative', not {counters!r}")
    tick = raw.get("tick_seconds")
    if tick is not None and (not is_number(tick) or not 0 < tick <= SECONDS_MAX):
        raise HeaderError(f"tick_seconds must be a number above 0, not {tick!r}")
    spec = raw.get("spec")
    if spec is not None and not isinstance(spec, Mapping):
        raise HeaderError(f"spec must be an object, not {spec!r}")
    bounds = _bounds(raw.get("bounds_ms", ()))
    return Header(
        rollout=rollout,
        bounds_ms=bounds,
        stages=_stages(raw.get("stages")),
        counters=counters,
        tick_seconds=None if tick is None else float(tick),
        history=_history(raw.get("history"), len(bounds) + 1),
        spec=dict(cast("Mapping[str, Any]", spec or {})),
    )


def _bounds(raw: object) -> tuple[float, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list | tuple):
        raise HeaderError(f"bounds_ms must be a list of numbers, not {raw!r}")
    items = cast("list[Any]", raw)
    if len(items) > BOUNDS_MAX:
        raise HeaderError(f"bounds_ms has {len(items)} bounds, at most {BOUNDS_MAX} are possible")
    for item in items:
        if not is_number(item) or not 0 < item <= BOUND_MAX_MS:
            raise HeaderError(f"bounds_ms holds {item!r}; a bound is a number of milliseconds above 0")
    bounds = tuple(float(item) for item in items)
    for low, high in itertools.pairwise(bounds):
        if high <= low:
            raise HeaderError(f"bounds_ms must rise, but {high:g} follows {low:g}")
    return bounds


def _stages(raw: object) -> tuple[StagePlan, ...]:
    if not isinstance(raw, list | tuple) or not raw:
        raise HeaderError(f"stages must be a list of at least one stage, not {raw!r}")
    items = cast("list[Any]", raw)
    if len(items) > STAGES_MAX:
        raise HeaderError(f"there are {len(items)} stages, at most {STAGES_MAX} are possible")
    stages: list[StagePlan] = []
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise HeaderError(f"stages[{index}] must be an object with weight and seconds, not {item!r}")
        stage = cast("Mapping[str, Any]", item)
        weight, seconds = stage.get("weight"), stage.get("seconds")
        if not is_number(weight) or not 0 <= weight <= 100:
            raise HeaderError(f"stages[{index}].weight must be a percentage from 0 to 100, not {weight!r}")
        if seconds is not None and (not is_number(seconds) or not 0 <= seconds <= SECONDS_MAX):
            raise HeaderError(f"stages[{index}].seconds must be a number from 0 or null, not {seconds!r}")
        stages.append(StagePlan(float(weight), float(seconds) if seconds else None))
    return tuple(stages)


def _history(raw: object, buckets_length: int) -> History | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise HeaderError(f"history must be an object with requests, errors and buckets, not {raw!r}")
    history = cast("Mapping[str, Any]", raw)
    try:
        buckets = counts(history.get("buckets") or [0] * buckets_length, "buckets", buckets_length)
        return History(
            count(history.get("requests", 0), "requests"), count(history.get("errors", 0), "errors"), tuple(buckets)
        )
    except InvalidLine as problem:
        hint = f"counts are whole numbers from 0 to {COUNT_MAX}; there is one bucket more than bounds_ms"
        raise HeaderError(f"history: {problem}", hint) from None
