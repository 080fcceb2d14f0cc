"""Server-sent events out of the bytes of a stream (WHATWG HTML, 9.2.6), with bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

EVENT_BYTES_MAX = 256 * 1024 * 1024
"""One event, with everything in it. Twenty times the largest set of flags that was tried."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` is empty when it had none."""

    name: str
    data: str
    id: str


class EventReader:
    """Takes bytes as they come and gives the events that are complete. Comments are passed over."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._lines: list[tuple[str, str]] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece. Raises `ValueError` for one that is too large or no UTF-8."""
        self._pending += piece
        if b"\n" not in piece:
            self._bound(len(self._pending))
            return
        *lines, rest = bytes(self._pending).replace(b"\r\n", b"\n").split(b"\n")
        self._pending = bytearray(rest)
        for raw in lines:
            self._bound(len(raw))
            if raw:
                self._size += len(raw)
                name, _, value = raw.decode().partition(":")
                self._lines.append((name, value.removeprefix(" ")))
            elif self._lines:
                yield from self._event()

    def _bound(self, more: int) -> None:
        if self._size + more > EVENT_BYTES_MAX:
            raise ValueError(f"an event of more than {EVENT_BYTES_MAX} bytes")

    def _event(self) -> Iterator[Event]:
        fields, self._lines, self._size = self._lines, [], 0
        data = "\n".join(value for name, value in fields if name == "data")
        last = dict(fields)
        if data:
            yield Event(last.get("event", "message"), data, last.get("id", ""))
