"""Does the candidate get the share of the traffic that was asked for? If not, the routing is at fault, not the release.

Two one-sided binomial mixtures against "the odds of the share lie within 1.5 times the nominal ones". They take
requests as independent, and their alarm holds the rollout; it never rolls back. Source: Lindon and Malek,
"Anytime-valid inference for multinomial count data" (arXiv 2011.03567).
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec

from ferryman.analysis.betting.bets import LOG_MAX, log_add, log_mean
from ferryman.analysis.betting.share import WINDOW_SECONDS, ShareWindow
from ferryman.model.evidence import Block

BAND = 1.5
ALPHA = 0.001
LOG_LIMIT = -math.log(ALPHA)
# True odds beyond the band, as multiples of its edge, that the mixture is ready for.
BEYOND = (1.25, 2.0, 5.0, 25.0)
Gains = tuple[tuple[float, float], ...]
STAKE_FIRST, STAKE_LATER = 0.5, 0.5
STAKE_SECONDS = 300.0
# While the data plane takes up a new weight, both the old and the new one are seen.
SETTLING_SECONDS = 20.0
# A silent candidate is a fault once this many requests were due to it within the window.
DUE_REQUESTS = 20.0
BLOCK_SECONDS = 10.0


def fresh_logs() -> list[float]:
    """Log capitals at the start of a stage."""
    return [math.log(STAKE_FIRST)] * len(BEYOND)


class RoutingTest(msgspec.Struct, array_like=True):
    """Log capitals of the bets on "too much" and "too little" in this stage; `stakes` counts those made after the first.

    `stable`, `candidate` (requests), `seconds` and `weight_percent` are the block that is still open."""

    much: list[float] = msgspec.field(default_factory=fresh_logs)
    little: list[float] = msgspec.field(default_factory=fresh_logs)
    cash: float = STAKE_LATER
    stakes: int = 0
    stable: int = 0
    candidate: int = 0
    seconds: float = 0.0
    weight_percent: float = 0.0
    fault: str | None = None

    def observe(self, block: Block, window: ShareWindow) -> None:
        """Add a block of this stage; look once there are ten seconds of them."""
        if block.begin < SETTLING_SECONDS:
            return
        if self.seconds and block.weight_percent != self.weight_percent:
            self._settle()
        self.weight_percent = block.weight_percent
        self.stable += block.stable.requests
        self.candidate += block.candidate.requests
        self.seconds += block.seconds
        if self.seconds < BLOCK_SECONDS:
            return
        self._settle()
        self._stake(int(block.stage_t // STAKE_SECONDS))
        if not self._crossed() and not _silent(window, block):
            self.fault = None
        elif _inside(window, block.weight_percent):
            self.much, self.little, self.cash, self.fault = fresh_logs(), fresh_logs(), STAKE_LATER, None
        else:
            total = window.stable + window.candidate
            asked = f"{block.weight_percent:g} % of the traffic is asked for"
            self.fault = f"the candidate got {window.candidate} of the last {total} requests, but {asked}"

    def _settle(self) -> None:
        much, little = _gains(self.weight_percent)
        self.much = _settled(self.much, self.stable, self.candidate, much)
        self.little = _settled(self.little, self.stable, self.candidate, little)
        self.stable = self.candidate = 0
        self.seconds = 0.0

    def _stake(self, stakes: int) -> None:
        if stakes <= self.stakes:
            return
        part = STAKE_LATER * (1.0 / (self.stakes + 1) - 1.0 / (stakes + 1))
        self.stakes = stakes
        part = min(part, self.cash)
        if part > 0:
            self.cash -= part
            log_part = math.log(part)
            self.much = [log_add(log, log_part) for log in self.much]
            self.little = [log_add(log, log_part) for log in self.little]

    def _crossed(self) -> bool:
        for logs in (self.much, self.little):
            # A mean is at most its largest part: most looks need no more than this comparison.
            if max(logs) > LOG_LIMIT - 1.0 and self.cash + math.exp(min(log_mean(logs), LOG_MAX)) >= 1.0 / ALPHA:
                return True
        return False


@lru_cache(maxsize=64)
def _gains(weight_percent: float) -> tuple[Gains, Gains]:
    """What a candidate request and a stable one add to each log: for "too much", and for "too little"."""
    odds = weight_percent / (100.0 - weight_percent)
    sides: list[Gains] = []
    for edge, factors in ((odds * BAND, BEYOND), (odds / BAND, tuple(1.0 / factor for factor in BEYOND))):
        # The log of (1 - q) / (1 - theta); that of q / theta is larger by the log of the factor.
        others = [math.log((1.0 + edge) / (1.0 + edge * factor)) for factor in factors]
        sides.append(tuple((math.log(f) + other, other) for f, other in zip(factors, others, strict=True)))
    return sides[0], sides[1]


def _settled(logs: list[float], stable: int, candidate: int, gains: Gains) -> list[float]:
    return [log + candidate * mine + stable * other for log, (mine, other) in zip(logs, gains, strict=True)]


def _silent(window: ShareWindow, block: Block) -> bool:
    due = (window.stable + window.candidate) * block.weight_percent / 100.0
    return window.candidate == 0 and block.stage_t >= SETTLING_SECONDS + WINDOW_SECONDS and due >= DUE_REQUESTS


def _inside(window: ShareWindow, weight_percent: float) -> bool:
    """Whether the last minute alone looks as asked, on enough requests."""
    total, weight = window.stable + window.candidate, weight_percent / 100.0
    if total * min(weight, 1.0 - weight) < DUE_REQUESTS:
        return False
    ratio = (window.candidate + 0.5) / (window.stable + 0.5) / (weight / (1.0 - weight))
    return 1.0 / BAND <= ratio <= BAND
