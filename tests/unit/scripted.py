"""A judge that says what it is told: for worlds in which nobody counts requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ferryman.model.rollout import Rollout
from ferryman.model.seen import AnalysisSeen


@dataclass
class ScriptedJudge:
    """`analysis` is its present word. When it `follows` it moves on with the rollout, to the stage of each step."""

    analysis: AnalysisSeen | None = None
    follows: bool = False
    missing_since: float | None = None
    missing_seconds: float = 0.0

    def says(
        self,
        rollout: Rollout,
        now: float,
        verdict: str,
        *,
        stage: int | None = None,
        follows: bool = False,
        reason: str = "because",
        **more: Any,
    ) -> None:
        """It speaks about this stage (None: the present one) from now on."""
        self.follows = follows
        at = rollout.current.stage if stage is None else stage
        self.analysis = AnalysisSeen(
            rollout=rollout.id,
            attempt=rollout.attempt,
            stage=-1 if at is None else at,
            verdict=verdict,
            reason=reason,
            at=now,
            **more,
        )

    def loses_sight(self, rollout: Rollout, now: float) -> None:
        """The metrics source says nothing from now on."""
        self.missing_since = now
        if self.analysis is None:
            self.says(rollout, now, "continue")

    def sees_again(self, now: float) -> None:
        """It says something again."""
        if self.missing_since is not None:
            self.missing_seconds += now - self.missing_since
        self.missing_since = None

    def seen(self, rollout: Rollout | None, now: float) -> AnalysisSeen | None:
        """Its word as of now."""
        known = self.analysis
        if known is None or rollout is None:
            return None
        stage = rollout.current.stage
        if self.follows and rollout.reached_at is not None and stage is not None and stage != known.stage:
            self.missing_seconds = 0.0
            known = self.analysis = replace(known, stage=stage)
        running = 0.0 if self.missing_since is None else now - self.missing_since
        return replace(known, at=now, error_since=self.missing_since, error_seconds=self.missing_seconds + running)
