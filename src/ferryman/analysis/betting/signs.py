"""Sign bets: for readings that are no counts, ask once a minute whether the candidate's is clearly higher.

Under the null that is a fair coin at best; the bet is the one on errors with one event a block and even odds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ferryman.analysis.betting.bets import HarmBet, ReverseBet, log_mean, new_harm_bet, tilt
from ferryman.analysis.betting.settings import PROMOTE_LATENCY, Settings, by_stage
from ferryman.analysis.betting.tally import Tally
from ferryman.model.evidence import Arm, Block

BLOCK_SECONDS = 60.0
EVEN = 1.0
EVEN_TILT = tilt(EVEN)
CPU_MARGIN = MEMORY_MARGIN = 1.2
# What an idle process burns is no property of a request, and weighs most where there are few: so much of its limit is
# allowed to each candidate instance.
CPU_IDLE_PERCENT = 5.0
# Growth slower than this part of its memory per hour is no leak worth a rollback.
MEMORY_FLOOR_PER_HOUR = 0.1


class PercentileTest(msgspec.Struct, array_like=True):
    """Latency where only percentiles are known: the p95 of the candidate against `margin` times that of stable.

    `above` counts blocks of this stage in which it was higher, of `blocks`. The rest is the open block: sums of p95
    readings and their number, per version."""

    harm: HarmBet
    better: ReverseBet
    stage: int = 0
    blocks: int = 0
    above: int = 0
    seconds: float = 0.0
    stable_sum: float = 0.0
    candidate_sum: float = 0.0
    readings: int = 0

    def stake(self, part: float) -> None:
        self.harm.stake(part)

    def new_stage(self, stage: int) -> None:
        self.stage, self.blocks, self.above = stage, 0, 0
        self.better = ReverseBet(EVEN)
        self._open()

    def _open(self) -> None:
        self.seconds = self.stable_sum = self.candidate_sum = 0.0
        self.readings = 0

    def observe(self, block: Block, margin: float) -> None:
        self.seconds += block.seconds
        stable, candidate = block.stable.p95_ms, block.candidate.p95_ms
        if stable is not None and candidate is not None:
            self.stable_sum += stable
            self.candidate_sum += candidate
            self.readings += 1
        if self.seconds < BLOCK_SECONDS:
            return
        if self.readings:
            above = int(self.candidate_sum > margin * self.stable_sum)
            self.harm.update(above, 1, EVEN_TILT)
            beyond = int(self.candidate_sum > by_stage(PROMOTE_LATENCY, self.stage) * self.stable_sum)
            self.better.update(beyond, 1, EVEN)
            self.blocks += 1
            self.above += above
        self._open()

    def value(self) -> float:
        return self.harm.value()

    def promote_top(self) -> float:
        """An upper bound of `promote_log`."""
        return max(self.better.logs)

    def promote_log(self) -> float:
        return log_mean(self.better.logs)

    def record(self, settings: Settings) -> dict[str, Any]:
        tally = Tally(self.blocks, self.blocks - self.above, self.blocks, self.above)
        return {
            "margin": settings.latency_margin,
            "promote_log_e": self.promote_log(),
            **tally.record(),
            "interval": None,
        }


def new_percentile_test() -> PercentileTest:
    """A test before its first block."""
    return PercentileTest(new_harm_bet(), ReverseBet(EVEN))


class Load(msgspec.Struct, array_like=True):
    """One version in the open minute: instance-seconds of cpu, and memory at the start of the minute."""

    cpu_percent_seconds: float = 0.0
    cpu_seconds: float = 0.0
    requests: int = 0
    memory_before: float | None = None
    memory_now: float | None = None
    instances: float | None = None
    disturbed: bool = False

    def add(self, arm: Arm, seconds: float) -> None:
        self.requests += arm.requests
        if arm.cpu_percent is not None and arm.instances is not None:
            self.cpu_percent_seconds += arm.cpu_percent * arm.instances * seconds
            self.cpu_seconds += seconds
        if arm.restarts or (self.instances is not None and arm.instances != self.instances):
            self.disturbed = True
        self.instances = arm.instances
        if arm.memory_bytes is not None:
            if self.memory_before is None:
                self.memory_before = arm.memory_bytes
            self.memory_now = arm.memory_bytes

    def cpu_per_request(self, idle_percent: float = 0.0) -> float | None:
        """Percent of one limit that one request per second costs, beyond what each instance burns idle."""
        if not self.cpu_seconds or not self.requests:
            return None
        idle = idle_percent * (self.instances or 1.0) * self.cpu_seconds
        return max(self.cpu_percent_seconds - idle, 0.0) / self.requests

    def growth(self) -> float | None:
        """Bytes per instance that came on in this minute; None when instances changed in it."""
        if self.disturbed or self.memory_now is None or self.memory_before is None:
            return None
        return self.memory_now - self.memory_before

    def next(self) -> Load:
        return Load(memory_before=self.memory_now, memory_now=self.memory_now, instances=self.instances)


class SaturationTest(msgspec.Struct, array_like=True):
    """Cpu per request, and growth of memory. A bet is None where the first line did not bring its reading.

    `cpu_ratio` is the last minute's; `blocks` and `above` count this stage's comparisons."""

    cpu: HarmBet | None
    memory: HarmBet | None
    stable: Load
    candidate: Load
    seconds: float = 0.0
    blocks: int = 0
    above: int = 0
    cpu_ratio: float | None = None

    def bets(self) -> list[HarmBet]:
        return [bet for bet in (self.cpu, self.memory) if bet]

    def stake(self, part: float) -> None:
        for bet in self.bets():
            bet.stake(part)

    def new_stage(self) -> None:
        self.stable, self.candidate = self.stable.next(), self.candidate.next()
        self.seconds, self.blocks, self.above, self.cpu_ratio = 0.0, 0, 0, None

    def observe(self, block: Block) -> None:
        self.stable.add(block.stable, block.seconds)
        self.candidate.add(block.candidate, block.seconds)
        self.seconds += block.seconds
        if self.seconds < BLOCK_SECONDS:
            return
        if self.cpu:
            self._settle(self.cpu, self._cpu_above())
        if self.memory:
            self._settle(self.memory, self._memory_above())
        self.stable, self.candidate, self.seconds = self.stable.next(), self.candidate.next(), 0.0

    def _settle(self, bet: HarmBet, above: bool | None) -> None:
        if above is not None:
            bet.update(int(above), 1, EVEN_TILT)
            self.blocks += 1
            self.above += above

    def _cpu_above(self) -> bool | None:
        stable, candidate = self.stable.cpu_per_request(), self.candidate.cpu_per_request()
        if stable is None or candidate is None:
            return None
        self.cpu_ratio = candidate / stable if stable else None
        beyond_idle = self.candidate.cpu_per_request(CPU_IDLE_PERCENT) or 0.0
        return beyond_idle > CPU_MARGIN * stable

    def _memory_above(self) -> bool | None:
        stable, candidate = self.stable.growth(), self.candidate.growth()
        if stable is None or candidate is None:
            return None
        floor = MEMORY_FLOOR_PER_HOUR * (self.candidate.memory_now or 0.0) * self.seconds / 3600.0
        return candidate > MEMORY_MARGIN * max(stable, 0.0) and candidate > floor

    def value(self) -> float:
        bets = self.bets()
        return sum(bet.value() for bet in bets) / len(bets) if bets else 1.0

    def record(self, settings: Settings) -> dict[str, Any]:
        tally = Tally(self.blocks, self.blocks - self.above, self.blocks, self.above)
        return {
            "margin": CPU_MARGIN,
            "promote_log_e": None,
            **tally.record(),
            "ratio": self.cpu_ratio,
            "interval": None,
        }


def new_saturation_test(stable: Arm, candidate: Arm) -> SaturationTest:
    """A test of what the first line brings; cpu can be compared only where the number of instances is known."""
    cpu = all(arm.cpu_percent is not None and arm.instances is not None for arm in (stable, candidate))
    memory = all(arm.memory_bytes is not None for arm in (stable, candidate))
    return SaturationTest(new_harm_bet() if cpu else None, new_harm_bet() if memory else None, Load(), Load())
