"""Messages of the stream as bytes (WHATWG HTML, "Server-sent events"). Each is encoded once for all who get it.

`event` carries the position of the log as its id, and so does `snapshot`: what a browser sends back as `Last-Event-ID`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ferryman.model.view import EventView, ServiceView

MEDIA_TYPE = "text/event-stream"


class Piece:
    """Bytes for many clients, framed once for all of them: `chunk` is `text` as a chunk of HTTP/1.1 (RFC 9112, 7.1)."""

    __slots__ = ("chunk", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.chunk = b"%x\r\n%b\r\n" % (len(text), text) if text else b""

    def __bool__(self) -> bool:
        return bool(self.text)


HEARTBEAT = Piece(b": still here\n\n")


class Snapshot(msgspec.Struct, frozen=True):
    """Services as they were when `position` was the newest of the log. `left_off` counts those left out of a stream that
    asked for all of very many."""

    position: int
    services: tuple[ServiceView, ...]
    left_off: int = 0


class RawSnapshot(msgspec.Struct, frozen=True):
    """The same, of views that are encoded already."""

    position: int
    services: list[msgspec.Raw]
    left_off: int = 0


def event_message(event: EventView) -> bytes:
    """`event: event`."""
    return b"id: %d\nevent: event\ndata: %b\n\n" % (event.position, msgspec.json.encode(event))


def events_message(events: Iterable[EventView]) -> Piece:
    """Several, one after the other."""
    return Piece(b"".join(map(event_message, events)))


def view_message(view: bytes) -> Piece:
    """`event: view`, without an id: it is no place in the log."""
    return Piece(b"event: view\ndata: %b\n\n" % view)


def snapshot_message(snapshot: RawSnapshot) -> Piece:
    """`event: snapshot`."""
    return Piece(b"id: %d\nevent: snapshot\ndata: %b\n\n" % (snapshot.position, msgspec.json.encode(snapshot)))
