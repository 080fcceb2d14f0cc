"""What instances complain about in their logs, beside the requests they answered, since a release began."""

from __future__ import annotations

from ferryman.core.checklist import LogErrors
from ferryman.engine.traffic import since
from ferryman.metrics.base import Counters
from ferryman.model.rollout import Rollout


class Complaints:
    """Error lines and requests per revision since the first look at one attempt of one rollout. A controller that is
    started again begins anew."""

    def __init__(self) -> None:
        self._about: tuple[str, int] = ("", 0)
        self._from: dict[str, tuple[int, Counters]] = {}
        self.now: dict[str, LogErrors] = {}

    def take(self, rollout: Rollout | None, lines: dict[str, int], counters: dict[str, Counters]) -> None:
        """One more look; `lines` are counts that never fall. Without a rollout that is judged, what is known stays."""
        if rollout is None:
            return
        if self._about != (rollout.id, rollout.attempt):
            self._about, self._from, self.now = (rollout.id, rollout.attempt), {}, {}
        for revision in (rollout.stable, rollout.candidate):
            if revision is None or revision not in lines:
                continue
            counted = counters.get(revision, Counters(0, 0, ()))
            begun, before = self._from.setdefault(revision, (lines[revision], counted))
            grown = since(counted, before if len(before.buckets) == len(counted.buckets) else None)
            self.now[revision] = LogErrors(lines[revision] - begun, grown.requests)
