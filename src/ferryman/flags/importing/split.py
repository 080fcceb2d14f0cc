"""Split: what its SDKs are sent by ``GET /api/splitChanges``, or the YAML of its localhost mode as a list."""

from __future__ import annotations

from typing import Any

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
    rule,
    rules_for,
    short,
    turned_off,
    variant_names,
)

NAME = "split"
CONTROL = "control"
_NUMBERS = {"GREATER_THAN_OR_EQUAL_TO": ">=", "LESS_THAN_OR_EQUAL_TO": "<=", "EQUAL_TO": "=="}
_TEXTS = {"STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with"}
_VERSIONS = {
    "EQUAL_TO_SEMVER": "=",
    "GREATER_THAN_OR_EQUAL_TO_SEMVER": ">=",
    "LESS_THAN_OR_EQUAL_TO_SEMVER": "<=",
}


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    return isinstance(document.get("splits"), list) or isinstance(document.get("ff"), dict)


def read(document: Document, choice: Choice) -> Imported:
    """All splits that are not archived. Raises `UnreadableError`."""
    writer = Writer(choice)
    whole = mapping(document["ff"], "ff").get("d") if "ff" in document else document.get("splits")
    splits = [each for each in objects(whole, "splits") if each.get("status") != "ARCHIVED"]
    for each in splits:
        _split(each, writer)
    return writer.finished()


def _split(one: Document, writer: Writer) -> None:
    key, off = writer.key(str(one["name"])), str(one.get("defaultTreatment") or CONTROL)
    conditions = objects(one.get("conditions"), "conditions")
    treatments = [
        off,
        *(str(part["treatment"]) for each in conditions for part in objects(each.get("partitions"), "partitions")),
    ]
    names = dict(zip(dict.fromkeys(treatments), variant_names(list(dict.fromkeys(treatments))), strict=True))
    configurations = mapping(one.get("configurations") or {}, "configurations")
    if configurations:
        writer.note(key, "its configurations are not taken over: make variants with objects of them")
    rules: list[Document] = []
    body: Document = {
        "kind": "ops",
        "variants": {name: treatment for treatment, name in names.items()},
        "off": names[off],
        "description": one.get("description") or "",
    }
    allocation = float(one.get("trafficAllocation", 100))
    for number, each in enumerate(conditions):
        condition = _matched(mapping(each.get("matcherGroup"), "matcherGroup"), writer, key)
        if allocation < 100 and each.get("conditionType") == "ROLLOUT":
            rules.append(rule(names[off], [{"!": [below(f"{key}.traffic", TARGETING_KEY, allocation)]}]))
            allocation = 100
        split = Split(
            tuple(
                (names[str(p["treatment"])], short(float(p["size"]))) for p in objects(each["partitions"], "partitions")
            )
        )
        parts = [share for share in split.shares if share[1] > 0]
        last = number == len(conditions) - 1
        if condition is None and last and parts != [(names[off], 100)]:
            if len(parts) == 1:
                body["default"] = parts[0][0]
            else:
                body |= {"kind": "release", "rollout": rollout_for(split, names[off], key)}
                writer.note(key, DRAWN_ANEW)
        elif not (condition is None and last):
            rules += rules_for(split, condition, f"{key}.{number}")
    body["rules"] = rules
    if one.get("killed"):
        body = turned_off(body)
        writer.note(key, OFF_THERE)
    writer.flag(str(one["name"]), body)


def _matched(group: Document, writer: Writer, key: str) -> Any:
    """The condition of a group of matchers; None where it holds for all."""
    found: list[Any] = []
    for each in objects(group.get("matchers"), "matchers"):
        condition = _matcher(each, writer, key)
        if condition is not None:
            found.append(negated(condition, each.get("negate")))
        elif each.get("negate"):
            found.append(NOBODY)
    return None if not found else found[0] if len(found) == 1 else {"and": found}


def _matcher(matcher: Document, writer: Writer, key: str) -> Any:
    kind = str(matcher.get("matcherType"))
    selector = mapping(matcher.get("keySelector") or {}, "keySelector")
    asked = attribute(str(selector.get("attribute") or TARGETING_KEY))
    if kind == "ALL_KEYS":
        return None
    if kind == "IN_SEGMENT":
        return writer.within(str(mapping(matcher["userDefinedSegmentMatcherData"], "segment")["segmentName"]))
    if kind == "IN_SPLIT_TREATMENT":
        writer.note(key, "it depends on another split there; write that as `needs`")
        return NOBODY
    values = listed(mapping(matcher.get("whitelistMatcherData") or {}, "whitelist").get("whitelist"))
    if kind in {"WHITELIST", "EQUAL_TO_SET", "PART_OF_SET"}:
        return equals_any(asked, values)
    if kind in _TEXTS:
        return any_of([{_TEXTS[kind]: [asked, each]} for each in values])
    if kind in {"CONTAINS_STRING", "CONTAINS_ANY_OF_SET", "CONTAINS_ALL_OF_SET"}:
        conditions = [{"in": [each, asked]} for each in values]
        return {"and": conditions} if kind == "CONTAINS_ALL_OF_SET" and len(conditions) > 1 else any_of(conditions)
    if kind in _NUMBERS or kind == "BETWEEN":
        return _numbers(kind, matcher, asked)
    if kind in _VERSIONS:
        return {"sem_ver": [asked, _VERSIONS[kind], str(matcher.get("stringMatcherData"))]}
    if kind == "IN_LIST_SEMVER":
        return any_of([{"sem_ver": [asked, "=", str(each)]} for each in values])
    if kind == "MATCHES_STRING":
        return {"regex": [asked, str(matcher.get("stringMatcherData"))]}
    if kind == "EQUAL_TO_BOOLEAN":
        return {"==": [asked, bool(matcher.get("booleanMatcherData"))]}
    raise UnreadableError(f"there is no matcher {kind!r} in Split's definitions")


def _numbers(kind: str, matcher: Document, asked: Any) -> Any:
    given = mapping(matcher.get("betweenMatcherData" if kind == "BETWEEN" else "unaryNumericMatcherData"), kind)
    dates = given.get("dataType") == "DATETIME"

    def compared(sign: str, value: Any) -> Any:
        return {"date": [asked, sign, value / 1000]} if dates and sign != "==" else {sign: [asked, value]}

    if kind == "BETWEEN":
        return {"and": [compared(">=", given["start"]), compared("<=", given["end"])]}
    return compared(_NUMBERS[kind], given["value"])
