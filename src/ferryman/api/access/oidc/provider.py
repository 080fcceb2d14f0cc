"""The provider over HTTP: what it says of itself, its keys, and the exchange of a code for an ID token.

Discovery as in OpenID Connect Discovery 1.0, keys as in RFC 7517. Answers are bounded in size and time, no redirect is
followed, and what it names must be reached by HTTPS (or on this machine).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
import msgspec

from ferryman.api.access.oidc.claims import Jwk, key_of
from ferryman.api.access.oidc.refused import refused
from ferryman.model.settings import LOOPBACK_HOSTS, Oidc

ANSWER_SECONDS = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
KEEP_SECONDS = 3600.0
"""How long discovery and keys are believed."""

ASK_AGAIN_SECONDS = 10.0
"""A token with an unknown key makes us ask for the keys again, but not more often than this."""

KEYS_MAX = 100
T = TypeVar("T")


class Discovered(msgspec.Struct, frozen=True):
    """What is needed of the provider's document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Jwk, ...]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


@dataclass
class Provider:
    """One provider. `secret` is the client's, "" for a public one; `now` in seconds, never backwards."""

    settings: Oidc
    secret: str
    now: Callable[[], float]
    _discovered: tuple[float, Discovered] | None = None
    _keys: tuple[float, tuple[Jwk, ...]] | None = None

    async def discovered(self) -> Discovered:
        """Where its endpoints are. Raises `SignInRefused` (``oidc_provider``)."""
        if self._discovered is not None and self.now() - self._discovered[0] < KEEP_SECONDS:
            return self._discovered[1]
        url = self.settings.issuer.removesuffix("/") + "/.well-known/openid-configuration"
        found = _decoded(await self._ask("GET", url), Discovered, "its configuration")
        if found.issuer != self.settings.issuer:
            raise refused("provider", f"{url} is of the issuer {found.issuer[:200]!r}", "correct `oidc.issuer`")
        for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            _check_endpoint(endpoint)
        self._discovered = (self.now(), found)
        return found

    async def key_of(self, token: str) -> Jwk:
        """The key a token was signed with; unknown ones are looked for anew, since providers change keys. Raises
        `SignInRefused`."""
        key = key_of(token, await self._known_keys(KEEP_SECONDS)) or key_of(
            token, await self._known_keys(ASK_AGAIN_SECONDS)
        )
        if key is None:
            raise refused("token", "the ID token is signed with a key that the provider does not have")
        return key

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code. Raises `SignInRefused` (``oidc_provider``)."""
        found = await self.discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        basic = None
        if self.secret and "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            # Both parts are form-encoded first: RFC 6749, section 2.3.1.
            basic = httpx2.BasicAuth(quote(self.settings.client_id, safe=""), quote(self.secret, safe=""))
        elif self.secret:
            form["client_secret"] = self.secret
        data = await self._ask("POST", found.token_endpoint, form=form, auth=basic)
        return _decoded(data, _Tokens, "its answer to the code").id_token

    async def _known_keys(self, max_age_seconds: float) -> tuple[Jwk, ...]:
        if self._keys is None or self.now() - self._keys[0] >= max_age_seconds:
            found = await self.discovered()
            keys = _decoded(await self._ask("GET", found.jwks_uri), _Keys, "its keys").keys[:KEYS_MAX]
            self._keys = (self.now(), keys)
        return self._keys[1]

    async def _ask(
        self, method: str, url: str, *, form: dict[str, str] | None = None, auth: httpx2.BasicAuth | None = None
    ) -> bytes:
        headers = {"accept": "application/json"}
        data = bytearray()
        try:
            given: dict[str, Any] = {} if auth is None else {"auth": auth}
            async with (
                httpx2.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False) as http,
                http.stream(method, url, data=form, headers=headers, **given) as answer,
            ):
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > ANSWER_BYTES_MAX:
                        raise refused("provider", f"{url} answers with more than {ANSWER_BYTES_MAX} bytes")
        except httpx2.HTTPError as problem:
            raise refused("provider", f"{url} does not answer: {type(problem).__name__}", "try again later") from None
        if answer.status_code != 200:
            raise refused("provider", f"{url} answers with {answer.status_code}", "see the log of the provider")
        return bytes(data)


def _decoded(data: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise refused("provider", f"the provider sends {what} in a form that cannot be read: {problem}") from None


def _check_endpoint(url: str) -> None:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    if parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS):
        return
    raise refused("provider", f"the provider names {url[:200]!r}, which is not reached by HTTPS")
