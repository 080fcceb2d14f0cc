"""Our protocol buffers against Google's: what one writes the other reads, and no bytes do more than be refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from openfeature.schemas.protobuf.flagd.evaluation.v1 import evaluation_pb2 as v1
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2 as v2
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2

from ferryman.api.flagd import messages, wire
from ferryman_flags.details import Details
from ferryman_flags.errors import Reason

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
LEAVES = st.none() | st.booleans() | st.text() | NUMBERS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=6)


def theirs(data: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(data)
    return made


@given(OBJECTS)
def test_structures_are_read_and_written_as_theirs(data: dict[str, Any]) -> None:
    assert wire.mapping_of(theirs(data).SerializeToString()) == data
    read = v1.EventStreamResponse.FromString(messages.event("x", data))
    assert read.type == "x"
    assert MessageToDict(read.data) == MessageToDict(theirs(data))


@given(st.text(max_size=40), OBJECTS)
def test_requests_are_read(key: str, context: dict[str, Any]) -> None:
    for version in (v1, v2):
        asked = version.ResolveBooleanRequest(flag_key=key, context=theirs(context)).SerializeToString()
        assert messages.read_asked(asked) == (key, context)
    assert messages.read_context(v1.ResolveAllRequest(context=theirs(context)).SerializeToString()) == context
    asked = sync_pb2.SyncFlagsRequest(provider_id=key, selector=f"{key}!").SerializeToString()
    assert messages.read_selector(asked) == f"{key}!"
    assert messages.read_selector(b"") == ""


@given(st.binary(max_size=200))
def test_bytes_are_a_message_or_refused(data: bytes) -> None:
    for read in (messages.read_asked, messages.read_context, messages.read_selector, wire.mapping_of):
        with contextlib.suppress(wire.MalformedError):
            read(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x0a\x05ab", "longer than its message"),
        (b"\x0a", "ends within a number"),
        (b"\x80" * 11, "more than 10 bytes"),
        (b"\x00\x00", "the number 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0a\x01\xff", "not UTF-8"),
        (b"\x08\x01", "a number stands"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, why: str) -> None:
    with pytest.raises(wire.MalformedError, match=why):
        messages.read_asked(data)


def test_depth_is_bounded() -> None:
    for begin, end in (("{", "}"), ("[", "]")):
        item = b""
        for _ in range(wire.DEPTH_MAX + 2):
            entry = wire.text(1, "k") + wire.message(2, item)
            item = (
                wire.message(5, wire.message(1, entry))
                if begin + end == "{}"
                else wire.message(6, wire.message(1, item))
            )
        with pytest.raises(wire.MalformedError, match="deep"):
            wire.mapping_of(wire.message(1, wire.text(1, "k") + wire.message(2, item)))


def test_unknown_fields_are_passed_over() -> None:
    data = wire.text(1, "key") + wire.double(9, 1.5) + b"\x5d\x01\x02\x03\x04" + wire.boolean(10, value=True)
    assert messages.read_asked(data) == ("key", {})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("boolean", "Boolean", False),
        ("string", "String", "Ä"),
        ("integer", "Int", -3),
        ("integer", "Int", 2**63 - 1),
        ("float", "Float", 0.1),
        ("object", "Object", {"a": [1.0, None, {"b": True}]}),
    ],
)
def test_answers_are_read_by_them(kind: Any, name: str, value: Any) -> None:
    found = Details(value, "one", Reason.TARGETING_MATCH, metadata={"ferryman.kind": "ops", "n": 1})
    for version in (v1, v2):
        read = getattr(version, f"Resolve{name}Response").FromString(messages.resolved(kind, found))
        got = MessageToDict(read.value) if kind == "object" else read.value
        assert (got, read.variant, read.reason) == (value, "one", "TARGETING_MATCH")
        assert MessageToDict(read.metadata) == {"ferryman.kind": "ops", "n": 1.0}


def test_a_code_default_has_neither_value_nor_variant() -> None:
    read = v2.ResolveBooleanResponse.FromString(messages.resolved("boolean", Details(None, None, Reason.DISABLED)))
    assert (read.HasField("value"), read.HasField("variant"), read.reason) == (False, False, "DISABLED")


def test_all_flags_are_read_by_them() -> None:
    values: dict[str, Any] = {"flag": True, "text": "t", "number": 2, "object": {"a": 1.0}}
    flags = {key: messages.any_flag(Details(value, "one", Reason.STATIC)) for key, value in values.items()}
    read = v1.ResolveAllResponse.FromString(messages.all_resolved(flags)).flags
    kinds = {"flag": "bool_value", "text": "string_value", "number": "double_value", "object": "object_value"}
    assert {key: flag.WhichOneof("value") for key, flag in read.items()} == kinds
    assert (read["flag"].bool_value, read["text"].string_value, read["number"].double_value) == (True, "t", 2.0)
    assert MessageToDict(read["object"].object_value) == {"a": 1.0}
    assert {(flag.variant, flag.reason) for flag in read.values()} == {("one", "STATIC")}


def test_numbers_that_have_no_place_are_refused() -> None:
    for kind, value in (("integer", 2**63), ("float", 10**400)):
        with pytest.raises(OverflowError):
            messages.resolved(kind, Details(value, "one", Reason.STATIC))  # type: ignore[arg-type]
    assert math.isinf(v1.ResolveFloatResponse.FromString(wire.double(1, math.inf)).value)


def test_sync_messages_are_read_by_them() -> None:
    read = sync_pb2.SyncFlagsResponse.FromString(messages.flag_configuration(b'{"flags": {}}'))
    assert read.flag_configuration == '{"flags": {}}'
    metadata = sync_pb2.GetMetadataResponse.FromString(messages.sync_metadata())
    assert MessageToDict(metadata) == {"metadata": {}}
