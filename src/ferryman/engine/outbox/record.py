"""What became of each notice, in the journal `notices`: where each channel stands, and what is settled beyond that.

    sent | given_up | dropped     {channel, id, position, tries, said, notice, severity}
    checkpoint                    {channels: {name: {cursor, done: [[id, position]], lost}}}

A channel has settled every notice up to its `cursor`, and beyond it those in `done` and in the entries after the newest
checkpoint. All others are made again from the log. `lost` is what was given up or dropped, so that a restart does not
forget it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from ferryman.model.notice import Lost
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


LOSSES = frozenset({Outcome.GIVEN_UP, Outcome.DROPPED})


class Mark(msgspec.Struct):
    """Where a channel stands: everything up to `cursor` is settled, and of what is beyond it `done`, each id with its
    position. `lost` is what it lost for good."""

    cursor: int
    done: dict[str, int] = {}
    lost: Lost | None = None

    def settled(self, outcome: Outcome, message: str, said: str, at: float) -> None:
        """Count an outcome among the losses, or as the end of the trouble."""
        if outcome in LOSSES:
            count = self.lost.count + 1 if self.lost is not None else 1
            self.lost = Lost(count=count, at=at, id=message, outcome=outcome.value, said=said)
        elif self.lost is not None:
            self.lost = msgspec.structs.replace(self.lost, over=True)


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
            message, said = str(entry.body["id"]), str(entry.body["said"])
            mark.done[message] = int(entry.body["position"])
            mark.settled(Outcome(entry.kind), message, said, entry.at)
    return marks, all(name in checkpoint for name in channels)


def _mark(body: dict[str, Any]) -> Mark:
    lost = body.get("lost")
    done = {str(name): int(at) for name, at in body["done"]}
    return Mark(int(body["cursor"]), done, msgspec.convert(lost, Lost | None))


async def write_settled(journal: Journal, settled: Settled, at: float) -> None:
    """Note an outcome. Raises `StoreError`."""
    body = msgspec.to_builtins(settled)
    kind = body.pop("outcome")
    body["said"] = settled.said[:SAID_CHARACTERS_MAX]
    await journal.write(STREAM, at=at, actor="ferryman", kind=kind, body=body)


async def write_checkpoint(journal: Journal, marks: dict[str, Mark], at: float) -> None:
    """Note where all channels stand. Raises `StoreError`."""
    channels = {
        name: {
            "cursor": mark.cursor,
            "done": [[i, p] for i, p in mark.done.items()],
            "lost": msgspec.to_builtins(mark.lost),
        }
        for name, mark in marks.items()
    }
    await journal.write(STREAM, at=at, actor="ferryman", kind="checkpoint", body={"channels": channels})
