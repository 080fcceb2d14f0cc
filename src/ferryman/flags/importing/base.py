"""What every importer writes into: a flags file in the making, and what a person should know about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from ferryman.flags.definition import KEY_PATTERN, TARGETING_KEY, VARIANT_PATTERN
from ferryman.flags.expression import SEGMENT
from ferryman.flags.shares import Drawn, drawn_logic
from ferryman.flags.slots import BUCKETS
from ferryman.flags.wording import in_words, is_plain

Document = dict[str, Any]
PERCENT_DIGITS = 3
NOBODY: Any = {"in": [{"var": TARGETING_KEY}, list[str]()]}
"""A condition that holds for nobody."""


class UnreadableError(ValueError):
    """The document is not what it was taken for."""


class Choice(NamedTuple):
    """What the other system does not say: who owns release flags, when they end, which environment is read."""

    owner: str = "unknown"
    expires: str = ""
    environment: str = "production"


class Native(NamedTuple):
    """A flag as the other system has it: whose that is, and its JSON."""

    system: str
    body: str


class Imported(NamedTuple):
    """A flags file as a mapping, remarks in the order of the flags, and what flags look like in the other system, by key."""

    document: Document
    notes: tuple[str, ...]
    native: Mapping[str, Native] = MappingProxyType({})


class Split(NamedTuple):
    """How users are divided: variants with their percentages, by an attribute."""

    shares: tuple[tuple[str, float], ...]
    by: str = TARGETING_KEY


class Writer:
    """The flags file in the making."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._flags: Document = {}
        self._segments: Document = {}
        self._notes: list[str] = []
        self._keys: dict[tuple[str, str], str] = {}
        self._inlined: dict[str, Any] = {}
        self._wanted: set[str] = set()
        self._native: dict[str, Native] = {}

    def note(self, flag: str, text: str) -> None:
        """Something to know about a flag."""
        self._notes.append(f"{flag}: {text}")

    def key(self, name: str, kind: str = "flag") -> str:
        """The key for a name of the other system: the same where that is allowed, and always the same one."""
        if (kind, name) not in self._keys:
            made = named(name, KEY_PATTERN, kind)
            taken = {key for (other, _), key in self._keys.items() if other == kind}
            free = next(each for each in (made, *(f"{made}-{n}" for n in range(2, 10_000))) if each not in taken)
            self._keys[kind, name] = free
            if free != name:
                self.note(free, f"is called {name!r} there")
        return self._keys[kind, name]

    def segment(self, name: str, logic: Any) -> None:
        """A segment: by its words, or put into the rules that name it where there are no words for it."""
        key = self.key(name, "segment")
        words = in_words(logic)
        if words is None:
            self._inlined[key] = logic
        else:
            self._segments[key] = words

    def within(self, name: str) -> Any:
        """The condition of being in a segment."""
        key = self.key(name, "segment")
        self._wanted.add(key)
        return {SEGMENT: key}

    def flag(self, name: str, body: Document, native: tuple[str, Document] | None = None) -> None:
        """A flag. Fields that are None or empty are left out; a release flag is given an owner and an end. `native` is whose it
        is and how it looks there, where clients of that system can be sent it as it is."""
        key = self.key(name)
        made = {field: value for field, value in body.items() if value not in (None, "", [], {})}
        if made["kind"] == "release":
            made |= {"owner": made.get("owner", self.choice.owner), "expires": self.choice.expires}
        if native is not None:
            self._native[key] = Native(native[0], json.dumps(native[1], ensure_ascii=False, sort_keys=True))
        self._flags[key] = made

    def finished(self) -> Imported:
        """The file."""
        for key in sorted(self._wanted - self._segments.keys() - self._inlined.keys()):
            self._segments[key] = str(in_words(NOBODY))
            self.note(key, "this segment is not in the export: nobody is in it until you say who")
        for flag in self._flags.values():
            for rules in _lists_of_rules(flag):
                rules[:] = [self._settled(rule) for rule in rules]
        order = ("flags", "segments")
        whole = {"flags": self._flags, "segments": self._segments}
        made = {name: whole[name] for name in order if whole[name]}
        return Imported(made, tuple(dict.fromkeys(self._notes)), self._native)

    def _settled(self, rule: Document) -> Document:
        if "logic" not in rule:
            return rule
        logic = self._opened(rule["logic"])
        words = in_words(logic)
        return (
            {"when": words, "serve": rule["serve"]} if words is not None else {"logic": logic, "serve": rule["serve"]}
        )

    def _opened(self, logic: Any) -> Any:
        if isinstance(logic, dict):
            made = cast("dict[str, Any]", logic)
            if made.get(SEGMENT) in self._inlined:
                return self._opened(self._inlined[made[SEGMENT]])
            return {name: self._opened(value) for name, value in made.items()}
        return [self._opened(each) for each in cast("list[Any]", logic)] if isinstance(logic, list) else logic


def _lists_of_rules(flag: Document) -> list[list[Document]]:
    places = cast("dict[str, Document]", flag.get("environments", {})).values()
    return [cast("list[Document]", each["rules"]) for each in (flag, *places) if "rules" in each]


def named(name: str, pattern: str, fallback: str) -> str:
    """A name in the form of `pattern`: what it does not allow gives way to hyphens."""
    if re.fullmatch(pattern, name):
        return name
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100].strip("-._")
    return made or fallback


def variant_names(names: Sequence[str]) -> list[str]:
    """Names for variants, each once."""
    made: list[str] = []
    for number, name in enumerate(names):
        one = named(name, VARIANT_PATTERN, f"v{number}")[:60]
        made.append(one if one not in made else f"{one}-{number}")
    return made


def rules_for(split: Split, condition: Any, seed: str) -> list[Document]:
    """A division of those for whom a condition holds (None: of all), as rules: each takes the next part of the buckets."""
    rules: list[Document] = []
    reached = 0.0
    for variant, percent in split.shares:
        reached += percent
        if percent <= 0:
            continue
        inside = None if reached >= 100.0 - 1e-6 else below(seed, split.by, reached)
        conditions = [each for each in (condition, inside) if each is not None]
        rules.append(rule(variant, conditions))
    return rules


def below(seed: str, by: str, percent: float) -> Any:
    """The condition of being among the first `percent` of all keys, by a seed of one's own."""
    return drawn_logic(Drawn(seed, by, round(percent * BUCKETS / 100)))


def rule(serve: str, conditions: Sequence[Any]) -> Document:
    """A rule that holds where all conditions do."""
    if not conditions:
        return {"serve": serve}
    return {"logic": conditions[0] if len(conditions) == 1 else {"and": list(conditions)}, "serve": serve}


def rollout_for(split: Split, off: str, seed: str) -> Document:
    """A division of everybody else, as a rollout: what goes to `off` is what is not exposed."""
    shares = [(variant, percent) for variant, percent in split.shares if variant != off and percent > 0]
    exposed = sum(percent for _, percent in shares)
    if not shares:
        first = next((variant for variant, _ in split.shares if variant != off), None)
        return {} if first is None else {"by": split.by, "seed": seed, "split": {first: 100}, "exposure": 0}
    parts = {variant: round(percent * 100 / exposed, PERCENT_DIGITS) for variant, percent in shares}
    last = shares[-1][0]
    parts[last] = round(parts[last] + 100 - sum(parts.values()), PERCENT_DIGITS)
    exposure = round(exposed, PERCENT_DIGITS)
    return {
        "by": split.by,
        "seed": seed,
        "split": {name: short(n) for name, n in parts.items()},
        "exposure": short(exposure),
    }


def short(value: float) -> float | int:
    """A number without a point where it needs none."""
    return int(value) if value == int(value) else value


def mapping(value: Any, what: str) -> Document:
    """The value as a mapping. Raises `UnreadableError`."""
    if not isinstance(value, Mapping):
        raise UnreadableError(f"{what} is no object")
    return dict(cast("Mapping[str, Any]", value))


def objects(value: Any, what: str) -> list[Document]:
    """The value as a list of mappings; nothing counts as none. Raises `UnreadableError`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError(f"{what} is no list")
    return [mapping(each, what) for each in cast("list[Any]", value)]


def listed(value: Any) -> list[Any]:
    """The value as a list; nothing counts as none. Raises `UnreadableError`."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError("a list should stand where there is none")
    return cast("list[Any]", value)


def turned_off(body: Document) -> Document:
    """The flag with its targeting kept, and an environment `prod` in which it serves `off` to everybody."""
    place: Document = {"rules": []}
    place |= {"rollout": {"exposure": 0}} if body.get("rollout") else {"default": body["off"]}
    return {**body, "environments": {"prod": place}}


OFF_THERE = "is off there: in `prod` it serves `off` until you take that out"
DRAWN_ANEW = "its percentages stay, the people inside are drawn anew"


def attribute(name: str) -> Any:
    """The value of an attribute of the context, also one with an odd name."""
    return {"var": name} if is_plain(name) else {"var": [name]}


def any_of(conditions: Sequence[Any]) -> Any:
    """One of them holds; of none, nobody's does."""
    if not conditions:
        return NOBODY
    return conditions[0] if len(conditions) == 1 else {"or": list(conditions)}


def negated(condition: Any, negate: object) -> Any:
    """The opposite, if `negate`."""
    return {"!": [condition]} if negate else condition


def equals_any(attribute: Any, values: Sequence[Any]) -> Any:
    """The attribute is one of the values."""
    return {"in": [attribute, list(values)]}
