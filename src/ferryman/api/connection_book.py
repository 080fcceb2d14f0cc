"""How many connections a server takes: in all, and of one address.

Files that a process may have open are the measure. What the controller needs for its own work, for its log and for the
pipes of what it starts, no client can take away from it.
"""

from __future__ import annotations

import ipaddress
import resource
from collections import Counter

from ferryman.model.errors import ControllerError, FerrymanError

CONNECTIONS_MAX = 20_000
"""Over TCP."""

SOCKET_CONNECTIONS_MAX = 256
"""Over the unix socket: commands of the owner."""

ADDRESS_CONNECTIONS_MAX = 512
"""Of one other machine. This machine has no bound of its own unless the settings say so: a proxy speaks for everybody."""

RESERVED_FILES = SOCKET_CONNECTIONS_MAX + 256
"""Files that connections over TCP leave to the controller."""

FILES_MAX = 65_536
"""No more are asked for: what is started inherits the number, and some programs walk over all of it."""


class Book:
    """The connections of one server: `open` now, at most `most`, of one address at most `most_of_one` (None: the usual
    bounds). `refused` were too many."""

    def __init__(self, most: int, most_of_one: int | None = None) -> None:
        self.most = most
        self.refused = 0
        self._most_of_one = most_of_one
        self._of: Counter[str] = Counter()
        self.open = 0

    def enter(self, address: str) -> FerrymanError | None:
        """Count a connection; what is wrong if there are too many. `leave` is due in both cases."""
        self._of[address] += 1
        self.open += 1
        bound = self._bound(address)
        if self.open > self.most:
            found = f"{self.most} connections are open already"
        elif self._of[address] > bound:
            found = f"{bound} connections are open from {address} already"
        else:
            return None
        self.refused += 1
        return ControllerError("too_many_connections", found, "close some, or come later")

    def leave(self, address: str) -> None:
        """A connection ended."""
        self.open -= 1
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]

    def _bound(self, address: str) -> int:
        if self._most_of_one is not None:
            return self._most_of_one
        return self.most if is_here(address) else ADDRESS_CONNECTIONS_MAX


def is_here(address: str) -> bool:
    """Whether that is this machine: loopback, or no address at all (a unix socket)."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True


def raise_file_limit() -> int:
    """Let this process have as many files open as it may ask for; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return FILES_MAX if soft == resource.RLIM_INFINITY else soft


def socket_book() -> Book:
    """For the server on the unix socket."""
    return Book(SOCKET_CONNECTIONS_MAX)


def tcp_book(files: int, most_of_one: int | None) -> Book:
    """For the server over TCP, of a process that may have so many `files` open."""
    return Book(max(1, min(CONNECTIONS_MAX, files - RESERVED_FILES)), most_of_one)
