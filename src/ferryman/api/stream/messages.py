"""Messages of the stream as bytes (WHATWG HTML, "Server-sent events"). Each is encoded once for all who get it.

`event` carries the position of the log as its id, and so does `snapshot`: what a browser sends back as `Last-Event-ID`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ferryman.model.view import EventView, ServiceView

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still here\n\n"


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


def events_message(events: Iterable[EventView]) -> bytes:
    """Several, one after the other."""
    return b"".join(map(event_message, events))


def view_message(view: bytes) -> bytes:
    """`event: view`, without an id: it is no place in the log."""
    return b"event: view\ndata: %b\n\n" % view


def snapshot_message(snapshot: RawSnapshot) -> bytes:
    """`event: snapshot`."""
    return b"id: %d\nevent: snapshot\ndata: %b\n\n" % (snapshot.position, msgspec.json.encode(snapshot))
