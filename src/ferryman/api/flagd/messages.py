"""The messages of flagd's services: which field is which. Evaluation v1 and v2 have the same numbers.

Source: the public definitions of `flagd.evaluation.v1`, `flagd.evaluation.v2` and `flagd.sync.v1`. They differ in what may be
missing: only v2 can leave out `value` and `variant`, for the default in the program's own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ferryman.api.flagd.wire import boolean, double, fields, int64, mapping, mapping_of, message, text, text_of
from ferryman_flags.details import Details
from ferryman_flags.kinds import Kind


class Asked(NamedTuple):
    """`Resolve*Request`: one flag for one user."""

    key: str
    context: dict[str, Any]


# ---------------------------------------------------------------------- requests; each raises MalformedError
def read_asked(data: bytes) -> Asked:
    """`Resolve*Request`: ``flag_key`` 1, ``context`` 2."""
    key, context = "", dict[str, Any]()
    for number, _, value in fields(data):
        if number == 1:
            key = text_of(value)
        elif number == 2:
            context = mapping_of(value)
    return Asked(key, context)


def read_context(data: bytes) -> dict[str, Any]:
    """`ResolveAllRequest`: ``context`` 1."""
    found = [mapping_of(value) for number, _, value in fields(data) if number == 1]
    return found[-1] if found else {}


def read_selector(data: bytes) -> str:
    """`SyncFlagsRequest`, `FetchAllFlagsRequest`: ``selector`` 2. The ``provider_id`` (1) is not kept."""
    found = [text_of(value) for number, _, value in fields(data) if number == 2]
    return found[-1] if found else ""


# ---------------------------------------------------------------------- answers
def resolved(kind: Kind, found: Details) -> bytes:
    """`Resolve*Response`: ``value`` 1, ``reason`` 2, ``variant`` 3, ``metadata`` 4. Raises OverflowError for a value that
    the field cannot hold."""
    value = b""
    if found.variant is not None:
        value = _WRITERS[kind](1, found.value) + text(3, found.variant)
    return value + text(2, str(found.reason)) + mapping(4, found.metadata)


def all_resolved(flags: Mapping[str, bytes]) -> bytes:
    """`ResolveAllResponse` (of v1 alone): ``flags`` 1 by key, ``metadata`` 2."""
    return b"".join(message(1, text(1, key) + message(2, flag)) for key, flag in flags.items()) + mapping(2, {})


def any_flag(found: Details) -> bytes:
    """`AnyFlag`: ``reason`` 1, ``variant`` 2, and of ``bool_value`` 3, ``string_value`` 4, ``double_value`` 5 and
    ``object_value`` 6 one; ``metadata`` 7. Raises OverflowError."""
    value = found.value
    if isinstance(value, bool):
        written = boolean(3, value)
    elif isinstance(value, str):
        written = text(4, value)
    elif isinstance(value, int | float):
        written = double(5, value)
    else:
        written = mapping(6, value)
    return text(1, str(found.reason)) + text(2, found.variant or "") + written + mapping(7, found.metadata)


def event(kind: str, data: Mapping[str, Any]) -> bytes:
    """`EventStreamResponse`: ``type`` 1, ``data`` 2."""
    return text(1, kind) + mapping(2, data)


def changed(present: Iterable[str], gone: Iterable[str]) -> bytes:
    """The event on which a client drops what it knows of these flags."""
    kinds = {key: {"type": "update"} for key in present} | {key: {"type": "delete"} for key in gone}
    return event("configuration_change", {"flags": kinds})


def flag_configuration(document: bytes) -> bytes:
    """`SyncFlagsResponse`, `FetchAllFlagsResponse`: ``flag_configuration`` 1, flagd JSON."""
    return message(1, document)


def sync_metadata() -> bytes:
    """`GetMetadataResponse`: ``metadata`` 2, empty but there: what is in it would get into every context of a client."""
    return mapping(2, {})


_WRITERS = {"boolean": boolean, "string": text, "integer": int64, "float": double, "object": mapping}
