"""Writes that wait for people to agree: a fold over the same journal as the flags.

A request is bound to what was looked at: whoever agrees names the digest of the changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

CLOSED_MAX = 200
"""Requests that are kept after they ended, the last ones."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Requested(msgspec.Struct, frozen=True):
    """Body of ``change_requested``: what is to be written, as its body will be. `needed` people of `role` or above must
    agree, the asker `account` not among them."""

    write: dict[str, Any]
    digest: str
    needed: int
    role: str
    account: str
    summary: str


class Answered(msgspec.Struct, frozen=True):
    """Body of ``change_approved`` and ``change_denied``."""

    request: int
    role: str
    reason: str = ""


class Given(msgspec.Struct, frozen=True):
    """One person's word."""

    at: float
    by: str
    role: str
    reason: str = ""


@dataclass
class Request:
    """One write that waits, or waited. `number` is the config version of its entry; `state`: open, applied or denied."""

    number: int
    at: float
    author: str
    asked: Requested
    state: str = "open"
    given: list[Given] = field(default_factory=list[Given])


class RequestView(msgspec.Struct, frozen=True):
    """A write that waits for people, or did. `digest` is to be named by who agrees."""

    number: int
    at: float
    author: str
    state: str
    summary: str
    reason: str
    needed: int
    role: str
    digest: str
    given: tuple[Given, ...]
    write: dict[str, Any]


class Requests:
    """All that are open, and the last that ended, by number."""

    def __init__(self) -> None:
        self.known: dict[int, Request] = {}

    def asked(self, number: int, at: float, author: str, body: dict[str, Any]) -> None:
        """A new one."""
        self.known[number] = Request(number, at, author, msgspec.convert(body, Requested))
        closed = [each for each, request in self.known.items() if request.state != "open"]
        for each in closed[:-CLOSED_MAX]:
            del self.known[each]

    def answered(self, at: float, by: str, body: dict[str, Any], *, agreed: bool) -> None:
        """Somebody agreed or refused."""
        answer = msgspec.convert(body, Answered)
        request = self.known.get(answer.request)
        if request is not None:
            request.given.append(Given(at, by, answer.role, answer.reason))
            request.state = request.state if agreed else "denied"

    def applied(self, number: int) -> None:
        """It was written."""
        if number in self.known:
            self.known[number].state = "applied"


def digest_of(write: dict[str, Any]) -> str:
    """What binds an approval to the changes: SHA-256 in hex."""
    return hashlib.sha256(_encode(write)).hexdigest()


def keys_of(request: Request) -> frozenset[str]:
    """The flags that a request is about."""
    return frozenset(key for change in request.asked.write["changes"] for key in change["flags"])


def request_view(request: Request) -> RequestView:
    """One of them, to be shown."""
    asked = request.asked
    return RequestView(
        number=request.number,
        at=request.at,
        author=request.author,
        state=request.state,
        summary=asked.summary,
        reason=str(asked.write.get("reason", "")),
        needed=asked.needed,
        role=asked.role,
        digest=asked.digest,
        given=tuple(request.given),
        write=asked.write,
    )
