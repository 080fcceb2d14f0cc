"""Reading requests, each part within its limit; answers and refusals as JSON."""

from __future__ import annotations

import asyncio
import hashlib
import re
from functools import cache
from typing import Any, TypeVar, cast, get_args
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ferryman.api import wire
from ferryman.api.access.principal import TooManyAttempts
from ferryman.api.problems import MEDIA_TYPE, to_document
from ferryman.model.errors import FerrymanError, UsageError
from ferryman.model.view import ServiceView

BODY_SECONDS = 10.0
"""A body that is not whole after this long is given up."""

WHOLE = "ferryman.body"
"""Where a scope has the body of a request that was whole before anybody asked for it."""

FORM_BYTES_MAX = 64 * 1024
FORM_FIELDS_MAX = 10
SHOWN_CHARACTERS = 60
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.(?P<where>.*)`)?$", re.DOTALL)

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


class Foreign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of somebody else's protocol: any JSON, decoded; the handler takes out what it knows."""

    data: Any = None


async def read_body(request: Request, media: str = JSON, most: int = wire.BODY_BYTES_MAX) -> bytes:
    """The body as it came; JSON need not say that it is. Raises `UsageError`: ``too_large``, ``slow_request``,
    ``not_json`` or ``not_form``, ``bad_request``."""
    given = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    if given != media:
        code = "not_json" if media == JSON else "not_form"
        raise UsageError(code, f"the body is {given[:SHOWN_CHARACTERS]!r}", f"send {media}")
    most = most if media == JSON else FORM_BYTES_MAX
    if WHOLE in request.scope:
        return _within(request.scope[WHOLE], most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, most)
    except TimeoutError:
        raise UsageError(
            "slow_request", f"the body was not whole after {BODY_SECONDS:g} s", "nothing was changed: send it again"
        ) from None
    except ClientDisconnect:
        raise UsageError("bad_request", "the connection ended before the body was whole") from None


def decode_body(data: bytes, kind: type[T]) -> T:
    """A body as `kind`; an empty one is an empty object. Raises `UsageError` (``bad_request``)."""
    try:
        if kind is Foreign:
            return cast("T", Foreign(wire.decode(data or b"null", object)))
        return wire.decode(data or b"{}", kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UsageError("bad_request", f"the body cannot be read: {problem}") from None


def decode_form(data: bytes, kind: type[T]) -> T:
    """The fields of an HTML form in UTF-8 as `kind`. Raises `UsageError` (``bad_request``), also for one that is given twice
    or unknown."""
    try:
        fields = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX
        )
        if len(dict(fields)) < len(fields):
            raise UsageError("bad_request", "a field of the form is given twice")
        return msgspec.convert(dict(fields), kind, strict=False)
    except (ValueError, msgspec.ValidationError) as problem:
        raise UsageError("bad_request", f"the form cannot be read: {problem}") from None


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> UsageError:
    return UsageError("too_large", f"the body is larger than {most} bytes", "send less at once")


def read_query(request: Request, kind: type[S], *, is_open: bool = False) -> S:
    """The query as `kind`. Raises `UsageError` (``bad_request``), also for a name that is given twice or unknown; when it
    `is_open`, unknown ones are passed over."""
    given: dict[str, str] = {}
    known_names = _names(kind)
    for name, value in request.query_params.multi_items() if request.scope["query_string"] else ():
        if is_open and name not in known_names:
            continue
        if name in given:
            raise UsageError("bad_request", f"{name!r} is given twice in the query")
        if value.lower() == "null" and name in _may_be_left_out(kind):  # it would be taken for none at all
            raise UsageError("bad_request", f"{name}={value} in the query is no value", f"leave {name} out")
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as problem:
        found = _PLACE.match(str(problem))
        where = found["where"] if found else None
        said = (
            f"{where}={given.get(where, '')[:SHOWN_CHARACTERS]!r}: {found['what']}" if found and where else str(problem)
        )
        known = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise UsageError("bad_request", f"the query: {said}", f"known here: {known}" if known else "") from None


@cache
def _may_be_left_out(kind: type[msgspec.Struct]) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(field.encode_name for field in fields if type(None) in get_args(field.type))


@cache
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Names of a query, looked up once: it takes longer than all the rest of reading one."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return encoded_answer(wire.encode(value), status, headers)


def encoded_answer(data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that is encoded already."""
    return Response(data, status_code=status, headers=headers, media_type="application/json")


def etag(value: object) -> str:
    """A weak validator: the same as long as nothing but the time of the look changed."""
    return f'W/"{hashlib.sha256(wire.encode(_timeless(value))).hexdigest()[:32]}"'


def _timeless(value: object) -> object:
    if isinstance(value, ServiceView):
        return msgspec.structs.replace(value, at=0.0)
    if isinstance(value, tuple):
        return tuple(_timeless(each) for each in cast("tuple[object, ...]", value))
    return value


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller says that it has an answer of this validator (RFC 9110, 13.1.2: compared weakly)."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or tag.removeprefix("W/") in {t.strip().removeprefix("W/") for t in given.split(",")}


def refuse(error: FerrymanError) -> Response:
    """The error as a problem document."""
    document = to_document(error)
    headers = {"www-authenticate": "Bearer"} if document.status == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["retry-after"] = str(error.seconds)
    return Response(wire.encode(document), status_code=document.status, headers=headers, media_type=MEDIA_TYPE)
