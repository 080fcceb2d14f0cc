"""The OpenAPI 3.1 description, made from the route table and the types it names (OpenAPI Specification 3.1.0)."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from ferryman import __version__
from ferryman.api.endpoint import JSON, AnyEndpoint, Nothing
from ferryman.api.problems import MEDIA_TYPE, ProblemDocument
from ferryman.api.requests import Foreign
from ferryman.api.routes import GROUPS

Schema = dict[str, Any]
REF = "#/components/schemas/{name}"
TEXT = {"type": "string", "minLength": 1}
PATH_SCHEMAS: dict[str, Schema] = {
    "service": {**TEXT, "maxLength": 200, "description": "Name of a service"},
    "rollout": {**TEXT, "maxLength": 200, "description": "Id of a rollout, such as shop-7"},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "What succeeded under a key is not done again for 24 hours: the first answer comes back.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the answer that the caller has.",
    "schema": {"type": "string"},
}
PROBLEMS = {
    400: "The request makes no sense",
    401: "It is not known who asks",
    403: "Who asks may not do this",
    404: "No such service, rollout, instance or path",
    405: "Not a method of this path",
    406: "Not in any form that is accepted",
    408: "The body came too slowly",
    409: "Not possible now, or somebody was first; nothing was changed",
    410: "Gone",
    413: "The body is too large",
    422: "A release file with errors, or an idempotency key that was used with another request",
    429: "Too many attempts",
    431: "Request line and headers are too large",
    503: "A store, router or target failed",
}
BY_THE_CONNECTION = (431,)
ALWAYS = (400, 401, 403, 404, 429, 503)
WHEN_WRITING = (408, 409, 413, 422)


@cache
def openapi_document() -> bytes:
    """The description as JSON."""
    return msgspec.json.encode(describe())


def describe() -> Schema:
    """The description as plain values."""
    rows = [(group, row) for group, endpoints in GROUPS.items() for row in endpoints]
    kinds = _Kinds([kind for _, row in rows for kind in (row.answer, row.query, row.body)])
    paths: dict[str, Schema] = {}
    for group, row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(group, row, kinds)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ferryman",
            "version": __version__,
            "summary": "The controller of one project: services, rollouts, verbs, the event log.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in GROUPS],
        "paths": paths,
        "components": {
            "schemas": kinds.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "ferry",
                    "description": "Its whole name is set by POST /v1/session, differs between controllers, and with HTTPS "
                    "begins with `__Host-`.",
                },
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


class _Kinds:
    """Schemas of the types that the table names, by the types."""

    def __init__(self, kinds: list[Any]) -> None:
        self._kinds = [kind for n, kind in enumerate(kinds) if kind not in kinds[:n]] + [ProblemDocument]
        self._schemas, self.components = msgspec.json.schema_components(
            self._kinds, schema_hook=_anything, ref_template=REF
        )

    def schema(self, kind: Any) -> Schema:
        """A reference, or the schema itself for what has no name."""
        return self._schemas[self._kinds.index(kind)]

    def fields(self, kind: type[msgspec.Struct]) -> Schema:
        """The schema of a struct, with its properties."""
        return self.components[self.schema(kind)["$ref"].rpartition("/")[2]]


def _anything(kind: type) -> Schema:
    """A value that may be any JSON."""
    if kind is object:
        return {"description": "Any JSON"}  # an empty schema is taken for none
    raise NotImplementedError


def _operation(group: str, row: AnyEndpoint, kinds: _Kinds) -> Schema:
    operation: Schema = {
        "operationId": row.name,
        "tags": [group],
        "summary": row.summary,
        "parameters": _parameters(row, kinds),
        "responses": _responses(row, kinds),
        "x-permission": {"needs": row.permission.value if row.permission else None, "on": row.scope.value},
    }
    if row.detail:
        operation["description"] = row.detail
    if row.permission is None:
        operation["security"] = [{}, {"token": []}, {"session": []}] if row.refusal is None else []
    if row.writes and row.body is not Nothing:
        foreign = row.body is Foreign
        required = not foreign and bool(kinds.fields(row.body).get("required"))
        content = {row.takes: {"schema": _anything(object) if foreign else kinds.schema(row.body)}}
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _parameters(row: AnyEndpoint, kinds: _Kinds) -> list[Schema]:
    found: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": PATH_SCHEMAS.get(name, TEXT)}
        for name in row.parameters
    ]
    fields = kinds.fields(row.query)
    for name, schema in fields["properties"].items():
        required = name in fields.get("required", ())
        found.append({"name": name, "in": "query", "required": required, "schema": _without_null(schema)})
    if row.keyed:
        found.append(IDEMPOTENCY_KEY)
    if row.tagged:
        found.append(IF_NONE_MATCH)
    return found


def _without_null(schema: Schema) -> Schema:
    """A query cannot say null: a name that is not given stands for it."""
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _responses(row: AnyEndpoint, kinds: _Kinds) -> Schema:
    schema: Schema = kinds.schema(row.answer) if row.media == "application/json" else {"type": "string"}
    good: Schema = {"description": row.summary, "content": {row.media: {"schema": schema}}}
    found: Schema = {str(row.status): good}
    if row.tagged:
        good["headers"] = {"ETag": {"schema": {"type": "string"}}}
        found["304"] = {"description": "As the caller has it"}
    body = problem = {MEDIA_TYPE: {"schema": kinds.schema(ProblemDocument)}}
    if row.refusal is not None:
        body = {row.media: {"schema": {"type": "string"}}}
    elif row.wording is not None:
        body = {JSON: {"schema": {"type": "object"}}}
    statuses = {*ALWAYS, *BY_THE_CONNECTION, *(WHEN_WRITING if row.writes else ()), *row.problems}
    for status in sorted(statuses):
        # What the connection refuses reaches no endpoint, and has its wording.
        content = problem if status in BY_THE_CONNECTION else body
        found[str(status)] = {"description": PROBLEMS[status], "content": content}
    return found
