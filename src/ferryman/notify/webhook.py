"""Webhook: a signed JSON document by POST."""

from __future__ import annotations

import msgspec

from ferryman import __version__
from ferryman.notify.base import Message, Secret
from ferryman.notify.figures import figure_text
from ferryman.notify.http import Http, Post, accepted
from ferryman.notify.signing import SIGNATURE_HEADER, sign
from ferryman.notify.words import text

DELIVERY_HEADER = "Ferryman-Delivery"
EVENT_HEADER = "Ferryman-Event"


class Webhook:
    """Posts to `url`. `secret` signs; without one nothing is signed."""

    kind = "webhook"

    def __init__(self, url: Secret, secret: Secret | None = None, *, target: str = "") -> None:
        self._url = url
        self._secret = secret
        self._target = target
        self._http = Http()

    @property
    def target(self) -> str:
        return self._target

    async def send(self, message: Message, now: float) -> str:
        url = self._url()
        post = build(message, url, self._secret() if self._secret else None, now)
        return accepted(await self._http.post(post), url, now)

    async def close(self) -> None:
        await self._http.close()


def build(message: Message, url: str, secret: str | None, now: float) -> Post:
    """The request for a message. The body is the same in every attempt; the signature is of this one."""
    body = document(message)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"ferryman/{__version__}",
        DELIVERY_HEADER: message.id,
        EVENT_HEADER: message.notice.kind.value,
    }
    if secret is not None:
        headers[SIGNATURE_HEADER] = sign(secret, body, now)
    return Post(url, headers, body)


def document(message: Message) -> bytes:
    """The JSON document: `id`, the fields of the notice, each figure with its text, and all of it as `text`."""
    notice = message.notice
    fields = {name: value for name, value in msgspec.to_builtins(notice).items() if name != "key"}
    shown = [{**msgspec.to_builtins(f), "broken": f.broken, "text": figure_text(f)} for f in notice.figures]
    actions = [msgspec.to_builtins(action) for action in message.actions]
    whole = {"id": message.id, **fields, "figures": shown, "text": text(notice)}
    return msgspec.json.encode({**whole, "link": message.link, "actions": actions})
