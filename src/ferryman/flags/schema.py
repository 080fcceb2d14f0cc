"""JSON Schema of the values of a flag (draft 2020-12): the keywords that plain values need, and none that reads other documents.

A schema with a keyword that is not looked at here is refused, so nobody believes in a check that is none. Source: the
vocabularies "core", "applicator" and "validation" of draft 2020-12.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from ferryman_flags.patterns import PatternError, search_of

DEPTH_MAX = 32
STEPS_MAX = 20_000
"""Comparisons of a part of a value with a part of its schema, for one value."""

SHOWN_CHARACTERS = 60
Path = tuple[str | int, ...]
Found = Iterator["Mismatch"]


class Mismatch(NamedTuple):
    """What is wrong, and where: a path into the value, or into the schema."""

    path: Path
    message: str


def schema_faults(schema: Any) -> Found:
    """What is wrong with a schema itself."""
    yield from _faults(schema, schema, (), 0)


def mismatches(schema: Any, value: Any) -> Found:
    """Where a value is not what a schema without faults asks for."""
    yield from _Check(schema).of(schema, value, (), 0)


# ---------------------------------------------------------------------- the schema
def _faults(schema: Any, root: Any, path: Path, depth: int) -> Found:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield Mismatch(path, f"{_shown(schema)} is no schema: an object, true or false")
        return
    if depth > DEPTH_MAX:
        yield Mismatch(path, f"it is nested more than {DEPTH_MAX} deep")
        return
    for name, given in cast("dict[str, Any]", schema).items():
        form = FORMS.get(name)
        if form is None:
            yield Mismatch((*path, name), f"`{name[:40]}` is not looked at here: known are {', '.join(sorted(RULES))}")
        elif not form(given):
            yield Mismatch((*path, name), f"{_shown(given)} is nothing for `{name}`")
        elif name in {"pattern", "patternProperties"}:
            for pattern in [given] if name == "pattern" else given:
                yield from _pattern_faults(pattern, (*path, name))
        elif name == "$ref" and _referred(root, given) is None:
            yield Mismatch((*path, name), f"there is no {_shown(given)} here: write #, or #/$defs/NAME")
        if form is not None and form(given):
            for place, inside in _inside(name, given):
                yield from _faults(inside, root, (*path, name, *place), depth + 1)


def _pattern_faults(pattern: str, path: Path) -> Found:
    try:
        search_of(pattern)
    except PatternError as error:
        yield Mismatch(path, f"the pattern {_shown(pattern)} cannot be used: {error}")


def _inside(name: str, given: Any) -> Iterator[tuple[Path, Any]]:
    """The schemas within the value of a keyword."""
    if name in {"properties", "patternProperties", "$defs"}:
        yield from (((key,), inside) for key, inside in given.items())
    elif name in {"allOf", "anyOf", "oneOf", "prefixItems"}:
        yield from (((number,), inside) for number, inside in enumerate(given))
    elif name in {"additionalProperties", "items", "not", "contains", "propertyNames"}:
        yield (), given


def _referred(root: Any, reference: str) -> Any:
    if reference == "#":
        return root
    defined: Any = cast("dict[str, Any]", root).get("$defs", {}) if isinstance(root, dict) else {}
    return defined.get(reference.removeprefix("#/$defs/")) if reference.startswith("#/$defs/") else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(cast("list[Any]", value))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[Any]", value))


def _is_types(value: Any) -> bool:
    names = cast("list[Any]", value) if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in TYPES for name in names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _is_any(_: Any) -> bool:
    return True


# ---------------------------------------------------------------------- a value
def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + '...'}`"


TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": _is_text,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == math.floor(value),
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(cast("list[Any]", one), cast("list[Any]", other), strict=False)
        return len(cast("list[Any]", one)) == len(cast("list[Any]", other)) and all(_same(*pair) for pair in pairs)
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    return one == other


class _TooMuchError(Exception):
    """It would take too long."""


class _Check:
    """Of one value."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def of(self, schema: Any, value: Any, path: Path, depth: int) -> Found:
        """Mismatches of a part of it."""
        try:
            yield from tuple(self._of(schema, value, path, depth))
        except _TooMuchError:
            if depth:
                raise
            yield Mismatch(path, "to compare it with the schema takes too many steps: make the schema simpler")

    def _of(self, schema: Any, value: Any, path: Path, depth: int) -> Found:
        self._steps += 1
        if self._steps > STEPS_MAX or depth > 4 * DEPTH_MAX:
            raise _TooMuchError
        if isinstance(schema, bool):
            if not schema:
                yield Mismatch(path, f"{_shown(value)} must not be here")
            return
        for name, given in cast("dict[str, Any]", schema).items():
            rule = RULES.get(name)
            if rule is not None:
                yield from rule(_Asked(self, schema, given, value, path, depth + 1))

    def fits(self, schema: Any, value: Any, path: Path, depth: int) -> bool:
        """Whether there is none."""
        return next(self.of(schema, value, path, depth), None) is None

    def referred(self, reference: str) -> Any:
        """The schema that a `$ref` names."""
        return _referred(self._root, reference)


class _Asked(NamedTuple):
    """What a rule is asked: does `value`, at `path`, fit the value `given` of its keyword in `schema`?"""

    check: _Check
    schema: Any
    given: Any
    value: Any
    path: Path
    depth: int

    @property
    def members(self) -> Mapping[str, Any] | None:
        """Those of an object."""
        value = self.value
        return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None

    @property
    def elements(self) -> list[Any] | None:
        """Those of a list."""
        value = self.value
        return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else None


Rule = Callable[[_Asked], Found]


def _limit(kind: str, holds: Callable[[Any, Any], bool], said: str) -> Rule:
    """Of a size or a number, where the value is of that type at all."""

    def rule(at: _Asked) -> Found:
        if TYPES[kind](at.value) and not holds(at.value, at.given):
            yield Mismatch(at.path, f"{_shown(at.value)} {said.format(at.given)}")

    return rule


def _type(at: _Asked) -> Found:
    given = at.given
    names = cast("list[str]", given if isinstance(given, list) else [given])
    if not any(TYPES[name](at.value) for name in names):
        yield Mismatch(at.path, f"{_shown(at.value)} is no {' or '.join(names)}")


def _enum(at: _Asked) -> Found:
    if not any(_same(at.value, each) for each in at.given):
        yield Mismatch(at.path, f"{_shown(at.value)} is none of {_shown(at.given)[1:-1]}")


def _const(at: _Asked) -> Found:
    if not _same(at.value, at.given):
        yield Mismatch(at.path, f"{_shown(at.value)} is not {_shown(at.given)}")


def _required(at: _Asked) -> Found:
    if (members := at.members) is not None:
        yield from (
            Mismatch(at.path, f"`{name}` is missing in {_shown(at.value)}") for name in at.given if name not in members
        )


def _properties(at: _Asked) -> Found:
    if (members := at.members) is not None:
        for name in at.given:
            if name in members:
                yield from at.check.of(at.given[name], members[name], (*at.path, name), at.depth)


def _pattern_properties(at: _Asked) -> Found:
    if (members := at.members) is not None:
        for pattern, inside in at.given.items():
            search = search_of(pattern)
            for name in members:
                if search(name):
                    yield from at.check.of(inside, members[name], (*at.path, name), at.depth)


def _additional(at: _Asked) -> Found:
    if (members := at.members) is not None:
        searches = [search_of(pattern) for pattern in at.schema.get("patternProperties", ())]
        for name in members:
            if name not in at.schema.get("properties", {}) and not any(search(name) for search in searches):
                if at.given is False:
                    yield Mismatch((*at.path, name), f"`{name}` is not in the schema")
                else:
                    yield from at.check.of(at.given, members[name], (*at.path, name), at.depth)


def _names(at: _Asked) -> Found:
    if (members := at.members) is not None:
        for name in members:
            yield from at.check.of(at.given, name, (*at.path, name), at.depth)


def _prefix(at: _Asked) -> Found:
    if (elements := at.elements) is not None:
        for number, (inside, item) in enumerate(zip(at.given, elements, strict=False)):
            yield from at.check.of(inside, item, (*at.path, number), at.depth)


def _items(at: _Asked) -> Found:
    if (elements := at.elements) is not None:
        start = len(at.schema.get("prefixItems", ()))
        for number, item in enumerate(elements[start:], start):
            yield from at.check.of(at.given, item, (*at.path, number), at.depth)


def _contains(at: _Asked) -> Found:
    if (elements := at.elements) is not None and not any(
        at.check.fits(at.given, item, at.path, at.depth) for item in elements
    ):
        yield Mismatch(at.path, f"{_shown(at.value)} has nothing that `contains` asks for")


def _unique(at: _Asked) -> Found:
    if at.given and (elements := at.elements) is not None:
        encoded = [json.dumps(item, sort_keys=True, default=str) for item in elements]
        if len(set(encoded)) < len(encoded):
            yield Mismatch(at.path, f"{_shown(at.value)} has something twice")


def _all_of(at: _Asked) -> Found:
    for inside in at.given:
        yield from at.check.of(inside, at.value, at.path, at.depth)


def _any_of(at: _Asked) -> Found:
    if not any(at.check.fits(inside, at.value, at.path, at.depth) for inside in at.given):
        yield Mismatch(at.path, f"{_shown(at.value)} fits none of `anyOf`")


def _one_of(at: _Asked) -> Found:
    fitting = sum(at.check.fits(inside, at.value, at.path, at.depth) for inside in at.given)
    if fitting != 1:
        yield Mismatch(at.path, f"{_shown(at.value)} fits {fitting} of `oneOf`, not one")


def _not(at: _Asked) -> Found:
    if at.check.fits(at.given, at.value, at.path, at.depth):
        yield Mismatch(at.path, f"{_shown(at.value)} is what `not` forbids")


def _ref(at: _Asked) -> Found:
    yield from at.check.of(at.check.referred(at.given), at.value, at.path, at.depth)


def _multiple(value: Any, given: Any) -> bool:
    part = value / given
    return math.isclose(part, round(part), rel_tol=1e-12) if math.isfinite(part) else False


RULES: dict[str, Rule] = {
    "type": _type, "enum": _enum, "const": _const, "required": _required, "properties": _properties,
    "patternProperties": _pattern_properties, "additionalProperties": _additional, "propertyNames": _names,
    "prefixItems": _prefix, "items": _items, "contains": _contains, "uniqueItems": _unique,
    "allOf": _all_of, "anyOf": _any_of, "oneOf": _one_of, "not": _not, "$ref": _ref,
    "minimum": _limit("number", lambda value, given: value >= given, "is less than {}"),
    "maximum": _limit("number", lambda value, given: value <= given, "is more than {}"),
    "exclusiveMinimum": _limit("number", lambda value, given: value > given, "is not more than {}"),
    "exclusiveMaximum": _limit("number", lambda value, given: value < given, "is not less than {}"),
    "multipleOf": _limit("number", _multiple, "is no multiple of {}"),
    "minLength": _limit("string", lambda value, given: len(value) >= given, "is shorter than {}"),
    "maxLength": _limit("string", lambda value, given: len(value) <= given, "is longer than {}"),
    "pattern": _limit("string", lambda value, given: search_of(given)(value), "does not match {}"),
    "minItems": _limit("array", lambda value, given: len(value) >= given, "has fewer than {} items"),
    "maxItems": _limit("array", lambda value, given: len(value) <= given, "has more than {} items"),
    "minProperties": _limit("object", lambda value, given: len(value) >= given, "has fewer than {} properties"),
    "maxProperties": _limit("object", lambda value, given: len(value) <= given, "has more than {} properties"),
}  # fmt: skip
"""Keywords that are looked at."""

FORMS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("$schema", "$id", "$comment", "title", "description", "format", "$ref", "pattern"), _is_text),
    **dict.fromkeys(("default", "examples", "deprecated", "readOnly", "const"), _is_any),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("additionalProperties", "items", "not", "contains", "propertyNames"), _is_schema),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _is_schemas),
    **dict.fromkeys(("properties", "patternProperties", "$defs"), _is_map),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "uniqueItems": lambda value: isinstance(value, bool),
    "required": _is_texts,
    "enum": _is_schemas,
    "type": _is_types,
}  # fmt: skip
"""What the value of a keyword must be. Those without a rule are for people."""
