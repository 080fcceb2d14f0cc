"""How long a revision that crashes waits before it is started again. Pure; times are epoch seconds."""

from __future__ import annotations

FIRST_SECONDS = 1.0
MAX_SECONDS = 60.0
RESET_SECONDS = 300.0


class CrashLoop:
    """Delays of 1, 2, 4 .. 60 seconds for one revision.

    Instances that fail in the same round, so those started before the failure that opened it, count once: four
    instances of a broken version are one crash, not four. A run that was ready for `reset_seconds`, or as long without
    a failure, begins again at the first delay.
    """

    def __init__(
        self,
        first_seconds: float = FIRST_SECONDS,
        max_seconds: float = MAX_SECONDS,
        reset_seconds: float = RESET_SECONDS,
    ) -> None:
        self.first_seconds = first_seconds
        self.max_seconds = max_seconds
        self.reset_seconds = reset_seconds
        self.rounds = 0
        self._last_failure_at = 0.0
        self._allowed_at = 0.0

    def failed(self, *, started_at: float, ended_at: float, ready_seconds: float) -> None:
        """An instance ended unasked, or never came to be, after having been ready for `ready_seconds` (0: never)."""
        quiet = ended_at - self._last_failure_at >= self.reset_seconds
        if self.rounds == 0 or quiet or ready_seconds >= self.reset_seconds:
            self.rounds = 1
        elif started_at >= self._last_failure_at:
            self.rounds += 1
        delay = min(self.max_seconds, self.first_seconds * 2.0 ** min(self.rounds - 1, 30))
        self._last_failure_at = max(self._last_failure_at, ended_at)
        self._allowed_at = max(self._allowed_at, ended_at + delay)

    def not_before(self, now: float) -> float:
        """The epoch second from which the revision may be started; `now` or earlier means at once. Never further off
        than `max_seconds`, whatever a wall clock that was set back says."""
        return min(self._allowed_at, now + self.max_seconds)
