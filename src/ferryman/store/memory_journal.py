"""The journals in memory, with the rules, the encoding and the hash chain of those on a file."""

from __future__ import annotations

from typing import Any

from ferryman.store.journal import (
    Entry,
    JournalHead,
    JournalRecord,
    Placed,
    bounded,
    check_entries,
    prepare_entry,
    seal_entry,
    stored_entry,
)
from ferryman.store.records import check_page
from ferryman.store.states import JournalState, check_state


class MemoryJournal:
    """`Journal` in this process alone."""

    def __init__(self) -> None:
        super().__init__()
        self._journal: list[JournalRecord] = []
        self._journal_heads: dict[str, JournalHead] = {}
        self._states: dict[str, JournalState] = {}

    async def write(
        self,
        stream: str,
        *,
        at: float,
        actor: str,
        kind: str,
        body: dict[str, Any],
        expected_seq: int | None = None,
    ) -> Entry:
        wanted = prepare_entry(stream, at, actor, kind, body, expected_seq)
        self._check_open()
        record = seal_entry(self._journal_heads.get(stream), wanted)
        self._journal.append(record)
        self._journal_heads[stream] = JournalHead(record.seq, record.hash)
        return stored_entry(len(self._journal), record)

    async def entries(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        check_page(limit)
        return tuple(
            stored_entry(*placed) for placed in bounded(self._placed(stream, after, len(self._journal))[:limit])
        )

    async def newest_entries(
        self, stream: str | None = None, *, before: int | None = None, limit: int = 1000
    ) -> tuple[Entry, ...]:
        check_page(limit)
        last = len(self._journal) if before is None else before - 1
        newest_first = reversed(self._placed(stream, 0, last)[-limit:])
        return tuple(stored_entry(*placed) for placed in reversed(tuple(bounded(newest_first))))

    async def streams(self) -> tuple[str, ...]:
        self._check_open()
        return tuple(sorted(self._journal_heads))

    async def verify_entries(self, stream: str) -> int:
        self._check_open()
        found = [record for record in self._journal if record.stream == stream]
        return check_entries(stream, self._journal_heads.get(stream), found)

    async def keep_state(self, stream: str, seq: int, body: bytes) -> None:
        check_state(body)
        self._check_open()
        place = next((n for n, each in enumerate(self._journal, 1) if (each.stream, each.seq) == (stream, seq)), None)
        if place is not None:
            self._states[stream] = JournalState(seq, place, body)

    async def kept_state(self, stream: str) -> JournalState | None:
        self._check_open()
        return self._states.get(stream)

    def _check_open(self) -> None:
        """Raises `StoreError` when nothing may be read or written now."""

    def _placed(self, stream: str | None, after: int, last: int) -> list[Placed]:
        """Entries with `after` < position <= `last`."""
        self._check_open()
        first = max(after, 0)
        return [
            (position, record)
            for position, record in enumerate(self._journal[first : max(last, 0)], first + 1)
            if stream is None or record.stream == stream
        ]
