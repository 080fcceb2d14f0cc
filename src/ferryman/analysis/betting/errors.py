"""Errors: harm, promotion and interval."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ferryman.analysis.betting.bets import HarmBet, RateLikelihood, ReverseBet, log_add, new_harm_bet, tilt
from ferryman.analysis.betting.interval import RatioInterval
from ferryman.analysis.betting.settings import PROMOTE_RATES, PROMOTE_RATIOS, WARMUP_RATIO, Settings, by_stage
from ferryman.analysis.betting.tally import Tally
from ferryman.model.evidence import Block

LOG_TWO = math.log(2.0)


class ErrorTest(msgspec.Struct, array_like=True):
    """`harm` lasts for the rollout, everything else for the stage. `floor` is the harm bet against an acceptable rate
    (option `delta`). The open block (`stable`, `candidate`, `requests`, `begin`, `seconds`) is used with
    `error_block_seconds` only."""

    harm: HarmBet
    floor: HarmBet | None
    better: ReverseBet
    low: RateLikelihood
    interval: RatioInterval
    tally: Tally
    stable: int = 0
    candidate: int = 0
    requests: int = 0
    begin: float = 0.0
    seconds: float = 0.0

    def stake(self, part: float) -> None:
        self.harm.stake(part)
        if self.floor:
            self.floor.stake(part)

    def new_stage(self, stage: int) -> None:
        self.better = ReverseBet(by_stage(PROMOTE_RATIOS, stage))
        self.low = RateLikelihood(by_stage(PROMOTE_RATES, stage))
        self.interval, self.tally = RatioInterval(), Tally()
        self.stable = self.candidate = self.requests = 0
        self.seconds = 0.0

    def observe(self, block: Block, odds: float, settings: Settings) -> None:
        stable, candidate = block.stable, block.candidate
        self.tally.add(stable.requests, stable.errors, candidate.requests, candidate.errors)
        self.interval.observe(stable.errors, candidate.errors, block.seconds, odds)
        self.low.update(candidate.errors, candidate.requests)
        if not settings.error_block_seconds:
            self._settle(stable.errors, candidate.errors, candidate.requests, block.begin, odds, settings)
            return
        if not self.seconds:
            self.begin = block.begin
        self.stable += stable.errors
        self.candidate += candidate.errors
        self.requests += candidate.requests
        self.seconds += block.seconds
        if self.seconds >= settings.error_block_seconds or block.stage_end:
            self._settle(self.stable, self.candidate, self.requests, self.begin, odds, settings)
            self.stable = self.candidate = self.requests = 0
            self.seconds = 0.0

    def _settle(
        self, stable: int, candidate: int, requests: int, begin: float, odds: float, settings: Settings
    ) -> None:
        margin = WARMUP_RATIO if begin < settings.warmup_seconds else settings.error_margin
        total = stable + candidate
        if total:
            self.harm.update(candidate, total, tilt(odds * margin))
            self.better.update(candidate, total, odds)
        if self.floor and settings.delta and requests:
            self.floor.update(min(candidate, requests), requests, tilt(settings.delta / (1.0 - settings.delta)))

    def value(self) -> float:
        """The e-value of harm; with a floor, both bets must have won."""
        return min(self.harm.value(), self.floor.value()) if self.floor else self.harm.value()

    def promote_top(self) -> float:
        """An upper bound of `promote_log`."""
        return max(*self.better.logs, *self.low.logs)

    def promote_log(self) -> float:
        """Log e-value of "inside the ratio margin or below the rate limit"."""
        return log_add(self.better.log_value(), self.low.log_value()) - LOG_TWO

    def record(self, settings: Settings) -> dict[str, Any]:
        return {
            "margin": settings.error_margin,
            "promote_log_e": self.promote_log(),
            **self.tally.record(),
            "interval": self.interval.ends(),
        }


def new_error_test(settings: Settings) -> ErrorTest:
    """A test before its first block."""
    floor = new_harm_bet() if settings.delta else None
    return ErrorTest(
        new_harm_bet(), floor, ReverseBet(PROMOTE_RATIOS[0]), RateLikelihood(PROMOTE_RATES[0]), RatioInterval(), Tally()
    )
