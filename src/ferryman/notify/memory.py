"""A channel that only remembers: for tests and simulations."""

from __future__ import annotations

from ferryman.model.errors import FerrymanError
from ferryman.notify.base import Message


class MemoryChannel:
    """Keeps what it was sent in `sent`. While `problem` is set, it raises that instead; `tries` counts every attempt."""

    kind = "memory"
    target = "memory"

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.tries: list[tuple[float, str]] = []
        self.problem: FerrymanError | None = None

    async def send(self, message: Message, now: float) -> str:
        self.tries.append((now, message.id))
        if self.problem is not None:
            raise self.problem
        self.sent.append(message)
        return "kept"

    async def close(self) -> None:
        """Nothing is held."""
