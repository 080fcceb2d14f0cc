"""Slack: an incoming webhook, with the numbers in blocks."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ferryman.model.notice import Severity
from ferryman.notify.base import Message, Secret
from ferryman.notify.http import Http, Post, accepted
from ferryman.notify.words import facts, numbers

# Limits of Slack's Block Kit.
HEADER_CHARACTERS_MAX = 150
SECTION_CHARACTERS_MAX = 3000
_MARKS = {Severity.INFO: ":information_source:", Severity.WARNING: ":warning:", Severity.CRITICAL: ":rotating_light:"}

# Where a mark begins or ends a word it sets the text in bold, italics or code.
_MARKUP = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)")


class Slack:
    """Posts to an incoming webhook; its `url` is the secret."""

    kind = "slack"
    target = "a Slack channel"

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._http = Http()

    async def send(self, message: Message, now: float) -> str:
        url = self._url()
        # Slack's refusals are single words such as no_service, which say what is wrong.
        return accepted(await self._http.post(build(message, url)), url, now, say=True)

    async def close(self) -> None:
        await self._http.close()


def build(message: Message, url: str) -> Post:
    """The request for a message."""
    return Post(url, {"Content-Type": "application/json"}, msgspec.json.encode(payload(message)))


def payload(message: Message) -> dict[str, Any]:
    """The document: `text` is what a notification on a phone shows, `blocks` what the channel does."""
    notice = message.notice
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(notice.title)}]
    said = [f"{_MARKS[notice.severity]} {_escaped(notice.reason)}"] if notice.reason else []
    said += [f"• *{_escaped(line)}*" for line in numbers(notice)]
    said += [f"• {_escaped(line)}" for line in notice.lines]
    if said:
        blocks.append({"type": "section", "text": _marked("\n".join(said))})
    links = [(action.label, action.url) for action in message.actions]
    links += [("Open", message.link)] if message.link else []
    if links:
        blocks.append({"type": "section", "text": _marked("   ".join(_link(*link) for link in links))})
    small = "  |  ".join(f"{name}: {_escaped(value)}" for name, value in facts(notice))
    blocks.append({"type": "context", "elements": [_marked(small)]})
    # In the context of a fallback text the same escapes hold.
    text = _cut(_escaped(notice.title), SECTION_CHARACTERS_MAX)
    # Nobody but the reader opens what a message leads to: no picture of it is made for the channel.
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(text, HEADER_CHARACTERS_MAX), "emoji": False}


def _marked(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": _cut(text, SECTION_CHARACTERS_MAX), "verbatim": True}


def _escaped(text: str) -> str:
    """Slack's three control characters, and those that would set text in bold, italics or code."""
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, written)
    # A character of no width beside a mark keeps it from being one; the text reads the same.
    return _MARKUP.sub(lambda found: f"\u2060{found.group()}\u2060", text)


def _link(label: str, url: str) -> str:
    return f"<{url.replace('&', '&amp;').replace('>', '%3E').replace('|', '%7C')}|{_escaped(label)}>"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
