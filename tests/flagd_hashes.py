"""Where users fall, from the published algorithms: murmur3 is written out, the encoding is cbor2's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cbor2

WORD = 0xFFFFFFFF


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & WORD


def murmur3_32(data: bytes) -> int:
    """MurmurHash3_x86_32 with seed 0, as Austin Appleby describes it."""

    def mixed(block: int) -> int:
        return rotated(block * 0xCC9E2D51 & WORD, 15) * 0x1B873593 & WORD

    h, whole = 0, len(data) & ~3
    for at in range(0, whole, 4):
        h = (rotated(h ^ mixed(int.from_bytes(data[at : at + 4], "little")), 13) * 5 + 0xE6546B64) & WORD
    h ^= mixed(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ h >> shift) * factor & WORD
    return h ^ h >> 16


def fallen(data: bytes, weights: Mapping[str, int]) -> str:
    """The slot of a hash: the weights as a line from 0, the hash as a share of it."""
    place, end = murmur3_32(data) * sum(weights.values()) >> 32, 0
    for name, weight in weights.items():
        end += weight
        if place < end:
            return name
    raise AssertionError


def v3(value: Any, weights: Mapping[str, int]) -> str:
    """`value` as it is encoded: the test gives integers where a float has no fraction."""
    return fallen(cbor2.dumps(value, canonical=True), weights)


def v2(text: str, weights: Mapping[str, int]) -> str:
    return fallen(text.encode(), weights)
