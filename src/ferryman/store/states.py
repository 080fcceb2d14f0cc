"""What a journal added up to at one of its entries, kept so that a long one need not be read from its beginning. It follows
from the entries: when it is lost, damaged or of another program, they are read instead."""

from __future__ import annotations

import zlib
from typing import NamedTuple, Protocol

STATE_BYTES_MAX = 256 * 1024 * 1024


class JournalState(NamedTuple):
    """The state after the entry `seq` of a stream, which is at `position`."""

    seq: int
    position: int
    body: bytes


class JournalStates(Protocol):
    """The kept states of one store. Every method may raise `StoreError` as those of `ferryman.store.base.Store` do."""

    async def keep_state(self, stream: str, seq: int, body: bytes) -> None:
        """Keep the state after an entry in the place of the one before. Raises ValueError beyond `STATE_BYTES_MAX`; nothing
        is kept for an entry that is not there."""
        ...

    async def kept_state(self, stream: str) -> JournalState | None:
        """The last one; None when there is none, when it is damaged, or when the entry is not the one that it followed."""
        ...


def check_state(body: bytes) -> None:
    """Raises ValueError for one that is too large."""
    if len(body) > STATE_BYTES_MAX:
        raise ValueError(f"a state has {len(body)} bytes; at most {STATE_BYTES_MAX} are kept")


def checksum_of_state(body: bytes) -> int:
    """CRC-32: against damage, not against people."""
    return zlib.crc32(body)
