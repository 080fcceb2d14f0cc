"""Links by which one person answers what waits for people to agree: signed, for one gate, good once. Pure.

    token     = key id "." base64url(claims) "." base64url(signature)
    signature = HMAC-SHA256(key, "ferryman approval link" NUL claims)     RFC 2104
    key id    = first 8 hex digits of HMAC-SHA256(key, "ferryman approval link key")

`claims` is the JSON array of `Claims`. base64url is that of RFC 4648, section 5, without padding. The key id is there to
tell a link of an older key from one that nobody here made; it guards nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from ferryman.model.errors import Refused

TOKEN_CHARACTERS_MAX = 2000
KEY_ID_CHARACTERS = 8
LOOK_ELSEWHERE = "answer on the dashboard, or with `ferry approve` or `ferry deny`"
_DOMAIN = b"ferryman approval link\0"
_KEY_DOMAIN = b"ferryman approval link key"


class Claims(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a link is good for: `person` answers the gate `gate` (its key: rollout, attempt, step and number of the gate),
    asked by `channel`, until `expires_at` (epoch seconds)."""

    service: str
    rollout: str
    gate: str
    channel: str
    person: str
    expires_at: float


def make_token(key: bytes, claims: Claims) -> str:
    """The token of a link; the same claims always make the same one."""
    said = msgspec.json.encode(claims)
    return f"{_key_id(key)}.{_encode(said)}.{_encode(_sign(key, said))}"


def read_token(key: bytes, token: str) -> Claims:
    """What the token is good for, if it was made here; whether it still is, is not looked at. Raises `Refused`:
    ``link_forged``, or ``link_key_changed`` when it names another key."""
    key_id, _, rest = token.partition(".")
    said, _, signature = rest.partition(".")
    try:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise ValueError(token)
        given = _decode(said)
        if not hmac.compare_digest(_sign(key, given), _decode(signature)):
            raise _not_ours(key, key_id)
        if not hmac.compare_digest(_key_id(key).encode(), key_id.encode()):
            raise ValueError(token)
        return msgspec.json.decode(given, type=Claims)
    except (ValueError, msgspec.DecodeError):
        raise _forged() from None


def digest_of(token: str) -> str:
    """How a used link is written down: nobody can make the link of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _not_ours(key: bytes, key_id: str) -> Refused:
    is_key_id = len(key_id) == KEY_ID_CHARACTERS and not set(key_id) - set("0123456789abcdef")
    if not is_key_id or key_id == _key_id(key):
        return _forged()
    message = "this link was signed with a key that is not in use: when the key is changed, all links before it end"
    return Refused("link_key_changed", message, hint=LOOK_ELSEWHERE)


def _forged() -> Refused:
    message = "this link was not made here, or it was changed on its way"
    return Refused("link_forged", message, hint="open it whole, as it stands in the message")


def _key_id(key: bytes) -> str:
    return hmac.new(key, _KEY_DOMAIN, hashlib.sha256).hexdigest()[:KEY_ID_CHARACTERS]


def _sign(key: bytes, said: bytes) -> bytes:
    return hmac.new(key, _DOMAIN + said, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Strictly: a token has one form only, so that no other text stands for the same link. Raises ValueError."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:
        raise ValueError(text)
    return data
