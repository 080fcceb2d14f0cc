"""Does the candidate get the share of the traffic that was asked for? If not, the routing is at fault, not the release.

Two one-sided binomial mixtures against "the odds of the share lie within 1.5 times the nominal ones". They take
requests as independent, and their alarm holds the rollout; it never rolls back. Source: Lindon and Malek,
"Anytime-valid inference for multinomial count data" (arXiv 2011.03567).
"""

from __future__ import annotations

import math

import msgspec

from ferryman.analysis.betting.bets import LOG_MAX, log_add, log_mean
from ferryman.analysis.betting.share import WINDOW_SECONDS, ShareWindow

BAND = 1.5
ALPHA = 0.001
LOG_LIMIT = -math.log(ALPHA)
# True odds beyond the band, as multiples of its edge, that the mixture is ready for.
BEYOND = (1.25, 2.0, 5.0, 25.0)
Factors = tuple[tuple[float, float], ...]
MUCH: Factors = tuple((factor, math.log(factor)) for factor in BEYOND)
LITTLE: Factors = tuple((1.0 / factor, -math.log(factor)) for factor in BEYOND)
STAKE_FIRST, STAKE_MINUTES = 0.5, 0.5
# While the data plane takes up a new weight, both the old and the new one are seen.
SETTLING_SECONDS = 20.0
# A silent candidate is a fault once this many requests were due to it within the window.
DUE_REQUESTS = 20.0


def fresh_logs() -> list[float]:
    """Log capitals at the start of a stage."""
    return [math.log(STAKE_FIRST)] * len(BEYOND)


class RoutingTest(msgspec.Struct, array_like=True):
    """Log capitals of the bets on "too much" and "too little" in this stage; `minute` counts its full minutes."""

    much: list[float] = msgspec.field(default_factory=fresh_logs)
    little: list[float] = msgspec.field(default_factory=fresh_logs)
    cash: float = STAKE_MINUTES
    minute: int = 0
    fault: str | None = None

    def observe(self, stable: int, candidate: int, weight_percent: float, begin: float, window: ShareWindow) -> None:
        """Settle one block of this stage that began `begin` seconds into it."""
        if begin < SETTLING_SECONDS:
            return
        self._stake(int(begin // 60))
        odds = weight_percent / (100.0 - weight_percent)
        self.much = _settle(self.much, stable, candidate, odds * BAND, MUCH)
        self.little = _settle(self.little, stable, candidate, odds / BAND, LITTLE)
        if self._crossed() or _silent(window, weight_percent, begin):
            total = window.stable + window.candidate
            self.fault = (
                f"the candidate got {window.candidate} of the last {total} requests, asked: {weight_percent:g} %"
            )
        elif self.fault and _inside(window, weight_percent):
            self.much, self.little, self.cash, self.fault = fresh_logs(), fresh_logs(), STAKE_MINUTES, None

    def _stake(self, minute: int) -> None:
        if minute <= self.minute:
            return
        part = STAKE_MINUTES * (1.0 / (self.minute + 1) - 1.0 / (minute + 1))
        self.minute = minute
        part = min(part, self.cash)
        if part > 0:
            self.cash -= part
            log_part = math.log(part)
            self.much = [log_add(log, log_part) for log in self.much]
            self.little = [log_add(log, log_part) for log in self.little]

    def _crossed(self) -> bool:
        limit = 1.0 / ALPHA
        return any(self.cash + math.exp(min(log_mean(logs), LOG_MAX)) >= limit for logs in (self.much, self.little))


def _settle(logs: list[float], stable: int, candidate: int, edge: float, factors: Factors) -> list[float]:
    settled: list[float] = []
    requests = stable + candidate
    for (factor, log_factor), log in zip(factors, logs, strict=True):
        # The log of (1 - q) / (1 - theta); that of q / theta is larger by the log of the factor.
        other = math.log((1.0 + edge) / (1.0 + edge * factor))
        settled.append(log + candidate * log_factor + requests * other)
    return settled


def _silent(window: ShareWindow, weight_percent: float, begin: float) -> bool:
    due = (window.stable + window.candidate) * weight_percent / 100.0
    return window.candidate == 0 and begin >= WINDOW_SECONDS and due >= DUE_REQUESTS


def _inside(window: ShareWindow, weight_percent: float) -> bool:
    """Whether the last minute alone looks as asked, on enough requests."""
    total, weight = window.stable + window.candidate, weight_percent / 100.0
    if total * min(weight, 1.0 - weight) < DUE_REQUESTS:
        return False
    ratio = (window.candidate + 0.5) / (window.stable + 0.5) / (weight / (1.0 - weight))
    return 1.0 / BAND <= ratio <= BAND
