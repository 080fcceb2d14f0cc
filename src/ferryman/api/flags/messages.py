"""Messages of the streams of flags as bytes, encoded once each (docs/reference/flags-stream.md; OFREP 0.3.0)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ferryman.api.stream.messages import Piece

CONNECTED = Piece(b": connected\n\n")
_encode = msgspec.json.Encoder(order="sorted").encode


def put_message(version: int, encoded_set: bytes) -> Piece:
    """`event: put`: everything."""
    return _message(version, b"put", encoded_set)


def change_message(
    version: int, keys: frozenset[str], flags: Mapping[str, Any], encoded_set: Callable[[], bytes]
) -> Piece:
    """What became of these keys: `patch` or `delete`, and `put` where it would take both, for a version is one event."""
    present = {key: flags[key] for key in keys if key in flags}
    gone = sorted(keys - present.keys())
    if present and gone:
        return put_message(version, encoded_set())
    if gone:
        return _message(version, b"delete", _encode({"version": version, "keys": gone}))
    return _message(version, b"patch", _encode({"version": version, "flags": present}))


def current_message(version: int) -> Piece:
    """`event: current`: the client has everything."""
    return _message(version, b"current", _encode({"version": version}))


def both(first: Piece, second: Piece) -> Piece:
    """Two events, one after the other."""
    return Piece(first.text + second.text)


def launchdarkly_message(body: bytes) -> Piece:
    """LaunchDarkly's `event: put`: everything."""
    return Piece(b'event: put\ndata: {"path":"/","data":%b}\n\n' % body)


def unleash_message(event: str, version: int, body: bytes) -> Piece:
    """Unleash's `unleash-connected` or `unleash-updated`, with everything as a hydration."""
    whole = body.removeprefix(b"{")
    data = b'{"events":[{"type":"hydration","eventId":%d,%b]}' % (version, whole)
    return Piece(b"id: %d\nevent: %b\ndata: %b\n\n" % (version, event.encode(), data))


def refetch_message(version: int, at: float) -> Piece:
    """OFREP's word that evaluations are out of date; `at` is an epoch second."""
    data = _encode({"type": "refetchEvaluation", "etag": f'"{version}"', "lastModified": int(at)})
    return _message(version, b"message", data)


def _message(version: int, event: bytes, data: bytes) -> Piece:
    return Piece(b"id: %d\nevent: %b\ndata: %b\n\n" % (version, event, data))
