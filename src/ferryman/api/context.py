"""What every request handler has at hand: the controller behind the API, who it says it is, and what ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from ferryman.api import wire
from ferryman.api.access.access import Access
from ferryman.api.access.principal import Principal
from ferryman.api.connection_book import Book
from ferryman.api.flags.hub import FlagHub
from ferryman.api.flags.tickets import Tickets
from ferryman.api.flags.writing import Documents
from ferryman.api.idempotency import Answers
from ferryman.api.port import Operations
from ferryman.api.stream.hub import Hub


@dataclass
class Api:
    """`authenticate` recognises who asks, or raises: that of `access`, outside of tests. `stopping` ends long polls.
    `books` has the connections of each server, by what it listens on."""

    controller: Operations
    health: wire.HealthView
    on_shutdown: Callable[[], None]
    authenticate: Callable[[Request], Awaitable[Principal]]
    access: Access
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    books: dict[str, Book] = field(default_factory=dict[str, Book])
    hub: Hub = field(init=False)
    flag_hub: FlagHub = field(init=False)
    documents: Documents = field(default_factory=Documents)
    tickets: Tickets = field(init=False)
    answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self.hub = Hub(self.controller)
        self.flag_hub = FlagHub(self.controller.flags)
        self.tickets = Tickets(self.access.random_bytes(32), self.access.now)
        self.answers = Answers(self.access.journal, time.time)

    def stop(self) -> None:
        """End what waits for something to happen: long polls and streams."""
        self.stopping.set()
        self.hub.close()
        self.flag_hub.close()
