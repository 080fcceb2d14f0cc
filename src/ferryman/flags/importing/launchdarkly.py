"""LaunchDarkly: what its server SDKs are sent (`{flags, segments}`), or a list of flags of its REST API (`{items}`).

The forms are those of the SDK endpoint ``/sdk/latest-all`` and of ``GET /api/v2/flags/{project}``, as documented.
"""

from __future__ import annotations

from typing import Any, cast

from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    DRAWN_ANEW,
    OFF_THERE,
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
    negated,
    objects,
    rollout_for,
    rule,
    rules_for,
    short,
    turned_off,
    variant_names,
)

NAME = "launchdarkly"
WEIGHTS = 1000.0
"""Weights are thousandths of a percent."""

_COMPARED = {"lessThan": "<", "lessThanOrEqual": "<=", "greaterThan": ">", "greaterThanOrEqual": ">="}
_VERSIONS = {"semVerEqual": "=", "semVerLessThan": "<", "semVerGreaterThan": ">"}
_TEXTS = {"startsWith": "starts_with", "endsWith": "ends_with", "matches": "regex"}
_DATES = {"before": "<", "after": ">"}


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    if isinstance(document.get("items"), list):
        return any("variations" in each for each in objects(document["items"], "items"))
    flags = document.get("flags")
    return isinstance(flags, dict) and any(
        isinstance(each, dict) and "variations" in each and "fallthrough" in each
        for each in cast("Document", flags).values()
    )


def read(document: Document, choice: Choice) -> Imported:
    """The flags of one environment. Raises `UnreadableError`."""
    writer = Writer(choice)
    for key, segment in mapping(document.get("segments", {}), "segments").items():
        writer.segment(key, _segment(mapping(segment, f"segment {key}"), writer))
    flags = _flags(document, choice)
    names = {str(one["key"]): _names(one) for one in flags}
    for one in flags:
        _flag(one, writer, names)
    return writer.finished()


def _flags(document: Document, choice: Choice) -> list[Document]:
    if "items" not in document:
        flags = mapping(document.get("flags"), "flags")
        return [{"key": key, **mapping(each, f"flag {key}")} for key, each in flags.items()]
    found: list[Document] = []
    for item in objects(document["items"], "items"):
        places = mapping(item.get("environments", {}), "environments")
        if choice.environment not in places:
            known = ", ".join(sorted(places)) or "none"
            raise UnreadableError(f"flag {item.get('key')} has no environment {choice.environment!r}; it has {known}")
        found.append({**item, **mapping(places[choice.environment], "environment")})
    return found


def _flag(one: Document, writer: Writer, every: dict[str, list[str]]) -> None:
    key = writer.key(str(one["key"]))
    names, values = every[str(one["key"])], _values(one)
    off = one.get("offVariation")
    safe = names[off] if isinstance(off, int) else names[-1]
    rules, fallthrough = _rules(one, names, writer, key), mapping(one.get("fallthrough", {}), "fallthrough")
    body: Document = {
        "kind": _kind(one, fallthrough),
        "description": one.get("description") or one.get("name") or "",
        "variants": dict(zip(names, values, strict=True)),
        "off": safe,
        "needs": [
            {"flag": writer.key(str(each["key"])), "is": every[str(each["key"])][int(each["variation"])]}
            for each in objects(one.get("prerequisites"), "prerequisites")
            if str(each["key"]) in every
        ],
        "rules": rules,
    }
    split = _split(fallthrough, names)
    if split is not None:
        body["rollout"] = rollout_for(split, safe, key)
        writer.note(key, DRAWN_ANEW)
    elif isinstance(fallthrough.get("variation"), int):
        body["default"] = names[fallthrough["variation"]]
    if not one.get("on", True) and one.get("offVariation") is None:
        body["state"] = "disabled"
    elif not one.get("on", True):
        body = turned_off(body)
        writer.note(key, OFF_THERE)
    writer.flag(str(one["key"]), body)


def _values(one: Document) -> list[Any]:
    """Values of the variations: bare for an SDK, in objects over the REST API."""
    if any(isinstance(each, dict) and "_id" in each for each in one["variations"]):
        return [mapping(each, "variation").get("value") for each in one["variations"]]
    return list(cast("list[Any]", one["variations"]))


def _names(one: Document) -> list[str]:
    values = _values(one)
    if all(isinstance(each, bool) for each in values):
        return ["on" if each else "off" for each in values]
    rest = [cast("Document", each) if isinstance(each, dict) else {} for each in one["variations"]]
    given = [each.get("name") if "_id" in each else None for each in rest]
    texts = [each if isinstance(each, str) and len(each) <= 40 else None for each in values]
    return variant_names([str(a or b or f"v{n}") for n, (a, b) in enumerate(zip(given, texts, strict=True))])


def _kind(one: Document, fallthrough: Document) -> str:
    if mapping(fallthrough.get("rollout") or {}, "rollout").get("kind") == "experiment":
        return "experiment"
    return "release" if one.get("temporary") or fallthrough.get("rollout") else "ops"


def _split(place: Document, names: list[str]) -> Split | None:
    rollout = place.get("rollout")
    if rollout is None:
        return None
    made = mapping(rollout, "rollout")
    weights = objects(made.get("variations"), "variations of a rollout")
    shares = tuple((names[int(each["variation"])], short(int(each["weight"]) / WEIGHTS)) for each in weights)
    return Split(shares, _by(made))


def _by(rollout: Document) -> str:
    given = str(rollout.get("bucketBy") or "key")
    return _attribute_name(str(rollout.get("contextKind") or "user"), given)


def _attribute_name(kind: str, given: str) -> str:
    name = given.removeprefix("/").replace("/", ".")
    if kind != "user":
        return f"{kind}.{name}"
    return TARGETING_KEY if name == "key" else name


def _rules(one: Document, names: list[str], writer: Writer, key: str) -> list[Document]:
    made: list[Document] = []
    made += [
        {"allow": [str(each) for each in target["values"]], "serve": names[int(target["variation"])]}
        for target in objects(one.get("targets"), "targets")
        if target.get("values")
    ]
    for target in objects(one.get("contextTargets"), "contextTargets"):
        kind = str(target.get("contextKind") or "user")
        if target.get("values") and kind != "user":
            condition = equals_any(attribute(_attribute_name(kind, "key")), target["values"])
            made.append(rule(names[int(target["variation"])], [condition]))
    for number, each in enumerate(objects(one.get("rules"), "rules")):
        clauses = [_clause(clause, writer) for clause in objects(each.get("clauses"), "clauses")]
        condition = clauses[0] if len(clauses) == 1 else {"and": clauses} if clauses else None
        split = _split(each, names)
        if split is None:
            made.append(rule(names[int(each["variation"])], [] if condition is None else [condition]))
        else:
            made += rules_for(split, condition, f"{key}.{number}")
            writer.note(key, DRAWN_ANEW)
    return made


def _segment(segment: Document, writer: Writer) -> Any:
    key = attribute(TARGETING_KEY)
    conditions: list[Any] = []
    if segment.get("included"):
        conditions.append(equals_any(key, [str(each) for each in segment["included"]]))
    for each in objects(segment.get("rules"), "rules of a segment"):
        clauses = [_clause(clause, writer) for clause in objects(each.get("clauses"), "clauses")]
        if each.get("weight") is not None:
            clauses.append(
                rules_for(Split((("in", short(each["weight"] / WEIGHTS)),)), None, str(segment.get("key")))[0]["logic"]
            )
        conditions.append(clauses[0] if len(clauses) == 1 else {"and": clauses})
    inside = any_of(conditions)
    if not segment.get("excluded"):
        return inside
    outside = {"!": [equals_any(key, [str(each) for each in segment["excluded"]])]}
    return {"and": [outside, inside]}


def _clause(clause: Document, writer: Writer) -> Any:
    operator, values = str(clause.get("op")), listed(clause.get("values"))
    if operator == "segmentMatch":
        return negated(any_of([writer.within(str(each)) for each in values]), clause.get("negate"))
    asked = attribute(_attribute_name(str(clause.get("contextKind") or "user"), str(clause.get("attribute") or "key")))
    return negated(_compared(operator, asked, values), clause.get("negate"))


def _compared(operator: str, asked: Any, values: list[Any]) -> Any:
    if operator == "in":
        return equals_any(asked, values)
    return any_of([_holds(operator, asked, value) for value in values])


def _holds(operator: str, asked: Any, value: Any) -> Any:
    if operator in _COMPARED:
        return {_COMPARED[operator]: [asked, value]}
    if operator in _VERSIONS:
        return {"sem_ver": [asked, _VERSIONS[operator], str(value)]}
    if operator in _DATES:
        return {"date": [asked, _DATES[operator], value]}
    if operator in _TEXTS:
        return {_TEXTS[operator]: [asked, value]}
    if operator == "contains":
        return {"in": [value, asked]}
    raise UnreadableError(f"there is no operator {operator!r} in LaunchDarkly's flags")
