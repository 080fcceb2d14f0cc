"""How often somebody may be wrong: failed attempts by key, in bounded memory.

Each key has a bucket of attempts that fills again with time. Only what fails takes from it, so that a right credential is
never held up by somebody else's wrong ones; with 256 random bits the limit is there to keep guessing from becoming load
and noise, not to make it hopeless, which it is anyway.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

ATTEMPTS = 10
"""Failures in a row before the first wait."""

SECONDS_PER_ATTEMPT = 6.0
KEYS_MAX = 10_000


class Attempts:
    """Failures by key. The key not heard of for the longest is forgotten beyond `keys_max`."""

    def __init__(
        self, burst: int = ATTEMPTS, seconds_each: float = SECONDS_PER_ATTEMPT, keys_max: int = KEYS_MAX
    ) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._keys_max = keys_max
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def failed(self, key: str, now: float) -> float:
        """Count a failure; 0 while that is within bounds, else the seconds to wait until the next one is."""
        full_at = max(self._full_at.pop(key, now), now)
        wait = full_at + self._seconds_each - (now + self._burst * self._seconds_each)
        # A failure beyond the bounds does not make the wait longer: it ends for who waits.
        self._full_at[key] = full_at if wait > 0 else full_at + self._seconds_each
        while len(self._full_at) > self._keys_max:
            self._full_at.popitem(last=False)
        return max(wait, 0.0)


def address_key(host: str) -> str:
    """The address as it is counted: an IPv6 network of 64 bits is one customer of some provider."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
