"""News of flags in the stream: the rows that changed, encoded once for all who follow every service."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ferryman.api.stream.messages import Piece
from ferryman.engine.flags.service import FlagService
from ferryman.flags.board import FlagRow

ROWS_MAX = 20
"""Of a write to more flags than this everybody is told to look at all of them."""


class FlagsNews(msgspec.Struct, frozen=True):
    """Flags that an entry of their log was about: their rows as they are now, the keys of those that are nowhere any more;
    with `whole` there were too many. `version` is the config version."""

    version: int
    rows: tuple[FlagRow, ...] = ()
    gone: tuple[str, ...] = ()
    whole: bool = False


class FlagFeed:
    """`publish` is given each piece of news, while somebody listens."""

    def __init__(self, service: FlagService, publish: Callable[[Piece], None]) -> None:
        self._service = service
        self._publish = publish
        self._end: Callable[[], None] | None = None

    def begin(self) -> None:
        """From now on."""
        if self._end is None:
            self._end = self._service.on_entry(self._told)

    def end(self) -> None:
        """Nobody follows any more."""
        if self._end is not None:
            self._end()
            self._end = None

    def _told(self, keys: frozenset[str]) -> None:
        self._publish(news_message(self.news(keys)))

    def news(self, keys: frozenset[str]) -> FlagsNews:
        """What there is to say about these flags."""
        version = self._service.ledger.version
        if len(keys) > ROWS_MAX:
            return FlagsNews(version, whole=True)
        rows = self._service.rows(keys)
        return FlagsNews(version, rows, tuple(sorted(keys - {row.key for row in rows})))


def news_message(news: FlagsNews) -> Piece:
    """`event: flags`, without an id: it is no place in the log of services."""
    return Piece(b"event: flags\ndata: %b\n\n" % msgspec.json.encode(news))
