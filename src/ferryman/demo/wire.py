"""HTTP/1.1 framing shared by the sample shop and the load client; no sockets in here.

Both programs need the start line and the headers of a message, and to know where its body ends; neither keeps a body.
Source: RFC 9112 sections 2 to 7 (message syntax and framing), RFC 9110 section 5 (fields).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_HEAD_BYTES = 32 * 1024
MAX_CHUNK_LINE_BYTES = 1024
MAX_HEADER_COUNT = 100

HEAD_END = b"\r\n\r\n"

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_UNSAFE_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_JOINERS = {b"set-cookie": b"\n", b"cookie": b"; "}


class WireError(ValueError):
    """A message that breaks HTTP/1.1. ``status`` is what a server answers to it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def is_token(text: bytes) -> bool:
    """True if ``text`` may stand as a method or a field name."""
    return _TOKEN.fullmatch(text) is not None


def split_head(head: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Take a message head (without its closing empty line) apart into start line and fields.

    Field names come in lower case. A repeated field is joined with a comma, ``cookie`` with ``; `` and
    ``set-cookie`` with a newline, which can stand in none of them. Raises WireError(400 or 431).
    """
    lines = head.split(b"\r\n")
    if len(lines) > MAX_HEADER_COUNT + 1:
        raise WireError(431, f"more than {MAX_HEADER_COUNT} header fields")
    fields: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name) is None or _UNSAFE_VALUE.search(value):
            raise WireError(400, "malformed header field")
        name = name.lower()
        value = value.strip(b" \t")
        if name in fields:
            value = fields[name] + _JOINERS.get(name, b", ") + value
        fields[name] = value
    return lines[0], fields


def wants_close(version: bytes, fields: Mapping[bytes, bytes]) -> bool:
    """True if the connection ends after this message: by its ``Connection`` field, or by HTTP/1.0 without keep-alive."""
    connection = fields.get(b"connection")
    if connection is None:
        return version == b"HTTP/1.0"
    options = {option.strip() for option in connection.lower().split(b",")}
    if b"close" in options:
        return True
    return version == b"HTTP/1.0" and b"keep-alive" not in options


class Body:
    """Finds the end of a message body and throws the bytes away, but for a short sample of its beginning.

    ``length`` is the Content-Length in bytes, None with ``chunked`` false means: until the connection closes.
    ``limit_bytes`` bounds the whole body (WireError 413), ``sample_bytes`` is how much of its start to keep.
    """

    __slots__ = ("_chunked", "_in_trailer", "_left", "_length", "_limit", "_sample_bytes", "sample", "total_bytes")

    def __init__(
        self, length: int | None, *, chunked: bool = False, limit_bytes: int | None = None, sample_bytes: int = 0
    ) -> None:
        if limit_bytes is not None and length is not None and length > limit_bytes:
            raise WireError(413, f"body of {length} bytes is over the limit of {limit_bytes}")
        self._chunked = chunked
        self._in_trailer = False
        self._left = 0 if chunked or length is None else length
        self._length = length
        self._limit = limit_bytes
        self._sample_bytes = sample_bytes
        self.sample = b""
        self.total_bytes = 0

    @property
    def until_close(self) -> bool:
        """True if only the end of the connection ends this body."""
        return not self._chunked and self._length is None

    def take(self, buffer: bytearray) -> bool:
        """Remove this body's bytes from the front of ``buffer``; True once the body is complete."""
        if self._chunked:
            return self._take_chunks(buffer)
        if self._length is None:
            self._drop(buffer, len(buffer))
            return False
        self._left -= self._drop(buffer, min(self._left, len(buffer)))
        return self._left == 0

    def _drop(self, buffer: bytearray, count: int) -> int:
        if count and self._sample_bytes > len(self.sample):
            self.sample += bytes(buffer[: min(count, self._sample_bytes - len(self.sample))])
        self.total_bytes += count
        if self._limit is not None and self.total_bytes > self._limit:
            raise WireError(413, f"body is over the limit of {self._limit} bytes")
        del buffer[:count]
        return count

    def _take_chunks(self, buffer: bytearray) -> bool:
        while True:
            if self._left > 2:
                self._left -= self._drop(buffer, min(self._left - 2, len(buffer)))
                if self._left > 2:
                    return False
            if self._left:
                if len(buffer) < 2:
                    return False
                if not buffer.startswith(b"\r\n"):
                    raise WireError(400, "chunk is longer than its size line says")
                del buffer[:2]
                self._left = 0
            end = buffer.find(b"\r\n")
            if end < 0:
                if len(buffer) > MAX_CHUNK_LINE_BYTES:
                    raise WireError(400, "chunk line too long")
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._in_trailer:
                if not line:
                    return True
                continue
            size = line.partition(b";")[0].strip()
            if _CHUNK_SIZE.fullmatch(size) is None:
                raise WireError(400, "malformed chunk size")
            count = int(size, 16)
            if count:
                self._left = count + 2
            else:
                self._in_trailer = True


def content_length(fields: Mapping[bytes, bytes]) -> int | None:
    """The Content-Length in bytes, None if there is none. Raises WireError(400) on anything but one plain number."""
    text = fields.get(b"content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) > 15:
        raise WireError(400, "malformed Content-Length")
    return int(text)


def request_body(fields: Mapping[bytes, bytes], limit_bytes: int) -> Body | None:
    """The body that a request with these fields has, None for none. Raises WireError(400, 413 or 501)."""
    length = content_length(fields)
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise WireError(400, "Content-Length and Transfer-Encoding in one request")
        if coding.lower() != b"chunked":
            raise WireError(501, "unknown transfer coding")
        return Body(None, chunked=True, limit_bytes=limit_bytes)
    return Body(length, limit_bytes=limit_bytes) if length else None


def response_body(method: str, status: int, fields: Mapping[bytes, bytes], sample_bytes: int = 0) -> Body | None:
    """The body of an answer to ``method``, None for none. Raises WireError(400) on broken framing."""
    if method == "HEAD" or status in (204, 304):
        return None
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if coding.lower() != b"chunked":
            raise WireError(400, "unknown transfer coding")
        return Body(None, chunked=True, sample_bytes=sample_bytes)
    length = content_length(fields)
    if length == 0:
        return None
    return Body(length, sample_bytes=sample_bytes)
