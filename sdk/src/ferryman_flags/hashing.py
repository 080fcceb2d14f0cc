"""From a key to a bucket: which hash of what, in both generations of flagd's `fractional`.

Every evaluation in every language must agree on this, and a change of it moves users. So it is stored per flag which
generation it uses:

- **v3** (the default; flagd-core 2.0.0, flagd's ADR "fractional non-string rand units"): murmur3 of the deterministic
  CBOR encoding (RFC 8949, 4.2.1 with the length-first map order of 4.2.3) of `[flag key, targeting key]`, or of the
  first argument if that is not a list. Floats without a fraction are encoded as integers: remote contexts carry doubles.
- **v2** (flagd-core 1.0.0): murmur3 of the UTF-8 of `flag key + targeting key`, or of the first argument, a text.

Murmur3 is x86_32 with seed 0, unsigned. The bucket of a hash `h` among `W` weights is `(h * W) >> 32`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import mmh3

from ferryman_flags.values import is_object

HASHES = ("v3", "v2")
DEFAULT_HASH = "v3"
WEIGHT_SUM_MAX = 2**31 - 1
HASH_RANGE = 2**32
DEPTH_MAX = 64
_TEXT, _ARRAY, _MAP, _BYTES = 3, 4, 5, 2
_UINT64 = 2**64
_INT64 = 2**63

murmur3 = mmh3.mmh3_32_uintdigest
"""Unsigned murmur3 x86_32 of bytes; the second argument, the seed, is 0 by default."""


def hash_v3(value: Any) -> int:
    """The v3 hash of a value, often `[flag key, targeting key]`; `ValueError` or `TypeError` if it has no encoding."""
    return murmur3(cbor(value))


def hash_v2(key: str) -> int:
    """The v2 hash of a text; `UnicodeEncodeError` if it is none that UTF-8 can write."""
    return murmur3(key.encode())


def bucket(hash_value: int, weight_sum: int) -> int:
    """The bucket, 0 to `weight_sum` - 1, of an unsigned 32-bit hash."""
    return (hash_value * weight_sum) >> 32


def thresholds(weights: Sequence[int]) -> tuple[int, ...]:
    """For each slot the hash below which `bucket` lies before the slot's end: `ceil(end * 2^32 / sum)`.

    Weights are 0 or more, with a sum of 1 to 2^31 - 1.
    """
    total, end, limits = sum(weights), 0, list[int]()
    for weight in weights:
        end += weight
        limits.append(-(-end * HASH_RANGE // total))
    return tuple(limits)


def slot_weight(value: Any) -> int | None:
    """A weight as `fractional` takes it: negative ones are 0; None for what is no integer."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else None


def head(major: int, argument: int) -> bytes:
    """The first bytes of a CBOR item: major type and argument in the shortest form. `ValueError` from 2^64 on."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes((major << 5 | code,)) + argument.to_bytes(size, "big")
    raise ValueError("too large for CBOR")


HEADS = tuple(head(_TEXT, length) for length in range(512))
"""How a text of so many bytes begins, made ahead for the usual lengths."""


def pair_prefix(flag_key: str) -> bytes:
    """What the encoding of `[flag key, targeting key]` begins with: all but the targeting key."""
    return head(_ARRAY, 2) + cbor(flag_key)


def cbor(value: Any, depth: int = 0) -> bytes:
    """The deterministic CBOR encoding of a JSON value. `TypeError` for other types, `ValueError` below 64 levels."""
    if isinstance(value, str):
        utf8 = value.encode()
        return head(_TEXT, len(utf8)) + utf8
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _integer(int(value)) if value.is_integer() and -_INT64 <= value < _UINT64 else _float(value)
    if depth >= DEPTH_MAX:
        raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
    if isinstance(value, (list, tuple)):
        items: list[Any] = [*value]
        return head(_ARRAY, len(items)) + b"".join(cbor(item, depth + 1) for item in items)
    if is_object(value):
        encoded = sorted(
            ((cbor(key, depth + 1), cbor(item, depth + 1)) for key, item in value.items()),
            key=lambda pair: (len(pair[0]), pair[0]),
        )
        return head(_MAP, len(encoded)) + b"".join(key + item for key, item in encoded)
    raise TypeError(f"{type(value).__name__} has no encoding here")


def _integer(value: int) -> bytes:
    major, argument = (0, value) if value >= 0 else (1, -1 - value)
    if argument < _UINT64:
        return head(major, argument)
    raw = argument.to_bytes((argument.bit_length() + 7) // 8, "big")
    return head(6, 2 + major) + head(_BYTES, len(raw)) + raw  # a bignum: tag 2 or 3


def _float(value: float) -> bytes:
    """The shortest of half, single and double precision that keeps the value."""
    if math.isnan(value):
        return b"\xf9\x7e\x00"
    for code, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            raw = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, raw)[0] == value:
            return code + raw
    return b"\xfb" + struct.pack(">d", value)
