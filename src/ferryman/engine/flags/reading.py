"""Reads the journal of flags at the start: from what was kept of it, then what came after."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import NamedTuple

from ferryman import __version__
from ferryman.flags.ledger import STREAM, Ledger, Recorded
from ferryman.flags.ledger_state import decode, encode
from ferryman.model.errors import StoreError
from ferryman.store.journal import Entry, Journal
from ferryman.store.states import JournalStates

log = logging.getLogger("ferryman.flags")

PAGE = 500
KEEP_ENTRIES = 2_000
"""After so many entries what they add up to is kept: a start reads no more than these, which takes a quarter of a second."""


class Read(NamedTuple):
    """The ledger, and at which version it is kept; 0 for not at all."""

    ledger: Ledger
    kept: int


async def read_ledger(journal: Journal, states: JournalStates | None) -> Read:
    """The flags as they were written. Raises `StoreError`."""
    ledger, after, kept = Ledger(), 0, 0
    state = await states.kept_state(STREAM) if states is not None else None
    known = await asyncio.to_thread(decode, state.body, __version__) if state is not None else None
    if state is not None and known is not None and known.version == state.seq:
        ledger, after, kept = known, state.position, state.seq
    while page := await journal.entries(STREAM, after=after, limit=PAGE):
        for entry in page:
            ledger.apply(recorded(entry))
        after = page[-1].position
        await asyncio.sleep(0)
    if states is not None:
        kept = await keep_ledger(ledger, kept, states)
    return Read(ledger, kept)


async def keep_ledger(ledger: Ledger, kept: int, states: JournalStates) -> int:
    """Keep it if much was written since version `kept`; at which version it is kept now. Never raises `StoreError`: it is
    only about time."""
    if ledger.version - kept < KEEP_ENTRIES:
        return kept
    with contextlib.suppress(StoreError):
        await states.keep_state(STREAM, ledger.version, encode(ledger, __version__))
        return ledger.version
    log.warning("what the flags add up to could not be kept: the next start takes longer")
    return kept


def recorded(entry: Entry) -> Recorded:
    """An entry as the ledger takes it."""
    return Recorded(entry.seq, entry.position, entry.at, entry.actor, entry.kind, entry.body)
