"""Optimizely: the datafile of Full Stack and Feature Experimentation, version 4."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    DRAWN_ANEW,
    NOBODY,
    Choice,
    Document,
    Imported,
    Split,
    UnreadableError,
    Writer,
    any_of,
    attribute,
    equals_any,
    listed,
    mapping,
    objects,
    rules_for,
    short,
)

NAME = "optimizely"
RANGE = 100.0
"""Ends of ranges are hundredths of a percent."""

_NUMBERS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_VERSIONS = {"semver_eq": "=", "semver_gt": ">", "semver_ge": ">=", "semver_lt": "<", "semver_le": "<="}


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    return "featureFlags" in document and "rollouts" in document


def read(document: Document, choice: Choice) -> Imported:
    """All feature flags with their experiments and rollouts. Raises `UnreadableError`."""
    writer = Writer(choice)
    for each in (
        *objects(document.get("audiences"), "audiences"),
        *objects(document.get("typedAudiences"), "typedAudiences"),
    ):
        given = each.get("conditions")
        if str(each["id"]) != "$opt_dummy_audience":
            writer.segment(str(each["id"]), _condition(json.loads(given) if isinstance(given, str) else given))
    by_id = {str(each["id"]): each for each in objects(document.get("experiments"), "experiments")}
    for group in objects(document.get("groups"), "groups"):
        by_id |= {str(each["id"]): each for each in objects(group.get("experiments"), "experiments")}
    rollouts = {str(each["id"]): each for each in objects(document.get("rollouts"), "rollouts")}
    for flag in objects(document.get("featureFlags"), "featureFlags"):
        ways = [by_id[str(each)] for each in listed(flag.get("experimentIds")) if str(each) in by_id]
        rollout = rollouts.get(str(flag.get("rolloutId")), {})
        _flag(flag, ways, objects(rollout.get("experiments"), "experiments"), writer)
    return writer.finished()


def _flag(flag: Document, experiments: list[Document], rollout: list[Document], writer: Writer) -> None:
    name = str(flag["key"])
    key = writer.key(name)
    rules: list[Document] = []
    for each in experiments:
        for user, variation in mapping(each.get("forcedVariations") or {}, "forcedVariations").items():
            if variation in _served(each).values():
                rules.append({"allow": [user], "serve": _on(each, str(variation))})
    for number, each in enumerate((*experiments, *rollout)):
        if each.get("status") not in {"Running", None}:
            writer.note(key, f"{each.get('key')} does not run there and is left out")
            continue
        rules += rules_for(_split(each), _audience(each, writer), f"{key}.{number}")
    if rules:
        writer.note(key, DRAWN_ANEW)
    if flag.get("variables"):
        writer.note(key, "its variables are not taken over: make variants with objects of them")
    writer.flag(name, {"kind": "ops", "variants": {"on": True, "off": False}, "off": "off", "rules": rules})


def _served(experiment: Document) -> dict[str, str]:
    return {str(each["id"]): str(each["key"]) for each in objects(experiment.get("variations"), "variations")}


def _on(experiment: Document, variation: str) -> str:
    found = [each for each in objects(experiment.get("variations"), "variations") if each.get("key") == variation]
    return "on" if found and found[0].get("featureEnabled") else "off"


def _split(experiment: Document) -> Split:
    """Who is in which variation; what no range covers goes on to the next rule."""
    names = _served(experiment)
    shares: list[tuple[str, float]] = []
    reached = 0.0
    for each in objects(experiment.get("trafficAllocation"), "trafficAllocation"):
        end = float(each["endOfRange"]) / RANGE
        variation = names.get(str(each["entityId"]))
        if variation is not None and end > reached:
            shares.append((_on(experiment, variation), short(round(end - reached, 3))))
        reached = max(reached, end)
    return Split(tuple(shares))


def _audience(experiment: Document, writer: Writer) -> Any:
    given = experiment.get("audienceConditions") or [
        "or",
        *(str(each) for each in listed(experiment.get("audienceIds"))),
    ]
    if given == ["or"]:
        return None
    return _tree(given, lambda leaf: writer.within(str(leaf)))


def _condition(given: Any) -> Any:
    return _tree(given, lambda leaf: _leaf(mapping(leaf, "condition")))


def _tree(given: Any, leaf: Callable[[Any], Any]) -> Any:
    if not isinstance(given, list):
        return leaf(given)
    parts = cast("list[Any]", given)
    word = parts[0] if parts and parts[0] in {"and", "or", "not"} else "or"
    inside = [_tree(each, leaf) for each in (parts[1:] if parts and parts[0] == word else parts)]
    if word == "not":
        return {"!": inside[:1]} if inside else NOBODY
    return any_of(inside) if word == "or" or len(inside) < 2 else {"and": inside}


def _leaf(condition: Document) -> Any:
    asked, value = attribute(str(condition.get("name") or TARGETING_KEY)), condition.get("value")
    match = str(condition.get("match") or "exact")
    if match == "exact":
        return equals_any(asked, [value]) if isinstance(value, str) else {"==": [asked, value]}
    if match == "exists":
        return {"!=": [asked, None]}
    if match == "substring":
        return {"in": [value, asked]}
    if match in _NUMBERS:
        return {_NUMBERS[match]: [asked, value]}
    if match in _VERSIONS:
        return {"sem_ver": [asked, _VERSIONS[match], str(value)]}
    if match == "qualified":
        return NOBODY
    raise UnreadableError(f"there is no match {match!r} in Optimizely's audiences")
