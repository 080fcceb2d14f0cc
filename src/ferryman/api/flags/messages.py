"""Messages of the streams of flags as bytes, encoded once each (docs/reference/flags-stream.md; OFREP 0.3.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ferryman.api.stream.messages import Piece

CONNECTED = Piece(b": connected\n\n")
_encode = msgspec.json.Encoder(order="sorted").encode


def put_message(version: int, encoded_set: bytes) -> Piece:
    """`event: put`: everything."""
    return Piece(b"id: %d\nevent: put\ndata: %b\n\n" % (version, encoded_set))


def change_message(version: int, keys: frozenset[str], flags: Mapping[str, Any]) -> Piece:
    """`event: patch` and `event: delete`: what became of these keys. Only the last of the two has an id."""
    present = {key: flags[key] for key in keys if key in flags}
    gone = sorted(keys - present.keys())
    patch = b"event: patch\ndata: %b\n\n" % _encode({"version": version, "flags": present})
    delete = b"event: delete\ndata: %b\n\n" % _encode({"version": version, "keys": gone})
    if not gone:
        return Piece(b"id: %d\n%b" % (version, patch))
    return Piece((patch if present else b"") + b"id: %d\n%b" % (version, delete))


def refetch_message(version: int, at: float) -> Piece:
    """OFREP's word that evaluations are out of date; `at` is an epoch second."""
    data = _encode({"type": "refetchEvaluation", "etag": f'"{version}"', "lastModified": int(at)})
    return Piece(b"id: %d\nevent: message\ndata: %b\n\n" % (version, data))
