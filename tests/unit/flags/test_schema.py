"""JSON Schema of the values of a flag, and what is said of a value that is not so."""

from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.flags.check import check_flag
from ferryman.flags.definition import Flag, Kind, Variant
from ferryman.flags.schema import mismatches, schema_faults
from ferryman.model.errors import SpecError
from ferryman.spec.flags import parse_flags

PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b", 1]}, "maxItems": 2, "uniqueItems": True},
        "child": {"$ref": "#"},
        "size": {"$ref": "#/$defs/size"},
    },
    "patternProperties": {"^x-": {"type": ["string", "null"]}},
    "additionalProperties": False,
    "$defs": {"size": {"oneOf": [{"const": "s"}, {"type": "number", "multipleOf": 0.1}]}},
}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "ana"},
        {"name": "ana", "age": 7.0, "tags": ["a", 1], "x-any": None, "size": 0.3},
        {"name": "ana", "child": {"name": "ben", "child": {"name": "eve", "size": "s"}}},
    ],
)
def test_what_fits(value: Any) -> None:
    assert list(mismatches(PERSON, value)) == []


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ([], (), "`[]` is no object"),
        ({}, (), "`name` is missing in `{}`"),
        ({"name": 7}, ("name",), "`7` is no string"),
        ({"name": ""}, ("name",), '`""` is shorter than 1'),
        ({"name": "anaana"}, ("name",), '`"anaana"` is longer than 5'),
        ({"name": "ANA"}, ("name",), '`"ANA"` does not match ^[a-z]+$'),
        ({"name": "a", "age": True}, ("age",), "`true` is no integer"),
        ({"name": "a", "age": 1.5}, ("age",), "`1.5` is no integer"),
        ({"name": "a", "age": -1}, ("age",), "`-1` is less than 0"),
        ({"name": "a", "age": 150}, ("age",), "`150` is not less than 150"),
        ({"name": "a", "tags": ["a", True]}, ("tags", 1), '`true` is none of ["a", "b", 1]'),
        ({"name": "a", "tags": ["a", "a"]}, ("tags",), '`["a", "a"]` has something twice'),
        ({"name": "a", "x-1": 3}, ("x-1",), "`3` is no string or null"),
        ({"name": "a", "other": 3}, ("other",), "`other` is not in the schema"),
        ({"name": "a", "size": 0.35}, ("size",), "`0.35` fits 0 of `oneOf`, not one"),
        ({"name": "a", "child": {"name": "b", "child": {}}}, ("child", "child"), "`name` is missing in `{}`"),
    ],
)
def test_what_does_not_is_told_with_path_and_value(value: Any, path: tuple[Any, ...], message: str) -> None:
    assert (path, message) in list(mismatches(PERSON, value))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (True, 1, ...),
        (False, ..., 1),
        ({"not": {"type": "string"}}, 1, "x"),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 3, 2),
        ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2, 4),
        ({"contains": {"const": 1}}, [2, 1], [2, True]),
        ({"prefixItems": [{"const": "x"}], "items": {"type": "number"}}, ["x", 1, 2], ["x", "y"]),
        ({"propertyNames": {"maxLength": 2}}, {"ab": 1}, {"abc": 1}),
        ({"minProperties": 1, "maxProperties": 1}, {"a": 1}, {}),
        ({"const": {"a": [1, {"b": False}]}}, {"a": [1, {"b": False}]}, {"a": [1, {"b": 0}]}),
        ({"minItems": 1}, "no list", []),
        ({"title": "t", "description": "d", "format": "email", "default": 1}, "x", ...),
    ],
)
def test_keywords(schema: Any, good: Any, bad: Any) -> None:
    assert list(schema_faults(schema)) == []
    assert good is ... or list(mismatches(schema, good)) == []
    assert bad is ... or list(mismatches(schema, bad)) != []


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ([], (), "`[]` is no schema"),
        ({"tpye": "object"}, ("tpye",), "`tpye` is not looked at here"),
        ({"type": "text"}, ("type",), '`"text"` is nothing for `type`'),
        ({"properties": {"a": {"minLength": -1}}}, ("properties", "a", "minLength"), "`-1` is nothing for"),
        ({"anyOf": [True, {"multipleOf": 0}]}, ("anyOf", 1, "multipleOf"), "`0` is nothing for"),
        ({"$ref": "https://example.com/other.json"}, ("$ref",), "there is no"),
        ({"$ref": "#/$defs/none"}, ("$ref",), "there is no"),
        ({"pattern": "("}, ("pattern",), "it is no pattern"),
        ({"pattern": "(?=a)"}, ("pattern",), "lookaround"),
        ({"if": True}, ("if",), "not looked at"),
    ],
)
def test_a_schema_that_is_none(schema: Any, path: tuple[Any, ...], message: str) -> None:
    found = list(schema_faults(schema))
    assert [each.path for each in found] == [path]
    assert message in found[0].message


def test_neither_a_circle_nor_a_thicket_holds_it_up() -> None:
    circle = {"$ref": "#"}
    assert list(schema_faults(circle)) == []
    assert "too many steps" in next(mismatches(circle, 1)).message
    thicket = {"anyOf": [{"$ref": "#/$defs/a"}] * 20, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}] * 20},
               "b": {"anyOf": [{"$ref": "#/$defs/c"}] * 20}, "c": {"anyOf": [{"const": n} for n in range(20)]}}}  # fmt: skip
    assert "too many steps" in next(mismatches(thicket, "x")).message
    deep: Any = True
    for _ in range(40):
        deep = {"not": deep}
    assert "deep" in next(schema_faults(deep)).message


def flag(value: Any, schema: Any) -> Flag:
    return Flag(key="plan", kind=Kind.PERMISSION, variants=(Variant("full", value), Variant("none", {"name": "x"})),
                off="none", schema=schema)  # fmt: skip


def test_a_flag_with_a_wrong_variant_is_refused() -> None:
    assert list(check_flag(flag({"name": "ana"}, PERSON))) == []
    (finding,) = check_flag(flag({"name": "ana", "age": "7"}, PERSON))
    assert finding.path == ("flags", "plan", "variants", "full", "age")
    assert finding.message == '`"7"` is no integer'
    assert "`full`" in finding.hint
    (finding,) = check_flag(replace(flag({}, None), schema={"typ": "object"}))
    assert finding.path == ("flags", "plan", "schema", "typ")
    many = flag({"name": "ana"} | {f"k{n}": n for n in range(100)}, PERSON)
    assert len(list(check_flag(many))) == 10


def test_the_place_of_a_wrong_value_is_that_in_the_file() -> None:
    text = """flags:
  plan:
    kind: permission
    variants:
      full: {requests: many}
      none: {requests: 0}
    off: none
    schema: {properties: {requests: {type: integer}}}
"""
    with pytest.raises(SpecError) as caught:
        parse_flags(text, "flags.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.path) == (5, 24, "flags.plan.variants.full.requests")
    assert problem.message == '`"many"` is no integer'
