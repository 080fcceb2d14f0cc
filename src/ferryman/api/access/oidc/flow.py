"""The way of a sign-in: to the provider with state, nonce and a PKCE challenge, and back with a code, once.

State ties the answer to a request of ours, the cookie ties it to the browser that asked, the nonce ties the ID token to it,
and the verifier ties the code to it. Each is used once and forgotten after `PENDING_SECONDS`.
"""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from ferryman.api.access.credentials import RandomBytes, digest, same
from ferryman.api.access.oidc.claims import name_of, roles_of, verified
from ferryman.api.access.oidc.provider import Provider
from ferryman.api.access.oidc.refused import refused
from ferryman.model.role import Role

PENDING_SECONDS = 600.0
PENDING_MAX = 1000
"""Sign-ins under way; the oldest is forgotten beyond it."""

CALLBACK_PATH = "/v1/oidc/callback"
HOME = "/"


class Begun(NamedTuple):
    """Where the browser is sent, and the cookie it gets."""

    url: str
    cookie: str


class SignedInAs(NamedTuple):
    """Who came back, and which page they had asked for."""

    name: str
    roles: dict[str, Role]
    page: str


class _Pending(NamedTuple):
    nonce: str
    verifier: str
    cookie_digest: str
    until: float
    page: str


@dataclass
class Flow:
    """Sign-ins with one provider."""

    provider: Provider
    public_url: str
    random_bytes: RandomBytes
    now: Callable[[], float]
    _pending: OrderedDict[str, _Pending] = field(default_factory=OrderedDict[str, _Pending])

    async def begin(self, page: str = HOME) -> Begun:
        """A new sign-in, that leads back to `page`. Raises `SignInRefused` (``oidc_provider``)."""
        settings = self.provider.settings
        found = await self.provider.discovered()
        state, nonce, verifier, cookie = (self._random() for _ in range(4))
        until = self.now() + PENDING_SECONDS
        self._pending[state] = _Pending(nonce, verifier, digest(cookie), until, own_page(page))
        while len(self._pending) > PENDING_MAX:
            self._pending.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        mark = "&" if "?" in found.authorization_endpoint else "?"
        return Begun(found.authorization_endpoint + mark + urlencode(asked), cookie)

    async def finish(self, *, state: str, cookie: str, code: str, error: str, issuer: str) -> SignedInAs:
        """Who it is that came back. `issuer` is the `iss` of RFC 9207, "" where the provider sends none. Raises
        `SignInRefused`."""
        pending = self._pending.pop(state, None)
        if pending is None or pending.until <= self.now():
            raise refused("state", "this sign-in was not begun here, is over, or was used before")
        if not same(digest(cookie), pending.cookie_digest):
            raise refused("state", "this sign-in was begun in another browser")
        settings = self.provider.settings
        if issuer not in {"", settings.issuer}:
            raise refused("state", f"the answer is of another provider: {issuer[:200]!r}")
        if error or not code:
            raise refused("denied", f"the provider did not sign anybody in: {(error or 'no code')[:200]!r}")
        token = await self.provider.exchange(code, pending.verifier, self._redirect_uri)
        claims = verified(token, await self.provider.key_of(token), settings, pending.nonce)
        return SignedInAs(name_of(claims, settings), roles_of(claims, settings), pending.page)

    @property
    def _redirect_uri(self) -> str:
        return self.public_url + CALLBACK_PATH

    def _random(self) -> str:
        return base64.urlsafe_b64encode(self.random_bytes(32)).decode().rstrip("=")


def own_page(asked: str) -> str:
    """The page to go on to: one of ours as it was asked for, else the first. Whoever made the link must not lead anybody
    elsewhere, and browsers take a backslash for a slash."""
    ours = asked.startswith("/") and not asked.startswith(("//", "/v1/")) and "\\" not in asked and asked.isprintable()
    return asked if ours else HOME


def challenge_of(verifier: str) -> str:
    """The challenge S256 of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
