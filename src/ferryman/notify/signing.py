"""The signature of a webhook: who holds the secret can tell that a body is ours, and when it was sent.

    Ferryman-Signature: t=1700000000,v1=HEX      HEX = HMAC-SHA256(secret, "1700000000" "." body)

A receiver recomputes it over the bytes as they came and refuses what is older than a few minutes.
"""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "Ferryman-Signature"
AGE_SECONDS = 300.0


def sign(secret: str, body: bytes, now: float) -> str:
    """The value of the header for `body` sent at epoch second `now`."""
    return f"t={int(now)},v1={_digest(secret, int(now), body)}"


def verify(secret: str, header: str, body: bytes, now: float, age_seconds: float = AGE_SECONDS) -> bool:
    """Whether `header` is a signature of `body` by this secret, not older (or newer) than `age_seconds`."""
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
        return False
    sent = int(times[0])
    wanted = _digest(secret, sent, body)
    return abs(now - sent) <= age_seconds and any(hmac.compare_digest(wanted.encode(), v.encode()) for v in given)


def _digest(secret: str, sent: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
