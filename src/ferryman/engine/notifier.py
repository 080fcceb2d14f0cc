"""Duty 6 as the controller has it: channels by the settings, the outbox, and the addresses in messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from ferryman.core.evolve import evolve
from ferryman.engine.approval_links import ApprovalLinks
from ferryman.engine.channels import make_channels
from ferryman.engine.outbox.outbox import Outbox, Standing, nothing_standing
from ferryman.engine.outbox.rules import reaches
from ferryman.model.errors import UsageError
from ferryman.model.notice import ChannelView, Notice
from ferryman.model.rollout import Service
from ferryman.model.settings import Settings
from ferryman.notify.base import Message
from ferryman.store.base import Store

log = logging.getLogger("ferryman.notify")


@dataclass
class Notifier:
    """`services` gives the newest state of every service; `links` what the reader of a message may do by it; `now` epoch
    seconds; `standing` what holds now and stands in no event of a service. Without channels nothing runs at all."""

    settings: Settings
    services: Callable[[], Iterable[Service]]
    links: ApprovalLinks
    now: Callable[[], float]
    standing: Standing = nothing_standing

    def __post_init__(self) -> None:
        self._outbox: Outbox | None = None

    async def start(self, store: Store) -> None:
        """Begin to tell what is in `store`. Raises `StoreError`."""
        notify = self.settings.notify
        if not notify.channels:
            return
        self._outbox = Outbox(
            store=store,
            fold=evolve,
            channels=make_channels(self.settings),
            rules=notify.rules,
            compose=self.compose,
            services=self.services,
            now=self.now,
            chance=Random().random,  # noqa: S311 -- spreads attempts, guards nothing
            stuck_seconds=notify.stuck_seconds,
            standing=self.standing,
        )
        await self._outbox.start()

    async def close(self) -> None:
        """Stop telling. Raises nothing."""
        if self._outbox is not None:
            await self._outbox.close()

    def wake(self) -> None:
        """The log has news."""
        if self._outbox is not None:
            self._outbox.wake()

    def look(self) -> None:
        """What holds now may have changed."""
        if self._outbox is not None:
            self._outbox.look()

    def views(self) -> tuple[ChannelView, ...]:
        """How each channel fares."""
        return self._outbox.views() if self._outbox is not None else ()

    def trouble(self, service: str | None = None) -> tuple[str, ...]:
        """What is wrong with channels (those that tell of a service), a line for each; empty when all is well."""
        rules, lanes = self.settings.notify.rules, self._outbox.lanes.values() if self._outbox is not None else ()
        troubles = {lane.name: lane.trouble for lane in lanes}
        found = [t for name, t in troubles.items() if t and (service is None or reaches(rules, name, service))]
        return tuple([*found, self.links.trouble] if self.links.trouble else found)

    async def test(self, channel: str, actor: str) -> str:
        """Send a test message now; what the other side said. Raises `UsageError` (``unknown_channel``) and
        `AdapterError`."""
        if self._outbox is None:
            hint = "write one into the settings file: docs/reference/notifications.md"
            raise UsageError("unknown_channel", f"there is no channel {channel!r}, nor any other", hint)
        return await self._outbox.test(channel, actor)

    def compose(self, notice: Notice, channel: str) -> Message:
        """The message for a channel."""
        actions = self.links.actions(notice, channel)
        return Message(id=f"{notice.key}/{channel}", notice=notice, link=self._link(notice), actions=actions)

    async def rotate_key(self, actor: str) -> None:
        """End every approval link that was sent; what still waits to be sent gets new ones. Raises `ControllerError`,
        `StoreError`."""
        await self.links.rotate(actor)
        if self._outbox is not None:
            self._outbox.recompose()

    def _link(self, notice: Notice) -> str:
        base = self.settings.public_url
        if not base or not notice.rollout:
            return base
        return f"{base}/services/{quote(notice.service)}/rollouts/{quote(notice.rollout)}"
