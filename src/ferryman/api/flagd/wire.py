"""Protocol buffers on the wire, as far as flagd's messages go: strings, numbers, messages, and `google.protobuf.Struct`.

Source: the public description of the encoding (protobuf.dev, "Encoding") and of the well-known type `Struct`. A field is
written even when it holds its default, which every reader takes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

DEPTH_MAX = 100
"""Of structures in one another, as in other implementations."""

VARINT_BYTES_MAX = 10
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
INT64 = 2**63
_double = struct.Struct("<d")

NULL, NUMBER, STRING, BOOL, STRUCT, LIST = 1, 2, 3, 4, 5, 6
"""Fields of `google.protobuf.Value`."""


class MalformedError(ValueError):
    """These bytes are no such message."""


# ---------------------------------------------------------------------- reading
def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field: an int for a varint, bytes for all else. Raises `MalformedError`."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise MalformedError("a field has the number 0")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == LENGTH:
            length, at = _varint(data, at)
        elif kind in {FIXED64, FIXED32}:
            length = 8 if kind == FIXED64 else 4
        else:
            raise MalformedError(f"field {number} has the wire type {kind}")
        if length > end - at:
            raise MalformedError(f"field {number} is longer than its message")
        yield number, kind, data[at : at + length]
        at += length


def text_of(value: Any) -> str:
    """A string field. Raises `MalformedError`."""
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise MalformedError("a string is not UTF-8") from None


def mapping_of(value: Any, depth: int = 0) -> dict[str, Any]:
    """A field that is a `Struct`. Numbers are doubles. Raises `MalformedError`."""
    if depth > DEPTH_MAX:
        raise MalformedError(f"structures are more than {DEPTH_MAX} deep")
    found: dict[str, Any] = {}
    for number, _, entry in fields(_bytes(value)):
        if number == 1:
            key, item = "", b""
            for part, _, inner in fields(_bytes(entry)):
                if part == 1:
                    key = text_of(inner)
                elif part == 2:
                    item = _bytes(inner)
            found[key] = _value(item, depth)
    return found


def _value(data: bytes, depth: int) -> Any:
    found: Any = None
    for number, kind, value in fields(data):
        if number == NUMBER and kind == FIXED64:
            found = _double.unpack(value)[0]
        elif number == STRING:
            found = text_of(value)
        elif number == BOOL and kind == VARINT:
            found = value != 0
        elif number == STRUCT:
            found = mapping_of(value, depth + 1)
        elif number == LIST:
            if depth > DEPTH_MAX:
                raise MalformedError(f"lists are more than {DEPTH_MAX} deep")
            found = [_value(_bytes(item), depth + 1) for part, _, item in fields(_bytes(value)) if part == 1]
        elif number == NULL:
            found = None
    return found


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise MalformedError("a number stands where a text or a message belongs")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 7 * VARINT_BYTES_MAX, 7):
        if at >= len(data):
            raise MalformedError("the message ends within a number")
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
    raise MalformedError(f"a number has more than {VARINT_BYTES_MAX} bytes")


# ---------------------------------------------------------------------- writing
def text(number: int, value: str) -> bytes:
    """A string field. What is no Unicode (half a surrogate pair) becomes a question mark."""
    return message(number, value.encode("utf-8", "replace"))


def message(number: int, body: bytes) -> bytes:
    """A field that is a message."""
    return _number(number << 3 | LENGTH) + _number(len(body)) + body


def boolean(number: int, value: bool) -> bytes:
    """A bool field."""
    return _number(number << 3 | VARINT) + (b"\x01" if value else b"\x00")


def int64(number: int, value: int) -> bytes:
    """An int64 field. Raises OverflowError for what has more bits."""
    if not -INT64 <= value < INT64:
        raise OverflowError(f"{value} has more than 64 bits")
    return _number(number << 3 | VARINT) + _number(value & (2 * INT64 - 1))


def double(number: int, value: float) -> bytes:
    """A double field. Raises OverflowError for a whole number that no double holds."""
    return _number(number << 3 | FIXED64) + _double.pack(float(value))


def mapping(number: int, value: Mapping[str, Any]) -> bytes:
    """A field that is a `Struct`, of JSON values. Raises as `double` does."""
    return message(number, _struct(value))


def _struct(value: Mapping[str, Any]) -> bytes:
    return b"".join(message(1, text(1, str(key)) + message(2, _item(each))) for key, each in value.items())


def _item(value: Any) -> bytes:
    if value is None:
        return _number(NULL << 3) + b"\x00"
    if isinstance(value, bool):
        return boolean(BOOL, value)
    if isinstance(value, int | float):
        return double(NUMBER, value)
    if isinstance(value, str):
        return text(STRING, value)
    if isinstance(value, Mapping):
        return mapping(STRUCT, cast("Mapping[str, Any]", value))
    return message(LIST, b"".join(message(1, _item(each)) for each in value))


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
