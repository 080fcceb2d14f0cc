"""Framing: where a message ends, however its bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.demo import wire


def test_a_head_is_taken_apart() -> None:
    start, fields = wire.split_head(b"GET / HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two:2 \r\nCookie: a=1\r\ncookie: b=2")
    assert start == b"GET / HTTP/1.1"
    assert fields == {b"host": b"a", b"x-two": b"1, 2", b"cookie": b"a=1; b=2"}


@pytest.mark.parametrize(
    "line", [b"no colon", b"Name : value", b" folded: line", b": empty", b"a: b\x00", b"a: b\nc: d", b"a: b\rc"]
)
def test_a_malformed_field_is_refused(line: bytes) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.split_head(b"GET / HTTP/1.1\r\n" + line)
    assert caught.value.status == 400


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.split_head(b"GET / HTTP/1.1" + b"\r\na: b" * 101)
    assert caught.value.status == 431


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.lists(st.integers(1, 9), min_size=1))
def test_a_chunked_body_ends_where_it_ends_however_it_is_cut(chunks: list[bytes], cuts: list[int]) -> None:
    message = b"".join(b"%x;x=y\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nTrailer: 1\r\n\r\n"
    data = message + b"NEXT"
    body = wire.Body(None, chunked=True, sample_bytes=1000)
    buffer = bytearray()
    position = step = 0
    done = False
    while not done and position < len(message):
        size = min(cuts[step % len(cuts)], len(message) - position)
        buffer += data[position : position + size]
        position += size
        step += 1
        done = body.take(buffer)
    assert done
    assert position == len(message)
    assert not buffer
    assert body.sample == b"".join(chunks)


@given(st.integers(0, 50), st.integers(1, 60))
def test_a_counted_body_leaves_what_follows(length: int, size: int) -> None:
    data = b"b" * length + b"NEXT"
    body = wire.Body(length)
    buffer = bytearray()
    for position in range(0, len(data), size):
        buffer += data[position : position + size]
        body.take(buffer)
    assert body.total_bytes == length
    assert buffer == b"NEXT"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({b"content-length": b"-1"}, 400),
        ({b"content-length": b"1, 2"}, 400),
        ({b"content-length": b"1" * 30}, 400),
        ({b"content-length": b"101"}, 413),
        ({b"content-length": b"1", b"transfer-encoding": b"chunked"}, 400),
        ({b"transfer-encoding": b"gzip"}, 501),
    ],
)
def test_a_request_body_that_cannot_be_read_is_refused(fields: dict[bytes, bytes], status: int) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.request_body(fields, 100)
    assert caught.value.status == status


@pytest.mark.parametrize("data", [b"zz\r\n", b"-1\r\n", b"1\r\nabc", b"ff\r\n" + b"x" * 255 + b"\r\n", b"1" * 2000])
def test_a_broken_or_too_long_chunk_is_refused(data: bytes) -> None:
    body = wire.Body(None, chunked=True, limit_bytes=100)
    with pytest.raises(wire.WireError):
        body.take(bytearray(data))


@pytest.mark.parametrize(
    ("version", "fields", "close"),
    [
        (b"HTTP/1.1", {}, False),
        (b"HTTP/1.1", {b"connection": b"Keep-Alive, Close"}, True),
        (b"HTTP/1.0", {}, True),
        (b"HTTP/1.0", {b"connection": b"keep-alive"}, False),
    ],
)
def test_who_keeps_the_connection(version: bytes, fields: dict[bytes, bytes], close: bool) -> None:
    assert wire.wants_close(version, fields) is close
