"""Some hundred services more, by the library `apprise` (extra ``ferryman[notify]``)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ferryman.model.errors import Rejected, Unreachable
from ferryman.model.notice import Severity
from ferryman.notify.base import SEND_SECONDS, Message, Secret
from ferryman.notify.threads import in_thread
from ferryman.notify.words import text

_TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class Letter(msgspec.Struct, frozen=True):
    """What the library is given; `type` is one of its four."""

    title: str
    body: str
    type: str


class Apprise:
    """Sends to what `url` names in the library's own notation; the address is the secret."""

    kind = "apprise"
    target = "by apprise"

    def __init__(self, url: Secret, seconds: float = SEND_SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def send(self, message: Message, now: float) -> str:
        url, letter = self._url(), build(message)
        try:
            async with asyncio.timeout(self._seconds):
                taken = await in_thread(lambda: hand_over(letter, url), "ferryman-apprise")
        except TimeoutError:
            raise Unreachable("channel_timeout", f"no answer within {self._seconds:g} s", "is it up?") from None
        if not taken:
            # The library only says yes or no.
            raise Unreachable("channel_unreachable", "the service did not take the message", "is its address right?")
        return "taken"

    async def close(self) -> None:
        """Nothing is held."""


def build(message: Message) -> Letter:
    """The message as the library takes it."""
    links = [f"{action.label}: {action.url}" for action in message.actions]
    links += [message.link] if message.link else []
    body = text(message.notice).partition("\n")[2]
    return Letter(message.notice.title, "\n".join([body.rstrip(), *links]), _TYPES[message.notice.severity])


def hand_over(letter: Letter, url: str) -> bool:
    """Whether the service took it. Raises `Rejected`: ``extra_missing``, ``channel_url``."""
    library = _library()
    # What it logs may name addresses, which are secrets here.
    library.logger.disabled = True
    sender = library.Apprise()
    if not sender.add(url):
        hint = "see the documentation of apprise for how addresses of this service are written"
        raise Rejected("channel_url", "the address of this channel names no service that apprise knows", hint)
    return bool(sender.notify(title=letter.title, body=letter.body, notify_type=letter.type, body_format="text"))


def _library() -> Any:
    try:
        import apprise  # noqa: PLC0415 -- an extra
    except ImportError:
        hint = "install it: pip install 'ferryman[notify]'"
        raise Rejected("extra_missing", "this channel needs the library apprise", hint) from None
    return apprise
