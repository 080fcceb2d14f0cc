"""Reading requests: bodies within their limit, numbers within theirs, answers as JSON."""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ferryman.api import wire
from ferryman.api.problems import MEDIA_TYPE, to_document
from ferryman.model.errors import FerrymanError, UsageError

T = TypeVar("T")


async def read_body(request: Request, kind: type[T]) -> T:
    """The JSON body as `kind`; an empty one is an empty object. Raises `UsageError`: ``too_large``, ``not_json``,
    ``bad_request``."""
    given = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if given != "application/json":
        raise UsageError("not_json", f"the body is {given!r}", "send application/json")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > wire.BODY_BYTES_MAX:
            raise UsageError(
                "too_large", f"the body is larger than {wire.BODY_BYTES_MAX} bytes", "a release file is far smaller"
            )
        parts.append(part)
    try:
        return wire.decode(b"".join(parts) or b"{}", kind)
    except msgspec.DecodeError as problem:
        raise UsageError("bad_request", f"the body cannot be read: {problem}") from None


def number(request: Request, name: str, default: float, low: float, high: float) -> float:
    """The number in the query. Raises `UsageError` (``bad_request``) outside of `low` to `high`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise UsageError("bad_request", f"{name}={text!r} is no number from {low:g} to {high:g}")
    return value


def text(value: str, name: str, characters_max: int) -> str:
    """A text that people write, within its limit. Raises `UsageError` (``bad_request``)."""
    if len(value) > characters_max:
        raise UsageError("bad_request", f"{name} has {len(value)} characters, at most {characters_max} are kept")
    return value


def answer(value: object) -> Response:
    """200 with `value` as JSON."""
    return Response(wire.encode(value), media_type="application/json")


def refuse(error: FerrymanError) -> Response:
    """The error as a problem document."""
    document = to_document(error)
    return Response(wire.encode(document), status_code=document.status, media_type=MEDIA_TYPE)
