"""The queue of one channel: what waits, what is due, how long a channel in trouble is left alone. Pure: time and chance
are arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.notify.base import Message

QUEUE_MAX = 200
"""Notices that wait for one channel; beyond that the oldest of the lowest severity is dropped."""

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 300.0
"""Waits between attempts double from the first to the longest; each is drawn from the upper half of that."""

GIVE_UP_SECONDS = 86_400.0
"""A notice that was first tried this long ago is given up."""

TRIES_BEFORE_NEXT = 3
"""So often a notice is tried before those behind it get their turn: one that a receiver cannot take blocks no other."""


@dataclass
class Delivery:
    """A message on its way. `position` is that of its event in the log; times are epoch seconds."""

    message: Message
    position: int
    queued_at: float
    tries: int = 0
    due_at: float = 0.0
    first_try_at: float | None = None

    @property
    def id(self) -> str:
        """The message's id."""
        return self.message.id

    def overdue(self, now: float) -> bool:
        """Whether it was tried for long enough."""
        return self.first_try_at is not None and now - self.first_try_at >= GIVE_UP_SECONDS


@dataclass
class ChannelQueue:
    """`failures` counts attempts in a row that failed, of whichever message; until `rest_until` nothing is tried."""

    most: int = QUEUE_MAX
    items: list[Delivery] = field(default_factory=list[Delivery])
    failures: int = 0
    rest_until: float = 0.0

    def add(self, delivery: Delivery) -> Delivery | None:
        """Queue it; returns what had to be dropped for it, perhaps itself."""
        self.items.append(delivery)
        if len(self.items) <= self.most:
            return None
        dropped = min(self.items, key=lambda item: (item.message.notice.severity.rank, item.position))
        self.items.remove(dropped)
        return dropped

    def next(self, now: float) -> Delivery | None:
        """What to try now: those tried less come first, among them the oldest."""
        if now < self.rest_until:
            return None
        due = [item for item in self.items if item.due_at <= now]
        return min(due, key=lambda item: (item.tries // TRIES_BEFORE_NEXT, item.position), default=None)

    def next_at(self) -> float | None:
        """When something will be due; None when nothing waits."""
        soonest = min((item.due_at for item in self.items), default=None)
        return None if soonest is None else max(soonest, self.rest_until)

    def failed(self, delivery: Delivery, now: float, chance: Callable[[], float], after_seconds: float = 0.0) -> None:
        """An attempt failed; `after_seconds` is what the other side asked to wait."""
        self.failures += 1
        delivery.tries += 1
        delivery.first_try_at = now if delivery.first_try_at is None else delivery.first_try_at
        self.rest_until = now + max(retry_seconds(self.failures, chance()), after_seconds)
        delivery.due_at = now + max(retry_seconds(delivery.tries, chance()), after_seconds)

    def settled(self, delivery: Delivery) -> None:
        """It is sent, or was refused for good: either way the other side answers."""
        delivery.tries += 1
        self.items.remove(delivery)
        self.failures, self.rest_until = 0, 0.0


def retry_seconds(failures: int, chance: float) -> float:
    """How long to wait after the `failures`-th failure in a row (from 1); `chance` is from 0 to 1."""
    doubled = FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 30)
    return min(doubled, LONGEST_RETRY_SECONDS) * (0.5 + 0.5 * chance)
