"""Counting what was served: as LaunchDarkly's and Unleash's SDKs report it, in (flag, variant, epoch second, number) of what is
well formed, and what was evaluated here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ferryman.engine.flags.evaluations import Cell, Tally
from ferryman.engine.flags.service import FlagService
from ferryman.flags.definition import KEY_PATTERN, Flag
from ferryman.flags.importing.base import named

Count = tuple[str, str, int, int]
EVENTS_MAX = 10_000


def count_one(service: FlagService, environment: str, program: str, flag: str, variant: str | None, now: float) -> None:
    """A program asked here for one flag and got `variant`, None for the default in its own code. All flags at once are not
    counted: nobody knows which of them were used."""
    service.evaluations.add([(Cell(environment, flag, variant or "", int(now)), Tally(1))], now)
    service.askers.told(environment, program, {flag: 1}, service.served(environment).version, now)


def count_untold(service: FlagService, environment: str, now: float) -> None:
    """Somebody asked in a way in which nobody learns what they use. An environment that is not there is not noted: anybody
    can name any number of them."""
    if environment in service.ledger.environments:
        service.evaluations.untold(environment, now)


def launchdarkly_counts(events: Any, flags: Mapping[str, Flag]) -> Iterator[Count]:
    """The counters of ``summary`` events: variations by their number."""
    for event in cast("list[Any]", events)[:EVENTS_MAX] if isinstance(events, list) else ():
        if not isinstance(event, dict) or cast("dict[str, Any]", event).get("kind") != "summary":
            continue
        made = cast("dict[str, Any]", event)
        second = int(_number(made.get("endDate")) / 1000)
        for key, feature in _objects(made.get("features")):
            names = [variant.name for variant in flags[key].variants] if key in flags else []
            for counter in _list(feature.get("counters")):
                variation = counter.get("variation")
                name = names[variation] if isinstance(variation, int) and 0 <= variation < len(names) else ""
                if key in flags:
                    yield key, name, second, int(_number(counter.get("count")))


def unleash_counts(report: Any, flags: Mapping[str, Flag]) -> Iterator[Count]:
    """The counters of a report: how often a feature was on and off, and with which variants."""
    bucket = _object(_object(report).get("bucket"))
    second = _second(bucket.get("stop"))
    for name, toggle in _objects(bucket.get("toggles")):
        flag = _called(name, flags)
        if flag is None:
            continue
        key = flag.key
        yield key, flag.off, second, int(_number(toggle.get("no")))
        variants = _object(toggle.get("variants"))
        counted = {name: int(_number(count)) for name, count in variants.items() if flag.has(name) and name != flag.off}
        for variant, count in counted.items():
            yield key, variant, second, count
        true = next((variant.name for variant in flag.variants if variant.value is True), None)
        rest = int(_number(toggle.get("yes"))) - sum(counted.values())
        if true is not None and rest > 0:
            yield key, true, second, rest


def _called(name: str, flags: Mapping[str, Flag]) -> Flag | None:
    """The flag of a name; an imported one may be asked for by the name that it had there."""
    found = flags.get(name)
    if found is None:
        renamed = flags.get(named(name, KEY_PATTERN, ""))
        found = renamed if renamed is not None and renamed.imported is not None else None
    return found


def _second(value: Any) -> int:
    try:
        return int(dt.datetime.fromisoformat(str(value)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 else 0.0


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, each in _object(value).items():
        yield key, _object(each)


def _list(value: Any) -> list[dict[str, Any]]:
    return [_object(each) for each in cast("list[Any]", value)] if isinstance(value, list) else []
