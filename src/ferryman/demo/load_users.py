"""Virtual users: each keeps its cookies, as a browser does, and remembers which versions it has met."""

from __future__ import annotations

from dataclasses import dataclass

MAX_COOKIES = 50
MAX_COOKIE_LENGTH = 4096
MAX_TRAIL_LENGTH = 64


@dataclass(frozen=True, slots=True)
class UserTrail:
    """The versions that one user met, in order, a version standing once for each stay; the first 64 stays."""

    user: int
    versions: tuple[str, ...]
    moved_back: int


class VirtualUser:
    """One user. ``version`` is the last met; ``moved_back`` counts returns to a version that the user had left."""

    __slots__ = ("_cookies", "_seen", "_stays", "header", "index", "moved_back", "version")

    def __init__(self, index: int) -> None:
        self.index = index
        self.header = b""
        self.moved_back = 0
        self.version: str | None = None
        self._cookies: dict[bytes, bytes] = {}
        self._stays: list[str] = []
        self._seen: set[str] = set()

    @property
    def trail(self) -> UserTrail:
        """What this user has met."""
        return UserTrail(self.index, tuple(self._stays), self.moved_back)

    def keep_cookies(self, set_cookie: bytes) -> None:
        """Take the ``Set-Cookie`` fields of an answer, one a line, into the jar; ``header`` is what to send next.

        Kept are name and value; ``Max-Age`` of 0 or less removes. Domain and path are not looked at: one service,
        one host. Source: RFC 6265 sections 5.2 and 5.3.
        """
        for line in set_cookie.split(b"\n"):
            pair, *attributes = line.split(b";")
            name, equals, value = pair.partition(b"=")
            name = name.strip()
            if not equals or not name or len(line) > MAX_COOKIE_LENGTH:
                continue
            if _expired(attributes):
                self._cookies.pop(name, None)
            elif name in self._cookies or len(self._cookies) < MAX_COOKIES:
                self._cookies[name] = value.strip()
        pairs = b"; ".join(name + b"=" + value for name, value in self._cookies.items())
        self.header = b"Cookie: " + pairs + b"\r\n" if pairs else b""

    def met(self, version: str) -> bool:
        """Note the version of an answer; True if the user has moved back with it."""
        if version == self.version:
            return False
        self.version = version
        back = version in self._seen
        self._seen.add(version)
        self.moved_back += back
        if len(self._stays) < MAX_TRAIL_LENGTH:
            self._stays.append(version)
        return back


def _expired(attributes: list[bytes]) -> bool:
    for attribute in attributes:
        name, _, value = attribute.partition(b"=")
        if name.strip().lower() == b"max-age":
            try:
                return int(value) <= 0
            except ValueError:
                return False
    return False
