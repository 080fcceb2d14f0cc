"""Unleash: how a strategy lets people in, as a condition and a share. What an engine of Unleash does not understand lets
nobody in; so it is here, with a remark."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    NOBODY,
    Document,
    Writer,
    any_of,
    attribute,
    below,
    equals_any,
    listed,
    mapping,
    negated,
    objects,
    short,
)
from ferryman.flags.patterns import NoPatternError, to_python

_NUMBERS = {"NUM_EQ": "==", "NUM_GT": ">", "NUM_GTE": ">=", "NUM_LT": "<", "NUM_LTE": "<="}
_VERSIONS = {"SEMVER_EQ": "=", "SEMVER_GT": ">", "SEMVER_GTE": ">=", "SEMVER_LT": "<", "SEMVER_LTE": "<="}
_DATES = {"DATE_AFTER": ">", "DATE_BEFORE": "<"}
_TEXTS: dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "STR_CONTAINS": (lambda asked, text: {"in": [text, asked]}, "{}"),
    "STR_STARTS_WITH": (lambda asked, text: {"starts_with": [asked, text]}, "^{}"),
    "STR_ENDS_WITH": (lambda asked, text: {"ends_with": [asked, text]}, "{}\\Z"),
}
_NAMES = {"userId": TARGETING_KEY, "currentTime": "$flagd.timestamp"}
ANYBODY: Any = {"!": [NOBODY]}
"""A condition that holds for everybody."""


class Entry:
    """One way in: a condition (None: everybody), which share of those, and by what. `by` None: by chance where need be."""

    def __init__(self, condition: Any, percent: float, by: str | None, seed: str) -> None:
        self.condition, self.percent, self.seed = condition, percent, seed
        self.by = by or TARGETING_KEY
        self.is_whole = percent >= 100 and by is None

    def whole(self) -> Any:
        """The condition with the share in it."""
        if self.is_whole:
            return self.condition
        inside = below(self.seed, self.by, min(self.percent, 100)) if self.percent > 0 else NOBODY
        return inside if self.condition is None else {"and": [self.condition, inside]}


def entry(strategy: Document, key: str, number: int, writer: Writer) -> Entry:
    """A strategy with its constraints and segments. Raises `UnreadableError`."""
    given = mapping(strategy.get("parameters") or {}, "parameters")
    conditions = [constraint(each, key, writer) for each in objects(strategy.get("constraints"), "constraints")]
    conditions += [writer.within(str(each)) for each in listed(strategy.get("segments"))]
    name, percent, by, seed = str(strategy.get("name")), 100.0, None, f"{key}.{number}"
    if name == "userWithId":
        conditions.append(equals_any(attribute(TARGETING_KEY), words(given.get("userIds"))))
    elif name == "remoteAddress":
        conditions.append(_networks(attribute("remoteAddress"), words(given.get("IPs")), key, writer))
    elif name == "applicationHostname":
        conditions.append(equals_any(attribute("hostname"), words(given.get("hostNames"))))
    elif name in {"flexibleRollout", "gradualRolloutUserId", "gradualRolloutSessionId", "gradualRolloutRandom"}:
        percent = _number(given.get("rollout") or given.get("percentage"))
        otherwise = {"UserId": "userId", "SessionId": "sessionId"}
        by = stickiness(given, next((by for end, by in otherwise.items() if name.endswith(end)), ""))
        seed = str(given.get("groupId") or seed)
    elif name != "default":
        writer.note(key, f"its strategy {name!r} is your own there: nobody is let in by it here")
        conditions.append(NOBODY)
    condition = None if not conditions else conditions[0] if len(conditions) == 1 else {"and": conditions}
    return Entry(condition, percent, by, seed)


def stickiness(given: Document, otherwise: str) -> str | None:
    """The attribute; None for whatever there is, by chance in the end."""
    by = str(given.get("stickiness") or otherwise or "default")
    return None if by in {"default", "random"} else TARGETING_KEY if by == "userId" else by


def constraint(written: Document, key: str, writer: Writer) -> Any:
    """A constraint as JSONLogic. Raises `UnreadableError` if it has no right form."""
    name, operator = str(written.get("contextName")), str(written.get("operator"))
    asked = attribute(_NAMES.get(name, name))
    values = [str(each) for each in listed(written.get("values"))]
    one, is_loose = str(written.get("value") or ""), bool(written.get("caseInsensitive"))
    found: Any = None
    if operator in {"IN", "NOT_IN"}:
        found = negated(equals_any(asked, values), operator == "NOT_IN")
    elif operator in _TEXTS:
        found = _text(operator, asked, values, ignoring_case=is_loose)
    elif operator in _NUMBERS:
        found = {"and": [{"!=": [asked, None]}, {_NUMBERS[operator]: [asked, short(_number(one))]}]}
    elif operator in _VERSIONS:
        found = {"sem_ver": [asked, _VERSIONS[operator], one]}
    elif operator in _DATES:
        found = {"date": [asked, _DATES[operator], one]}
    elif operator == "IN_CIDR":
        found = _networks(asked, values, key, writer)
    elif operator == "REGEX":
        found = _pattern(asked, f"(?i){one}" if is_loose else one, key, writer)
    else:
        writer.note(key, f"there is no operator {operator[:40]!r} in Unleash's constraints: nobody is let in by it")
        return NOBODY
    return negated(found, written.get("inverted"))


def _number(written: Any) -> float:
    try:
        return float(written or 0)
    except ValueError:
        return 0.0


def _pattern(asked: Any, pattern: str, key: str, writer: Writer) -> Any:
    try:
        return {"regex": [asked, to_python(pattern)]}
    except NoPatternError as error:
        writer.note(key, f"{error}: nobody is let in by it")
        return NOBODY


def _networks(asked: Any, written: list[str], key: str, writer: Writer) -> Any:
    """Being in one of them. What is no address is left out, as it is there."""
    good: list[str] = []
    for each in written:
        try:
            ip_network(each, strict=False)
        except ValueError:
            writer.note(key, f"{each[:60]!r} is no address: it is left out")
            continue
        good.append(each)
    return {"cidr": [asked, good]} if good else NOBODY


def _text(operator: str, asked: Any, values: list[str], *, ignoring_case: bool) -> Any:
    logic, around = _TEXTS[operator]
    if not ignoring_case:
        return any_of([logic(asked, each) for each in values])
    return any_of([{"regex": [asked, "(?i)" + around.format(re.escape(each))]} for each in values])


def words(text: Any) -> list[str]:
    """A list that is written with commas."""
    return [each.strip() for each in str(text or "").split(",") if each.strip()]
