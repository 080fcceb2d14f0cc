"""Ports for instances: from a range of their own, never one that was in use a moment ago."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

DEFAULT_PORTS = range(20000, 30000)
REUSE_SECONDS = 60.0
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


class NoPortError(Exception):
    """Every port of the range is taken."""


class PortPool:
    """Ports that are free to start an instance on.

    The leases themselves are in the records of the instances; this is their image in memory. A port whose instance is
    gone rests for `reuse_seconds`: a router may still believe that it is the old revision's.
    """

    def __init__(self, ports: Iterable[int] = DEFAULT_PORTS, reuse_seconds: float = REUSE_SECONDS) -> None:
        self.reuse_seconds = reuse_seconds
        self._ports = outside(ports, ephemeral_ports()) or tuple(ports)
        self._next = secrets.randbelow(len(self._ports)) if self._ports else 0
        self._resting_until: dict[int, float] = {}

    def take(self, now: float) -> int:
        """Lease the next free port at epoch second `now`. Raises `NoPortError`."""
        self._resting_until = {port: until for port, until in self._resting_until.items() if until > now}
        for offset in range(len(self._ports)):
            index = (self._next + offset) % len(self._ports)
            port = self._ports[index]
            if port not in self._resting_until and can_bind(port):
                self._next = index + 1
                self._resting_until[port] = float("inf")
                return port
        low, high = (min(self._ports), max(self._ports)) if self._ports else (0, 0)
        raise NoPortError(f"no free port from {low} to {high}: all are leased, resting or in use by others")

    def hold(self, port: int) -> None:
        """Lease a port that an adopted instance has."""
        self._resting_until[port] = float("inf")

    def release(self, port: int, gone_at: float) -> None:
        """The instance on `port` was gone at epoch second `gone_at`."""
        self._resting_until[port] = gone_at + self.reuse_seconds


def ephemeral_ports() -> range:
    """The ports that outgoing connections take on their own."""
    try:
        low, high = _EPHEMERAL.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return range(32768, 61000)
    return range(int(low), int(high) + 1)


def outside(ports: Iterable[int], taken: range) -> tuple[int, ...]:
    """The ports that are not in `taken`."""
    return tuple(port for port in ports if port not in taken)


def can_bind(port: int) -> bool:
    """Whether nothing uses the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
