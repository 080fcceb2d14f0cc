"""Bad events of the user's own, such as failed logins: weighed like errors, each by its name."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ferryman.analysis.betting.bets import HarmBet, new_harm_bet, tilt
from ferryman.analysis.betting.settings import WARMUP_RATIO, Settings
from ferryman.analysis.betting.tally import Tally
from ferryman.model.evidence import Block

# State has a bound, so names have one: the first of them in alphabetical order.
NAMES_MAX = 8


class EventTest(msgspec.Struct, array_like=True):
    """One harm bet per name; `tallies` are of this stage. `names` are fixed by the first line."""

    names: tuple[str, ...]
    bets: list[HarmBet]
    tallies: list[Tally]

    def stake(self, part: float) -> None:
        for bet in self.bets:
            bet.stake(part)

    def new_stage(self) -> None:
        self.tallies = [Tally() for _ in self.names]

    def observe(self, block: Block, odds: float, settings: Settings) -> None:
        margin = WARMUP_RATIO if block.begin < settings.warmup_seconds else settings.error_margin
        stable, candidate = block.stable, block.candidate
        at = tilt(odds * margin)
        for name, bet, tally in zip(self.names, self.bets, self.tallies, strict=True):
            stable_k, candidate_k = stable.events.get(name, 0), candidate.events.get(name, 0)
            bet.update(candidate_k, stable_k + candidate_k, at)
            tally.add(stable.requests, stable_k, candidate.requests, candidate_k)

    def value(self) -> float:
        return sum(bet.value() for bet in self.bets) / len(self.bets)

    def record(self, settings: Settings) -> dict[str, Any]:
        whole = Tally()
        for tally in self.tallies:
            whole.add(tally.stable_n, tally.stable_k, tally.candidate_n, tally.candidate_k)
        by_name = {
            name: {"log_e": math.log(bet.value()), **tally.record()}
            for name, bet, tally in zip(self.names, self.bets, self.tallies, strict=True)
        }
        return {
            "margin": settings.error_margin,
            "promote_log_e": None,
            **whole.record(),
            "interval": None,
            "events": by_name,
        }


def new_event_test(names: set[str]) -> EventTest:
    """A test of these names; there must be at least one."""
    kept = tuple(sorted(names)[:NAMES_MAX])
    return EventTest(kept, [new_harm_bet() for _ in kept], [Tally() for _ in kept])
