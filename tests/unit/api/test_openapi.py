"""The description holds every row of the table, and nothing that is not in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ferryman.api.endpoint import AnyEndpoint
from ferryman.api.openapi import describe, openapi_document
from ferryman.api.routes import ENDPOINTS

DOCUMENT = describe()


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_row_is_in_it_and_nothing_else() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == {(row.method, row.path) for row in ENDPOINTS}
    assert json.loads(openapi_document()) == json.loads(json.dumps(DOCUMENT))


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= known


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row.name)
def test_what_a_row_says_is_told(row: AnyEndpoint) -> None:
    told = DOCUMENT["paths"][row.path][row.method.lower()]
    assert told["operationId"] == row.name
    assert row.media in told["responses"][str(row.status)]["content"]
    assert {p["name"] for p in told["parameters"] if p["in"] == "path"} == set(row.parameters)
    assert {p["name"] for p in told["parameters"] if p["in"] == "query"} == set(row.query.__struct_fields__)
    assert ("security" in told) == (row.permission is None)
    assert any(p["name"] == "Idempotency-Key" for p in told["parameters"]) == row.keyed
    if not row.writes:
        assert "requestBody" not in told


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(set(names)) == len(names)
