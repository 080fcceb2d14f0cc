"""Tokens and cookies as texts: made of given random bytes, kept as hashes only.

A token is ``fy_<id>_<secret>``: eight letters and digits that name it in lists, then 256 random bits. What is random needs no
slow hash: SHA-256 of it is kept, and compared in constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

RandomBytes = Callable[[int], bytes]

SECRET_BYTES = 32
ID_BYTES = 5
TOKEN_PREFIX = "fy_"
COOKIE_PREFIX = "fs_"
_TOKEN = re.compile(r"fy_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_COOKIE = re.compile(r"fs_[A-Za-z0-9_-]{43}")
_SHOWN_ID = re.compile(r"fy_([A-Za-z0-9]{1,8})")


class Minted(NamedTuple):
    """A new credential: `text` is told once, `digest` is kept."""

    id: str
    text: str
    digest: str


def mint_token(random_bytes: RandomBytes) -> Minted:
    """A new token."""
    name = base64.b32encode(random_bytes(ID_BYTES)).decode().lower()
    text = f"{TOKEN_PREFIX}{name}_{_urlsafe(random_bytes(SECRET_BYTES))}"
    return Minted(name, text, digest(text))


def mint_cookie(random_bytes: RandomBytes) -> Minted:
    """The value of a new session cookie; its id is the beginning of its digest."""
    text = COOKIE_PREFIX + _urlsafe(random_bytes(SECRET_BYTES))
    return Minted(digest(text)[:12], text, digest(text))


def random_text(random_bytes: RandomBytes) -> str:
    """256 random bits that may stand in a URL."""
    return _urlsafe(random_bytes(SECRET_BYTES))


def token_id(text: str) -> str | None:
    """The id in a token of the right form; None for anything else."""
    found = _TOKEN.fullmatch(text)
    return found[1] if found else None


def attempted_id(text: str) -> str:
    """What an attempt with a wrong token is counted under: the id it names, or "" for what is no token at all."""
    found = _SHOWN_ID.match(text)
    return found[1].lower() if found else ""


def is_cookie(text: str) -> bool:
    """Whether it has the form of a session cookie."""
    return _COOKIE.fullmatch(text) is not None


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def same(one: str, other: str) -> bool:
    """Equality in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))


def csrf_of(cookie: str) -> str:
    """The CSRF token of a session: follows from the cookie, which no script and no other site can read."""
    return _urlsafe(hmac.digest(cookie.encode(), b"ferryman csrf", "sha256"))


def _urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
