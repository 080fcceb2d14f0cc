"""What became of each notice, in the journal `notices`: where each channel stands, and what is settled beyond that.

    sent | given_up | dropped     {channel, id, position, tries, said, notice, severity}
    checkpoint                    {channels: {name: {cursor, done: [id]}}}

A channel has settled every notice up to its `cursor`, and beyond it those in `done` and in the entries after the newest
checkpoint. All others are made again from the log.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from ferryman.store.journal import Entry, Journal

STREAM = "notices"
PAGE = 500
SAID_CHARACTERS_MAX = 300


class Outcome(StrEnum):
    """How a delivery ended."""

    SENT = "sent"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"


OUTCOMES = frozenset(outcome.value for outcome in Outcome)


class Mark(msgspec.Struct):
    """Where a channel stands: everything up to `cursor` is settled, and of what is beyond it `done`, each id with its
    position."""

    cursor: int
    done: dict[str, int] = {}


class Settled(msgspec.Struct, frozen=True):
    """An outcome as it is written."""

    outcome: Outcome
    channel: str
    id: str
    position: int
    tries: int
    said: str
    notice: str
    severity: str


async def load_marks(journal: Journal, channels: tuple[str, ...], position: int) -> tuple[dict[str, Mark], bool]:
    """(where each channel stands, whether that is written down). A channel that is new begins at `position`."""
    later: list[Entry] = []
    checkpoint: dict[str, Any] = {}
    before: int | None = None
    while page := await journal.newest_entries(STREAM, before=before, limit=PAGE):
        at = next((n for n in range(len(page) - 1, -1, -1) if page[n].kind == "checkpoint"), None)
        later[:0] = page if at is None else page[at + 1 :]
        if at is not None:
            checkpoint = page[at].body.get("channels", {})
            break
        before = page[0].position
    marks = {name: _mark(checkpoint[name]) if name in checkpoint else Mark(position) for name in channels}
    for entry in later:
        mark = marks.get(str(entry.body.get("channel")))
        if mark is not None and entry.kind in OUTCOMES:
            mark.done[str(entry.body["id"])] = int(entry.body["position"])
    return marks, all(name in checkpoint for name in channels)


def _mark(body: dict[str, Any]) -> Mark:
    return Mark(int(body["cursor"]), {str(name): int(at) for name, at in body["done"]})


async def write_settled(journal: Journal, settled: Settled, at: float) -> None:
    """Note an outcome. Raises `StoreError`."""
    body = msgspec.to_builtins(settled)
    kind = body.pop("outcome")
    body["said"] = settled.said[:SAID_CHARACTERS_MAX]
    await journal.write(STREAM, at=at, actor="ferryman", kind=kind, body=body)


async def write_checkpoint(journal: Journal, marks: dict[str, Mark], at: float) -> None:
    """Note where all channels stand. Raises `StoreError`."""
    channels = {name: {"cursor": m.cursor, "done": [[i, p] for i, p in m.done.items()]} for name, m in marks.items()}
    await journal.write(STREAM, at=at, actor="ferryman", kind="checkpoint", body={"channels": channels})
