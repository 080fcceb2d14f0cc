"""The table agrees with the model, the JSON Schema with the parser, and the committed reference with both."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from ferryman.model.errors import SpecError
from ferryman.model.release import Approval, BlueGreen, Canary, Check, Release, Rolling
from ferryman.spec.catalog import example, example_names
from ferryman.spec.document import load
from ferryman.spec.gate_table import APPROVAL
from ferryman.spec.kinds import read
from ferryman.spec.nodes import plain
from ferryman.spec.parse import DEFAULTS, parse_release
from ferryman.spec.reference import reference_markdown
from ferryman.spec.report import Report
from ferryman.spec.schema import json_schema, json_schema_text
from ferryman.spec.shapes import Key, Keys, section
from ferryman.spec.special import CHECK
from ferryman.spec.strategy_table import BLUE_GREEN, CANARY, ROLLING
from ferryman.spec.table import ROOT

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"
# Keys whose value is put together by a section, and so has no field of its own.
BUILT = {"steps", "hold", "preset"}


def flat(keys: Keys) -> list[Key]:
    found: list[Key] = []
    for key in keys.keys:
        inner = section(key.kind)
        found += flat(inner) if inner else [key]
    return found


def model_value(model: object, target: str) -> object:
    for name in target.split("."):
        model = getattr(model, name)
    return model


def pairs() -> list[tuple[Key, object]]:
    listed: list[tuple[Key, object]] = [(key, DEFAULTS) for key in flat(ROOT)]
    apart = ((ROLLING, Rolling()), (BLUE_GREEN, BlueGreen()), (CANARY, Canary()), (APPROVAL, Approval()))
    for keys, model in apart:
        listed += [(key, model) for key in flat(keys) if key.name not in BUILT]
    return listed


@pytest.mark.parametrize(("key", "model"), pairs(), ids=lambda item: item.name if isinstance(item, Key) else "")
def test_a_default_is_that_of_the_model(key: Key, model: object) -> None:
    if key.required:
        return
    value = model_value(model, key.model)
    if key.default is None:
        assert value in (None, False), key.name
        return
    report = Report("default")
    node = load(json.dumps(key.default), report)
    assert read(key.kind, node, key.name, report) == value
    assert not report.failed


def test_every_field_of_the_model_has_a_key() -> None:
    targets = {key.model for key in flat(ROOT)}
    for name in msgspec.structs.asdict(DEFAULTS):
        assert name in targets or any(t.startswith(f"{name}.") for t in targets), name
    for keys, model in ((ROLLING, Rolling), (BLUE_GREEN, BlueGreen), (CANARY, Canary), (APPROVAL, Approval)):
        known = {key.target for key in keys.keys}
        assert set(model.__struct_fields__) <= known, model
    for group, model in (
        ("routing", DEFAULTS.routing),
        ("analysis", DEFAULTS.analysis),
        ("deadlines", DEFAULTS.deadlines),
        ("approvals", DEFAULTS.approvals),
    ):
        for name in msgspec.structs.asdict(model):
            assert any(t == f"{group}.{name}" or t.startswith(f"{group}.{name}.") for t in targets), (group, name)
    assert len(CHECK.keys) == len(Check.__struct_fields__)


def test_a_parsed_release_fits_its_model() -> None:
    """Values are put in without a check of types; this is the check."""
    for name in example_names():
        release = parse_release(example(name), name)
        assert msgspec.json.decode(msgspec.json.encode(release), type=Release) == release


@pytest.mark.parametrize("name", example_names())
def test_the_schema_accepts_an_example(name: str) -> None:
    assert faults(json_schema(), plain(load(example(name), Report(name)))) == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "service: shop",
        "{service: Shop, run: {command: x}}",
        "{service: shop, run: {comand: x}}",
        "{service: shop, run: {command: x}, replicas: 0}",
        "{service: shop, run: {command: x, stopTimeout: 10}}",
        "{service: shop, run: {command: x, env: {PORT: '1'}}}",
        "{service: shop, run: {command: x, files: [../x]}}",
        "{service: shop, run: {command: x}, strategy: recreate}",
        "{service: shop, run: {command: x}, strategy: {recreate: true}}",
        "{service: shop, run: {command: x}, strategy: {canary: {steps: []}}}",
        "{service: shop, run: {command: x}, strategy: {canary: {steps: [{weight: 5, pause: {}}]}}}",
        "{service: shop, run: {command: x}, strategy: {rolling: {maxSurge: 1, maximumPercent: 200}}}",
        "{service: shop, run: {command: x}, strategy: {rolling: {}, canary: {}}}",
        "{service: shop, run: {command: x}, health: {http: /, tcp: true}}",
        "{service: shop, run: {command: x}, analysis: {limits: {errors: 5}}}",
        "{service: shop, run: {command: x}, traffic: {testers: [{value: x}]}}",
    ],
)
def test_schema_and_parser_refuse_alike(text: str) -> None:
    assert faults(json_schema(), plain(load(text, Report("x"))))
    with pytest.raises(SpecError):
        parse_release(text, "x")


def test_the_schema_describes_every_key() -> None:
    def described(shape: object) -> None:
        if isinstance(shape, dict):
            for name, inner in shape.get("properties", {}).items():
                assert inner.get("description"), name
            for inner in shape.values():
                described(inner)
        elif isinstance(shape, list):
            for inner in shape:
                described(inner)

    described(json_schema())


@pytest.mark.parametrize(
    ("file", "made"), [("release-file.md", reference_markdown), ("release.schema.json", json_schema_text)]
)
def test_the_committed_reference_is_not_stale(file: str, made) -> None:
    assert (DOCS / file).read_text(encoding="utf-8") == made(), f"print it anew: see the head of docs/reference/{file}"


def test_links_of_the_reference_lead_somewhere() -> None:
    page = reference_markdown()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert links
    assert links <= headings


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}


def faults(schema: dict, value: object) -> list[str]:
    """A JSON Schema validator for the words that our schema uses; an unknown word is an error."""
    unknown = schema.keys() - CHECKS.keys() - {"$schema", "title", "description", "default"}
    assert not unknown
    return [word for word, check in CHECKS.items() if word in schema and not check(schema[word], value, schema)]


def is_type(name: str, value: object, schema: dict) -> bool:
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in {"integer", "number"})


def good(schema: dict, value: object) -> bool:
    return not faults(schema, value)


CHECKS = {
    "type": is_type,
    "enum": lambda options, v, s: v in options,
    "const": lambda only, v, s: v == only,
    "pattern": lambda p, v, s: not isinstance(v, str) or re.search(p, v) is not None,
    "minLength": lambda n, v, s: not isinstance(v, str) or len(v) >= n,
    "maxLength": lambda n, v, s: not isinstance(v, str) or len(v) <= n,
    "minimum": lambda n, v, s: not is_type("number", v, s) or v >= n,
    "maximum": lambda n, v, s: not is_type("number", v, s) or v <= n,
    "minItems": lambda n, v, s: not isinstance(v, list) or len(v) >= n,
    "maxItems": lambda n, v, s: not isinstance(v, list) or len(v) <= n,
    "maxProperties": lambda n, v, s: not isinstance(v, dict) or len(v) <= n,
    "items": lambda item, v, s: not isinstance(v, list) or all(good(item, x) for x in v),
    "required": lambda names, v, s: not isinstance(v, dict) or all(name in v for name in names),
    "properties": lambda ps, v, s: not isinstance(v, dict) or all(good(ps[k], x) for k, x in v.items() if k in ps),
    "propertyNames": lambda inner, v, s: not isinstance(v, dict) or all(good(inner, k) for k in v),
    "additionalProperties": lambda inner, v, s: (
        not isinstance(v, dict)
        or all(inner is not False and good(inner, x) for k, x in v.items() if k not in s.get("properties", {}))
    ),
    "anyOf": lambda options, v, s: any(good(o, v) for o in options),
    "oneOf": lambda options, v, s: sum(good(o, v) for o in options) == 1,
    "allOf": lambda options, v, s: all(good(o, v) for o in options),
    "not": lambda inner, v, s: not good(inner, v),
}
