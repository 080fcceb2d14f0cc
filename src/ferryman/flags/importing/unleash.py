"""Unleash: what its clients are sent by ``GET /api/client/features``, which is also the form of its state exports.

The form is that of the client specification, version 2 of the response.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    DRAWN_ANEW,
    NOBODY,
    OFF_THERE,
    Choice,
    Document,
    Imported,
    Split,
    UnreadableError,
    Writer,
    any_of,
    attribute,
    below,
    equals_any,
    listed,
    mapping,
    negated,
    objects,
    rollout_for,
    rules_for,
    short,
    turned_off,
)

NAME = "unleash"
_KINDS = {"release": "release", "experiment": "experiment", "permission": "permission"}
_NUMBERS = {"NUM_EQ": "==", "NUM_GT": ">", "NUM_GTE": ">=", "NUM_LT": "<", "NUM_LTE": "<="}
_VERSIONS = {"SEMVER_EQ": "=", "SEMVER_GT": ">", "SEMVER_GTE": ">=", "SEMVER_LT": "<", "SEMVER_LTE": "<="}
_DATES = {"DATE_AFTER": ">", "DATE_BEFORE": "<"}
_TEXTS: dict[str, Callable[[Any, str], Any]] = {
    "STR_CONTAINS": lambda asked, text: {"in": [text, asked]},
    "STR_STARTS_WITH": lambda asked, text: {"starts_with": [asked, text]},
    "STR_ENDS_WITH": lambda asked, text: {"ends_with": [asked, text]},
}
OFF = "off"


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    features = document.get("features")
    return isinstance(features, list) and all(
        isinstance(each, dict) and "name" in each for each in cast("list[Any]", features)
    )


def read(document: Document, choice: Choice) -> Imported:
    """All features. Raises `UnreadableError`."""
    writer = Writer(choice)
    for segment in objects(document.get("segments"), "segments"):
        conditions = [_constraint(each) for each in objects(segment.get("constraints"), "constraints")]
        writer.segment(str(segment["id"]), {"and": conditions} if len(conditions) > 1 else any_of(conditions))
    for feature in objects(document.get("features"), "features"):
        _feature(feature, writer)
    return writer.finished()


def _feature(feature: Document, writer: Writer) -> None:
    name = str(feature["name"])
    key = writer.key(name)
    variants = objects(feature.get("variants"), "variants")
    values: Document = {str(each["name"]): _payload(each) for each in variants}
    if len({type(value).__name__ for value in values.values()}) > 1:
        values = {label: value if isinstance(value, str) else json.dumps(value) for label, value in values.items()}
        writer.note(key, "its payloads are of several types: all are texts here")
    body: Document = {
        "kind": _KINDS.get(str(feature.get("type")), "ops"),
        "description": feature.get("description") or "",
        "variants": {**values, OFF: _nothing(values)} if values else {"on": True, "off": False},
        "off": OFF,
    }
    divided = _variants(variants) if values else Split((("on", 100),))
    strategies = [
        _strategy(each, key, n, writer) for n, each in enumerate(objects(feature.get("strategies"), "strategies"))
    ]
    last = strategies[-1] if strategies else None
    simple = last is not None and last.condition is None and not values and body["kind"] != "permission"
    rules: list[Document] = []
    for each in strategies[:-1] if simple else strategies:
        rules += rules_for(divided, each.whole(), f"{key}.variants")
    if simple and last is not None:
        body["rollout"] = rollout_for(Split((("on", short(last.percent)),), last.by), OFF, last.seed)
    if any(each.percent < 100 for each in strategies) or len(divided.shares) > 1:
        writer.note(key, DRAWN_ANEW)
    if values:
        writer.note(key, "the feature and its variants are one flag here: `off` stands for a feature that is off")
    body["rules"] = rules
    if body["kind"] == "experiment" and "rollout" not in body:
        body["kind"] = "ops"
    if not feature.get("enabled", True):
        body = turned_off(body)
        writer.note(key, OFF_THERE)
    writer.flag(name, body)


class _Strategy:
    """One way in: a condition (None: everybody), and which share of those."""

    def __init__(self, condition: Any, percent: float, by: str, seed: str) -> None:
        self.condition, self.percent, self.by, self.seed = condition, percent, by, seed

    def whole(self) -> Any:
        """The condition with the share in it."""
        if self.percent >= 100:
            return self.condition
        inside = below(self.seed, self.by, self.percent) if self.percent > 0 else NOBODY
        return inside if self.condition is None else {"and": [self.condition, inside]}


def _strategy(strategy: Document, key: str, number: int, writer: Writer) -> _Strategy:
    given = mapping(strategy.get("parameters") or {}, "parameters")
    conditions = [_constraint(each) for each in objects(strategy.get("constraints"), "constraints")]
    conditions += [writer.within(str(each)) for each in listed(strategy.get("segments"))]
    name, percent, by, seed = str(strategy.get("name")), 100.0, TARGETING_KEY, f"{key}.{number}"
    if name == "userWithId":
        conditions.append(equals_any(attribute(TARGETING_KEY), _words(given.get("userIds"))))
    elif name == "remoteAddress":
        conditions.append({"cidr": [attribute("remoteAddress"), _words(given.get("IPs"))]})
    elif name == "applicationHostname":
        conditions.append(equals_any(attribute("hostname"), _words(given.get("hostNames"))))
    elif name in {"flexibleRollout", "gradualRolloutUserId", "gradualRolloutSessionId", "gradualRolloutRandom"}:
        percent = float(given.get("rollout") or given.get("percentage") or 0)
        by = _stickiness(given, "sessionId" if name.endswith("SessionId") else "")
        seed = str(given.get("groupId") or seed)
    elif name != "default":
        writer.note(key, f"its strategy {name!r} is your own there: nobody is let in by it here")
        conditions.append(NOBODY)
    condition = None if not conditions else conditions[0] if len(conditions) == 1 else {"and": conditions}
    return _Strategy(condition, percent, by, seed)


def _stickiness(given: Document, otherwise: str) -> str:
    by = str(given.get("stickiness") or otherwise or "default")
    return TARGETING_KEY if by in {"default", "userId", "random"} else by


def _variants(variants: list[Document]) -> Split:
    total = sum(float(each.get("weight", 0)) for each in variants) or 1.0
    shares = tuple(
        (str(each["name"]), short(round(float(each.get("weight", 0)) * 100 / total, 3))) for each in variants
    )
    return Split(shares, _stickiness(variants[0] if variants else {}, ""))


def _payload(variant: Document) -> Any:
    payload = mapping(variant.get("payload") or {}, "payload")
    text = str(payload.get("value", variant["name"]))
    if payload.get("type") in {"json", "number"}:
        try:
            return json.loads(text)
        except ValueError as error:
            raise UnreadableError(f"payload {text[:60]!r} is no {payload['type']}") from error
    return text


def _nothing(values: Document) -> Any:
    first = next(iter(values.values()))
    return type(first)() if first is not None else None


def _constraint(constraint: Document) -> Any:
    name, operator = str(constraint.get("contextName")), str(constraint.get("operator"))
    asked = attribute(TARGETING_KEY if name == "userId" else "$flagd.timestamp" if name == "currentTime" else name)
    values = [str(each) for each in listed(constraint.get("values"))]
    one = str(constraint.get("value") or "")
    found: Any
    if operator in {"IN", "NOT_IN"}:
        found = negated(equals_any(asked, values), operator == "NOT_IN")
    elif operator in _TEXTS:
        found = _text(operator, asked, values, ignoring_case=bool(constraint.get("caseInsensitive")))
    elif operator in _NUMBERS:
        found = {_NUMBERS[operator]: [asked, short(float(one or 0))]}
    elif operator in _VERSIONS:
        found = {"sem_ver": [asked, _VERSIONS[operator], one]}
    elif operator in _DATES:
        found = {"date": [asked, _DATES[operator], one]}
    elif operator == "REGEX":
        found = {"regex": [asked, one]}
    else:
        raise UnreadableError(f"there is no operator {operator!r} in Unleash's constraints")
    return negated(found, constraint.get("inverted"))


def _text(operator: str, asked: Any, values: list[str], *, ignoring_case: bool) -> Any:
    if not ignoring_case:
        return any_of([_TEXTS[operator](asked, each) for each in values])
    around = {"STR_CONTAINS": "{}", "STR_STARTS_WITH": "^{}", "STR_ENDS_WITH": "{}$"}[operator]
    return any_of([{"regex": [asked, "(?i)" + around.format(re.escape(each))]} for each in values])


def _words(text: Any) -> list[str]:
    return [each.strip() for each in str(text or "").split(",") if each.strip()]
