"""Links of a hash chain, of events and of entries alike: sha256(previous || json([*labels, body])).

`json` has no blanks and object keys in order; `body` is the stored text itself.
"""

from __future__ import annotations

import hashlib

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode

Labels = tuple[str | int | float, ...]
"""What a link covers beside the body, in order."""


def beginning(domain: bytes, stream: str) -> bytes:
    """What the first link of a stream points back to (32 bytes)."""
    return hashlib.sha256(domain + stream.encode()).digest()


def link(previous: bytes, labels: Labels, body: bytes) -> bytes:
    """The hash of a link (32 bytes). Raises UnicodeEncodeError for text that is no Unicode."""
    return hashlib.sha256(previous + _encode((*labels, msgspec.Raw(body)))).digest()


def misfit(kind: str, found: tuple[bytes, bytes], previous: bytes, labels: Labels, body: bytes) -> str | None:
    """What is wrong with the (previous hash, hash) `found` in a record that is to follow `previous`; None when nothing is.
    `kind` says what it is a chain of."""
    if found[0] != previous:
        return f"it does not point back to the {kind} before it"
    try:
        digest = link(previous, labels, body)
    except (UnicodeEncodeError, TypeError) as error:
        return f"its text is damaged: {error}"
    return None if digest == found[1] else "its content does not match its hash"
