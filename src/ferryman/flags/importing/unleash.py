"""Unleash: what its clients are sent by ``GET /api/client/features``, which is also the form of its state exports.

The form is that of the client specification, version 2 of the response, or its deltas. A feature and its variants are one flag here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, cast

from ferryman.flags.check import json_type
from ferryman.flags.definition import TARGETING_KEY
from ferryman.flags.importing.base import (
    DRAWN_ANEW,
    OFF_THERE,
    PERCENT_DIGITS,
    Choice,
    Document,
    Imported,
    Split,
    Writer,
    any_of,
    attribute,
    equals_any,
    listed,
    mapping,
    objects,
    rollout_for,
    rule,
    rules_for,
    short,
    turned_off,
    variant_names,
)
from ferryman.flags.importing.unleash_deltas import added_up, is_delta
from ferryman.flags.importing.unleash_ways import ANYBODY, Entry, constraint, entry, stickiness

NAME = "unleash"
_KINDS = {"release": "release", "experiment": "experiment", "permission": "permission"}
_NO_VARIANT = "disabled"
"""What a feature that is on and has no variant calls it."""
_ON = "on"


class _Way(NamedTuple):
    """A strategy: who gets in, and what they get. `chosen` says who is given a certain variant before any division;
    `seed` is that of the division."""

    entry: Entry
    split: Split
    chosen: tuple[tuple[Any, str], ...]
    seed: str

    @property
    def is_divided(self) -> bool:
        """Whether users get different things."""
        return len(self.split.shares) > 1


class _Names(NamedTuple):
    """Variants by the names they have here, and those names by the ones they have there. `on` is what a feature gives that
    is on and has no variants."""

    values: Document
    of: Mapping[str, str]
    on: str
    off: str


def recognises(document: Document) -> bool:
    """Whether a document is of this kind."""
    if is_delta(document):
        return True
    features = document.get("features")
    return isinstance(features, list) and all(
        isinstance(each, dict) and "name" in each for each in cast("list[Any]", features)
    )


def read(document: Document, choice: Choice) -> Imported:
    """All features. Raises `UnreadableError`."""
    document = added_up(document) if is_delta(document) else document
    writer = Writer(choice)
    for segment in objects(document.get("segments"), "segments"):
        name = str(segment["id"])
        conditions = [constraint(each, name, writer) for each in objects(segment.get("constraints"), "constraints")]
        writer.segment(name, {"and": conditions} if len(conditions) > 1 else any_of(conditions or [ANYBODY]))
    features = {str(each["name"]): each for each in objects(document.get("features"), "features")}
    for feature in features.values():
        _feature(feature, features, writer)
    return writer.finished()


def _feature(feature: Document, features: Mapping[str, Document], writer: Writer) -> None:
    key = writer.key(str(feature["name"]))
    names, has_mixed = _names(feature)
    if has_mixed:
        writer.note(key, "its payloads are of several types: all are texts here")
    if names.of:
        writer.note(
            key, f"the feature and its variants are one flag here: `{names.off}` stands for a feature that is off"
        )
    body: Document = {
        "kind": _KINDS.get(str(feature.get("type")), "ops"),
        "description": feature.get("description") or "",
        "variants": names.values,
        "off": names.off,
    }
    ways = _ways(feature, key, names, writer)
    if any(not way.entry.is_whole or way.is_divided for way in ways):
        writer.note(key, DRAWN_ANEW)
    needs = _needs(feature, features, writer)
    if needs is None:
        writer.note(key, "it depends on a feature in a way that has no form here: it is off")
    else:
        body |= {"needs": needs, **_decided(ways, names.off, key, str(body["kind"]))}
    if body["kind"] == "experiment" and not body.get("rollout"):
        body["kind"] = "ops"
    if not feature.get("enabled", True):
        body = turned_off(body)
        writer.note(key, OFF_THERE)
    writer.flag(str(feature["name"]), body, None if _is_incomplete(feature) else (NAME, feature))


def _is_incomplete(feature: Document) -> bool:
    """Whether it says part of what it means elsewhere, segments being numbers of that system, or is off: that is meant for
    `prod` alone."""
    return not feature.get("enabled", True) or any(
        each.get("segments") for each in objects(feature.get("strategies"), "strategies")
    )


def _decided(ways: list[_Way], off: str, key: str, kind: str) -> Document:
    """The rules, and what becomes of everybody else."""
    rules = [each for way in ways[:-1] for each in _rules(way, key)]
    last = ways[-1]
    if last.entry.condition is None and last.entry.is_whole and not last.is_divided and not last.chosen:
        return {"rules": rules, "default": last.split.shares[0][0]}
    if kind == "permission" or not _is_rollout(last, is_only=len(ways) == 1):
        return {"rules": [*rules, *_rules(last, key)]}
    if last.entry.condition is not None:
        rules.append(rule(off, [{"!": [last.entry.condition]}]))
    rules += [rule(variant, [condition]) for condition, variant in last.chosen]
    exposed = min(last.entry.percent, 100.0)
    shares = tuple((name, percent * exposed / 100) for name, percent in last.split.shares)
    seed = last.seed if exposed >= 100 else last.entry.seed
    return {"rules": rules, "rollout": rollout_for(Split(shares, last.entry.by), off, seed)}


def _is_rollout(way: _Way, *, is_only: bool) -> bool:
    """Whether it can be one: nobody comes after it, and one attribute draws who gets in and what they get."""
    by_one = not way.is_divided or way.split.by == way.entry.by
    is_plain = way.entry.condition is None or (is_only and (way.is_divided or not way.entry.is_whole))
    return by_one and is_plain and (not way.chosen or way.entry.percent >= 100)


def _rules(way: _Way, key: str) -> list[Document]:
    whole = way.entry.whole()
    made = [
        rule(variant, [each for each in (whole, condition) if each is not None]) for condition, variant in way.chosen
    ]
    return [*made, *rules_for(way.split, whole, f"{key}.variants")]


def _ways(feature: Document, key: str, names: _Names, writer: Writer) -> list[_Way]:
    """At least one: a feature without strategies is on for everybody."""
    of_feature = objects(feature.get("variants"), "variants")
    made: list[_Way] = []
    for number, each in enumerate(objects(feature.get("strategies"), "strategies") or [{"name": "default"}]):
        own = objects(each.get("variants"), "variants")
        found = entry(each, key, number, writer)
        variants = own or of_feature
        seed, by = (found.seed, found.by) if own else (str(feature["name"]), _sticky(variants))
        made.append(_Way(found, Split(_shares(variants, names), by), tuple(_chosen(variants, names)), seed))
    return made


def _sticky(variants: list[Document]) -> str:
    return stickiness(variants[0] if variants else {}, "") or TARGETING_KEY


def _shares(variants: list[Document], names: _Names) -> tuple[tuple[str, float], ...]:
    """Percentages that sum to 100."""
    if not variants:
        return ((names.on, 100),)
    total = sum(float(each.get("weight", 0)) for each in variants) or 1.0
    percents = [round(float(each.get("weight", 0)) * 100 / total, PERCENT_DIGITS) for each in variants]
    largest = max(range(len(percents)), key=percents.__getitem__)
    percents[largest] = round(percents[largest] + 100 - sum(percents), PERCENT_DIGITS)
    return tuple((names.of[str(each["name"])], short(n)) for each, n in zip(variants, percents, strict=True))


def _chosen(variants: list[Document], names: _Names) -> Iterator[tuple[Any, str]]:
    for variant in variants:
        for each in objects(variant.get("overrides"), "overrides"):
            name = str(each.get("contextName"))
            values = [str(value) for value in listed(each.get("values"))]
            asked = attribute(TARGETING_KEY if name == "userId" else name)
            yield equals_any(asked, values), names.of[str(variant["name"])]


def _names(feature: Document) -> tuple[_Names, bool]:
    """With whether payloads had to be made texts of."""
    lists = [objects(each.get("variants"), "variants") for each in objects(feature.get("strategies"), "strategies")]
    shared = objects(feature.get("variants"), "variants")
    found = {str(each["name"]): _payload(each) for each in (*chain(*lists), *shared)}
    if not found:
        return _Names({"on": True, "off": False}, {}, "on", "off"), False
    if not shared and not all(lists or [[]]):
        found.setdefault(_ON, _ON)
    types = {json_type(value) for value in found.values()}
    if len(types) > 1:
        found = {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    of = dict(zip(found, variant_names(list(found)), strict=True))
    values = {of[name]: value for name, value in found.items()}
    off = next(name for name in ("off", "none", "off-there") if name not in values)
    first = next(iter(values.values()))
    return _Names({**values, off: type(first)()}, of, of.get(_ON, ""), off), len(types) > 1


def _payload(variant: Document) -> Any:
    """The value of a variant: its payload, or its name without one. What is no JSON though it says so is a text."""
    payload = mapping(variant.get("payload") or {}, "payload")
    text = str(payload.get("value", variant["name"]))
    if payload.get("type") in {"json", "number"}:
        try:
            found = json.loads(text)
            return text if found is None else found
        except ValueError:
            return text
    return text


def _needs(feature: Document, features: Mapping[str, Document], writer: Writer) -> list[Document] | None:
    """What a feature depends on; None if it can never be on, or only in a way that has no form here.

    As in Unleash, a parent that has parents itself, or is not there, keeps its children off.
    """
    needs: list[Document] = []
    for each in objects(feature.get("dependencies"), "dependencies"):
        parent = features.get(str(each.get("feature")))
        if parent is None or parent.get("dependencies"):
            return None
        names, _ = _names(parent)
        given = [str(name) for name in listed(each.get("variants"))]
        if each.get("enabled") is False:
            wanted = {names.off}
        elif given:
            wanted = {
                names.on if name == _NO_VARIANT else names.of.get(name, "") for name in given
            } & names.values.keys()
        else:
            wanted = names.values.keys() - {names.off}
        if len(wanted) != 1:
            return None
        needs.append({"flag": writer.key(str(parent["name"])), "is": wanted.pop()})
    return needs
