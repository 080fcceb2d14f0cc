"""Tickets: what stands in the address of an event stream in the place of a token, for a browser cannot send a header there.

A ticket is signed, not kept: environment, id of the token it was given for, and when it ends. A new process signs with
another key, so that tickets of the one before are refused and the client evaluates anew, which brings it a new one.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import NamedTuple

LIFETIME_SECONDS = 3600
"""From then on no connection is begun with it; those that are open go on."""


class Ticket(NamedTuple):
    """Whom it lets in. `credential` is the id of a token, "" for who has another way in."""

    environment: str
    credential: str


class Tickets:
    """Of one process."""

    def __init__(self, key: bytes, now: Callable[[], float]) -> None:
        self._key = key
        self._now = now

    def make(self, ticket: Ticket) -> str:
        """Its text. The same for some time, so that an answer with it is not a new one each time."""
        until = (int(self._now()) // LIFETIME_SECONDS + 2) * LIFETIME_SECONDS
        body = f"{ticket.environment}.{ticket.credential}.{until}"
        return f"{body}.{self._sign(body)}"

    def read(self, text: str) -> Ticket | None:
        """None for one that is over, or was never made here."""
        body, _, signature = text.rpartition(".")
        parts = body.split(".")
        if len(parts) != 3 or not text.isascii() or not hmac.compare_digest(self._sign(body), signature):
            return None
        environment, credential, until = parts
        return Ticket(environment, credential) if self._now() < int(until) else None

    def _sign(self, body: str) -> str:
        digest = hmac.digest(self._key, body.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
