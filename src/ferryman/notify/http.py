"""One POST over HTTP, bounded in time and size, and what its answer means for a message."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import msgspec

from ferryman.model.errors import Rejected, Unreachable
from ferryman.notify.base import SEND_SECONDS, Delayed
from ferryman.notify.words import clean

if TYPE_CHECKING:
    import httpx2

ANSWER_BYTES_MAX = 1024
REDIRECTS_MAX = 3
RETRY_AFTER_SECONDS_MAX = 3600.0
_REPEATED = frozenset({307, 308})
_LATER = frozenset({408, 425, 429})
_WORD = re.compile(r"[a-z_]{1,40}")


class Post(msgspec.Struct, frozen=True):
    """What is sent. `url` may hold a secret in its path: messages name its origin only."""

    url: str
    headers: dict[str, str]
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """What came back; of the body its first `ANSWER_BYTES_MAX` bytes."""

    status: int
    retry_after: str = ""
    location: str = ""
    text: str = ""


class Http:
    """A client for one channel, made when it is first needed. It takes no proxy and no password from the environment."""

    def __init__(self, seconds: float = SEND_SECONDS) -> None:
        self._seconds = seconds
        self._client: httpx2.AsyncClient | None = None

    async def post(self, post: Post) -> Reply:
        """Send; follows a redirect only to the same origin, with the same body. Raises `Unreachable`, `Rejected`."""
        asked = post.url
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(REDIRECTS_MAX + 1):
                    reply = await self._once(asked, post)
                    if not 300 <= reply.status < 400:
                        return reply
                    asked = next_url(asked, reply)
        except TimeoutError:
            message = f"{origin(post.url)} did not answer within {self._seconds:g} s"
            raise Unreachable("channel_timeout", message, "is it up, and is it slow?") from None
        raise Rejected("channel_redirect", f"{origin(post.url)} redirects in circles", "name its last address")

    async def _once(self, url: str, post: Post) -> Reply:
        import httpx2  # noqa: PLC0415 -- takes long to load, and most controllers tell nobody

        if self._client is None:
            self._client = httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=self._seconds)
        try:
            async with self._client.stream("POST", url, headers=post.headers, content=post.body) as answer:
                return await _reply(answer)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as problem:
            raise Rejected("channel_url", f"the address of this channel is none: {type(problem).__name__}") from None
        except httpx2.HTTPError as problem:
            message = f"{origin(url)} cannot be reached: {_why(problem)}"
            raise Unreachable("channel_unreachable", message, "is it up, and is the address right?") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


async def _reply(answer: Any) -> Reply:
    found = b""
    async for part in answer.aiter_bytes():
        found += part
        if len(found) >= ANSWER_BYTES_MAX:
            break
    headers = answer.headers
    text = clean(found[:ANSWER_BYTES_MAX].decode("utf-8", errors="replace"), 200)
    return Reply(answer.status_code, headers.get("retry-after", ""), headers.get("location", ""), text)


def _why(problem: BaseException) -> str:
    """The reason of the operating system, which names no address; else the kind of failure."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(problem).__name__


def origin(url: str) -> str:
    """Scheme, host and port of an address: what may be shown of it."""
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or '?'}{port}"


def next_url(asked: str, reply: Reply) -> str:
    """Where a redirect leads that may be followed: 307 or 308, to the same origin. Raises `Rejected` for any other, so
    that a message meant for one host is never handed to another."""
    target = urljoin(asked, reply.location)
    if reply.status in _REPEATED and reply.location and origin(target) == origin(asked):
        return target
    message = f"{origin(asked)} answers {reply.status}, a redirect to {origin(target)}"
    raise Rejected("channel_redirect", message, "if that is right, name the new address in the settings")


def accepted(reply: Reply, url: str, now: float, *, say: bool = False) -> str:
    """What to note of an answer that means "delivered"; raises what any other means. With `say` a body
    that is a single word, such as no_service, is quoted; any other could repeat what is secret."""
    quoted = f": {reply.text}" if say and _WORD.fullmatch(reply.text) else ""
    told = f"{origin(url)} answers {reply.status}{quoted}"
    if 200 <= reply.status < 300:
        return f"{reply.status} from {origin(url)}"
    if reply.status in _LATER or reply.status >= 500:
        after = retry_seconds(reply.retry_after, now)
        if after is not None:
            raise Delayed("channel_busy", told, f"it asks to wait {after:g} s", after_seconds=after)
        raise Unreachable("channel_busy", told, "it is tried again")
    raise Rejected("channel_refused", told, "are the address and its secret right?")


def retry_seconds(text: str, now: float) -> float | None:
    """The header Retry-After (RFC 9110, 10.2.3) in seconds from `now`, within 0 to `RETRY_AFTER_SECONDS_MAX`; None when
    there is none or it cannot be read."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), RETRY_AFTER_SECONDS_MAX)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now), RETRY_AFTER_SECONDS_MAX)
