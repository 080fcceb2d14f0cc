"""From an ID token to who it is: its signature, its claims, and the roles that the settings give for them.

Checks are those of OpenID Connect Core 1.0, section 3.1.3.7. Only RS256 and ES256 are taken, and only with a key whose type
fits, so that a token cannot choose how it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ferryman.api.access.credentials import same
from ferryman.api.access.oidc.refused import refused
from ferryman.model.role import RESERVED_NAMES, Role
from ferryman.model.settings import Oidc

KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
REQUIRED = ("exp", "iat", "iss", "aud", "sub")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")

Jwk = dict[str, Any]


def key_of(token: str, keys: Iterable[Jwk]) -> Jwk | None:
    """The key that a token says it was signed with; None when it is not among `keys`. Raises `SignInRefused` for what is
    no token, or one of another algorithm."""
    import jwt  # noqa: PLC0415 -- with its cryptography it takes long to load: not where nobody signs in by it

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as problem:
        raise refused("token", f"the provider's ID token cannot be read: {problem}") from None
    algorithm = str(header.get("alg", "none"))
    if algorithm not in KEY_TYPES:
        raise refused("token", f"the ID token is signed by {algorithm[:20]!r}; RS256 and ES256 are taken")
    fitting = [key for key in keys if _fits(key, KEY_TYPES[algorithm], header.get("kid"))]
    if len(fitting) > 1 and header.get("kid") is None:
        raise refused("token", "the ID token does not say which of the provider's keys it was signed with")
    return fitting[0] if fitting else None


def _fits(key: Jwk, key_type: str, kid: object) -> bool:
    return key.get("kty") == key_type and key.get("use", "sig") == "sig" and (kid is None or key.get("kid") == kid)


def verified(token: str, key: Jwk, settings: Oidc, nonce: str) -> dict[str, Any]:
    """The claims of a token that holds. Raises `SignInRefused` (``oidc_token``)."""
    import jwt  # noqa: PLC0415 -- as above

    algorithm = str(jwt.get_unverified_header(token).get("alg"))
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(key, algorithm=algorithm),
            algorithms=[algorithm],
            audience=settings.client_id,
            issuer=settings.issuer,
            leeway=settings.leeway_seconds,
            options={"require": list(REQUIRED)},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as problem:
        raise refused("token", f"the provider's ID token does not hold: {problem}") from None
    audience = _values(claims["aud"])
    party = claims.get("azp")
    if (len(audience) > 1 and party is None) or party not in {None, settings.client_id}:
        raise refused("token", "the ID token was made for somebody else (azp)")
    if not same(str(claims.get("nonce", "")), nonce):
        raise refused("token", "the ID token belongs to another sign-in (nonce)")
    if claims.get("email_verified") is False:
        claims.pop("email", None)  # anybody may write anybody's address there
    return claims


def name_of(claims: dict[str, Any], settings: Oidc) -> str:
    """Who it is, for the log: the claim of the settings, or `sub` where that is missing."""
    for candidate in (claims.get(settings.name_claim), claims["sub"]):
        if isinstance(candidate, str) and _NAME.fullmatch(candidate) and candidate.lower() not in RESERVED_NAMES:
            return candidate
    raise refused("token", "the ID token has no name that could be written down")


def roles_of(claims: dict[str, Any], settings: Oidc) -> dict[str, Role]:
    """The roles that the rules give; where several fit, the highest. Raises `SignInRefused` (``oidc_no_role``)."""
    found: dict[str, Role] = {}
    for rule in settings.roles:
        if rule.value in _values(claims.get(rule.claim)):
            held = [Role(rule.role), *([found[rule.service]] if rule.service in found else [])]
            found[rule.service] = max(held, key=lambda role: role.rank)
    if not found:
        raise refused("no_role", "no rule in the settings gives this person a role", "ask an admin of the controller")
    return found


def _values(claim: object) -> set[str]:
    """A claim as the texts that rules compare with."""
    if isinstance(claim, bool):
        return {"true" if claim else "false"}
    if isinstance(claim, str | int | float):
        return {str(claim)}
    if isinstance(claim, list):
        items: list[object] = list(claim)  # pyright: ignore[reportUnknownArgumentType]
        return {item for item in items if isinstance(item, str)}
    return set()
