"""The port of the channels that carry notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ferryman.model.errors import Unreachable
from ferryman.model.notice import Notice

SEND_SECONDS = 10.0
"""One attempt takes no longer."""

Secret = Callable[[], str]
"""Reads a secret when it is needed. Raises `AdapterError` (code ``secret_missing``) when it is not there."""


class Action(msgspec.Struct, frozen=True):
    """Something that the reader may do by following a link."""

    label: str
    url: str


class Message(msgspec.Struct, frozen=True):
    """A notice on its way to one channel. `id` is the same in every attempt (``shop/12/ops``: service, event, channel),
    so that a receiver can tell a repetition. `link` leads to the rollout, "" where no public address is known."""

    id: str
    notice: Notice
    link: str = ""
    actions: tuple[Action, ...] = ()


class Delayed(Unreachable):
    """The other side asks to come back later: not before `after_seconds` have passed."""

    def __init__(self, code: str, message: str, hint: str = "", *, after_seconds: float) -> None:
        super().__init__(code, message, hint)
        self.after_seconds = after_seconds


class Channel(Protocol):
    """One place to send to. Building what is sent is pure and lies in functions of its own; `send` only sends it."""

    @property
    def kind(self) -> str:
        """``webhook``, ``slack``, ``email``, ``apprise`` or ``memory``."""
        ...

    @property
    def target(self) -> str:
        """Where it leads, without anything secret: a host, or addresses."""
        ...

    async def send(self, message: Message, now: float) -> str:
        """Hand the message over; returns what the other side said, in a few words. `now` is an epoch second. Takes at
        most about `SEND_SECONDS`. Raises `Unreachable` when it may work later (`Delayed` when it was told when),
        `Rejected` when it never will. No secret is in what it raises or returns. The message may have arrived although
        this raised: whoever sends again uses the same id."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
