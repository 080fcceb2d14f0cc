"""One channel with its queue: attempts, outcomes, and how it fares."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman.engine.outbox.queue import ChannelQueue, Delivery
from ferryman.engine.outbox.record import Mark, Outcome, Settled
from ferryman.model.errors import AdapterError, Rejected
from ferryman.model.notice import ChannelView
from ferryman.notify.base import Channel, Delayed, Message
from ferryman.notify.words import clean

log = logging.getLogger("ferryman.notify")

DONE_MAX = 1000
"""Notices settled beyond one that still waits; when there are more, the one that waits is given up."""


@dataclass
class Lane:
    """`mark` is where the channel stands, `settled` what has to be written down, `chance` gives numbers from 0 to 1."""

    name: str
    channel: Channel
    mark: Mark
    chance: Callable[[], float]
    queue: ChannelQueue = field(default_factory=ChannelQueue)
    settled: list[Settled] = field(default_factory=list[Settled])
    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    last_at: float | None = None
    last: str = ""
    said: str = ""
    last_sent_at: float | None = None

    def knows(self, message_id: str, position: int) -> bool:
        """Whether this message is settled or queued already."""
        queued = any(item.id == message_id for item in self.queue.items)
        return queued or message_id in self.mark.done or position <= self.mark.cursor

    def queue_up(self, message: Message, position: int, now: float, *, late: bool = False) -> None:
        """Take a message in, unless it is known. `late` ones belong to no event: their position says nothing."""
        if self.knows(message.id, self.mark.cursor + 1 if late else position):
            return
        dropped = self.queue.add(Delivery(message, position, now))
        if dropped is not None:
            said = f"the queue is full: {self.queue.most} notices wait"
            self._settle(dropped, Outcome.DROPPED, said, now)

    async def attempt(self, now: Callable[[], float]) -> bool:
        """Try what is due; False when nothing is. Raises nothing."""
        delivery = self.queue.next(now())
        if delivery is None:
            return False
        try:
            said = await self.channel.send(delivery.message, now())
        except Rejected as problem:
            self.queue.settled(delivery)
            self._settle(delivery, Outcome.GIVEN_UP, problem.message, now())
        except AdapterError as problem:
            after = problem.after_seconds if isinstance(problem, Delayed) else 0.0
            self._failed(delivery, problem.message, now(), after)
        except Exception as problem:
            log.exception("channel %s failed", self.name)
            self._failed(delivery, f"internal error: {type(problem).__name__}", now(), 0.0)
        else:
            self.queue.settled(delivery)
            self._settle(delivery, Outcome.SENT, said, now())
            self.last_sent_at = now()
        return True

    def _failed(self, delivery: Delivery, said: str, now: float, after_seconds: float) -> None:
        if self.queue.failures == 0:
            log.warning("channel %s: %s; it is tried again", self.name, said)
        self.queue.failed(delivery, now, self.chance, after_seconds)
        self._tell(now, "waiting", said)
        beyond = len(self.mark.done) > DONE_MAX
        if delivery.overdue(now) or beyond:
            self.queue.items.remove(delivery)
            self._settle(delivery, Outcome.GIVEN_UP, said, now)

    def _settle(self, delivery: Delivery, outcome: Outcome, said: str, now: float) -> None:
        notice = delivery.message.notice
        self.settled.append(
            Settled(
                outcome=outcome,
                channel=self.name,
                id=delivery.id,
                position=delivery.position,
                tries=delivery.tries,
                said=clean(said),
                notice=notice.kind.value,
                severity=notice.severity.value,
            )
        )
        self.mark.done[delivery.id] = delivery.position
        self.mark.settled(outcome, delivery.id, clean(said), now)
        self.counts[outcome] += 1
        if outcome is not Outcome.SENT:
            log.warning("channel %s: %s %s: %s", self.name, delivery.id, outcome.value.replace("_", " "), said)
        self._tell(now, outcome.value, said)

    def _tell(self, now: float, last: str, said: str) -> None:
        self.last_at, self.last, self.said = now, last, said

    def advance(self, read_to: int, lasting: frozenset[str]) -> None:
        """Everything read is known here: the cursor moves to where the oldest message waits. `lasting` are ids without
        an event that still hold."""
        waiting = min((item.position for item in self.queue.items), default=read_to + 1)
        self.mark.cursor = max(self.mark.cursor, min(read_to, waiting - 1))
        done = self.mark.done
        self.mark.done = {i: at for i, at in done.items() if at > self.mark.cursor or i in lasting}

    @property
    def trouble(self) -> str:
        """Why this channel needs somebody's attention; empty when it does not."""
        found: list[str] = []
        waiting, lost = len(self.queue.items), self.mark.lost
        if self.queue.failures and waiting:
            found.append(f"{self.queue.failures} attempts failed, {waiting} notices wait: {self.said}")
        if lost is not None and not lost.over:
            found.append(f"notice {lost.id} was {lost.outcome.replace('_', ' ')}: {lost.said}")
        return f"{self.name}: {'; '.join(found)}" if found else ""

    def view(self) -> ChannelView:
        """How it fares."""
        oldest = min((item.queued_at for item in self.queue.items), default=None)
        return ChannelView(
            name=self.name,
            kind=self.channel.kind,
            target=self.channel.target,
            queued=len(self.queue.items),
            oldest_at=oldest,
            failures=self.queue.failures,
            next_at=self.queue.next_at(),
            last_at=self.last_at,
            last=self.last,
            said=self.said,
            last_sent_at=self.last_sent_at,
            sent=self.counts[Outcome.SENT],
            given_up=self.counts[Outcome.GIVEN_UP],
            dropped=self.counts[Outcome.DROPPED],
            trouble=self.trouble,
            lost=self.mark.lost,
        )
