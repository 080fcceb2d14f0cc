"""OFREP 0.3.0, the OpenFeature Remote Evaluation Protocol: how an evaluation is answered.

Beyond the protocol, what its Python provider 0.3.0 needs: `variant` and `errorDetails` are always there, a default of the
program's own code has `variant` "" and no `value`, and numbers of a flag that has fractions are all written with a point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from ferryman.api.access.principal import TooManyAttempts
from ferryman.api.problems import to_document
from ferryman.engine.flags.served import Served
from ferryman.flags.compile import Compiled
from ferryman.model.errors import FerrymanError
from ferryman_flags.kinds import Kind

INACTIVITY_SECONDS = 120
TIMESTAMP = b"$flagd.timestamp"
_encode = msgspec.json.Encoder(order="sorted").encode


class OfrepRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to evaluate for."""

    context: dict[str, Any] = {}


class OfrepFlag(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One flag for one user: `reason`, `variant`, `metadata`, and a `value` unless it is the default in the program's own
    code; or `errorCode` and `errorDetails`, why there is none."""

    key: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    variant: str | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    value: Any = msgspec.UNSET
    error_code: str | msgspec.UnsetType = msgspec.UNSET
    error_details: str | msgspec.UnsetType = msgspec.UNSET


class OfrepStream(msgspec.Struct, frozen=True, rename="camel"):
    """Where a client hears of changes."""

    type: str
    endpoint: dict[str, str]
    inactivity_delay_sec: int


class OfrepBulk(msgspec.Struct, frozen=True, rename="camel"):
    """All flags for one user."""

    flags: tuple[OfrepFlag, ...] = ()
    event_streams: tuple[OfrepStream, ...] = ()
    metadata: dict[str, Any] = {}


def evaluated(served: Served, key: str, context: Mapping[str, Any]) -> OfrepFlag:
    """One flag for one user. Never raises."""
    compiled = served.flags.get(key)
    details = served.evaluator.details(key, None, context, kind=_kind(compiled) if compiled else None)
    if details.error is not None:
        code = str(details.error)
        return OfrepFlag(key, error_code=code, error_details=details.message or code)
    metadata = dict(details.metadata)
    if details.variant is None:
        return OfrepFlag(key, str(details.reason), "", metadata)
    return OfrepFlag(key, str(details.reason), details.variant, metadata, details.value)


def _kind(compiled: Compiled) -> Kind:
    """The type of a flag: numbers are whole only if all of them are."""
    values = list(compiled["variants"].values())
    if isinstance(values[0], bool):
        return "boolean"
    if isinstance(values[0], str):
        return "string"
    if isinstance(values[0], int | float):
        return "float" if any(isinstance(value, float) for value in values) else "integer"
    return "object"


def single_response(found: OfrepFlag) -> Response:
    """The answer to the evaluation of one flag."""
    status = {msgspec.UNSET: 200, "FLAG_NOT_FOUND": 404}.get(found.error_code, 400)
    return _json(found, status)


def bulk(served: Served, context: Mapping[str, Any], stream_uri: str) -> OfrepBulk:
    """All flags for one user."""
    found = tuple(evaluated(served, key, context) for key in sorted(served.flags))
    stream = OfrepStream("sse", {"requestUri": stream_uri}, INACTIVITY_SECONDS)
    return OfrepBulk(found, (stream,), {"ferryman.environment": served.environment, "ferryman.version": served.version})


def bulk_etag(served: Served, context: Mapping[str, Any], answer: OfrepBulk | None = None) -> str:
    """The validator of a bulk answer: of config version and context; of the values where they depend on the time. None of
    it is secret, but the context is another's: a hash."""
    facts = [served.environment, served.version, context, answer.flags if answer else None]
    return f'"{hashlib.sha256(_encode(facts)).hexdigest()[:32]}"'


def depends_on_time(served: Served) -> bool:
    """Whether an answer may be another one a second later."""
    return TIMESTAMP in served.encoded()


def bulk_response(answer: OfrepBulk, etag: str) -> Response:
    """The answer to a bulk evaluation."""
    return _json(answer, 200, {"etag": etag, "cache-control": "no-cache"})


def refused(error: FerrymanError) -> Response:
    """An error in the words of the protocol: statuses as everywhere, `errorDetails` for people."""
    status = to_document(error).status
    known = {"errorDetails": error.message}
    if status < 500:
        known |= {"errorCode": "INVALID_CONTEXT" if status in {400, 413} else "GENERAL", "key": ""}
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["retry-after"] = str(error.seconds)
    return Response(_encode(known), status, headers, "application/json")


def _json(value: object, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(value), status, headers, "application/json")
