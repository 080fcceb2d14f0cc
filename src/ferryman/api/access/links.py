"""Links that sign somebody in once: for who can open the controller's socket, and wants to go on in a browser.

They live in this process only: a restart ends them. What is random is kept as a hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman.api.access.credentials import RandomBytes, digest, random_text

LINK_SECONDS = 600.0
LINKS_MAX = 20
PREFIX = "once_"


def is_link(text: str) -> bool:
    """Whether it is of this kind, rather than a token."""
    return text.startswith(PREFIX)


@dataclass
class Links:
    """Those that were made and not used: by digest, when each ends (epoch seconds) and whom it signs in."""

    random_bytes: RandomBytes
    waiting: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])

    def make(self, name: str, now: float) -> tuple[str, float]:
        """A new one for `name`, and when it ends. Of too many the oldest ends."""
        self.waiting = {key: value for key, value in self.waiting.items() if value[0] > now}
        while len(self.waiting) >= LINKS_MAX:
            self.waiting.pop(next(iter(self.waiting)))
        text = PREFIX + random_text(self.random_bytes)
        self.waiting[digest(text)] = (now + LINK_SECONDS, name)
        return text, now + LINK_SECONDS

    def take(self, text: str, now: float) -> str | None:
        """Whom it signs in, this once; None when it is not known, used or over."""
        ends_at, name = self.waiting.pop(digest(text), (0.0, ""))
        return name if ends_at > now else None
