"""The default judge on simulated rollouts whose truth is known: false rollbacks, what harm costs users, time to a pass.

    python bench/judge.py [--reps 20] [--null-reps 60] [--only TEXT] [--jobs N]

Every figure comes from rollouts of 5, 25, 50 % for 10 minutes each at .5 % errors, in lines of 5 s. A goal is missed when
a 95 % bound of the figure lies beyond it, so that few replicates say little and many say much. Harm is counted in
requests that met the bad candidate before it was taken back, against those that the `mann-whitney` judge lets through at
the ends of stages.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from _table import Row, show
from scipy.stats import beta, binom

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
from ferryman.analysis.session import JudgeSession
from ferryman.model.evidence import Verdict
from judge_worlds import World, cumulative, rollout

RATES = (1, 50, 1000)
SPECS = {"betting": {"judge": "betting"}, "mann-whitney": {"judge": "mann-whitney"}}
# "Always" cannot be shown by trying; it counts as 99 %.
ALWAYS = 0.99
CHUNK = 10


@dataclass(frozen=True)
class Outcome:
    """One rollout under one judge: when it was taken back (infinity: never), how many candidate requests met the harm
    until then, and when each stage first passed, in seconds of the stage."""

    failed: float
    harmed: int
    passed: tuple[float, ...]


@dataclass(frozen=True)
class Goal:
    """A cell, and what is asked of its outcomes. `limit` is the goal, `at_most` on which side of it is good."""

    group: str
    cell: str
    world: World
    measure: Callable[[Goal, Sequence[Outcome], Sequence[Outcome]], tuple[float, float, float]]
    limit: float
    unit: str = "%"
    at_most: bool = True
    against: bool = False
    stage: int = 0

    @property
    def name(self) -> str:
        return f"{self.group} {self.cell}"


def play(world: World, seed: int, judge: str) -> Outcome:
    """One rollout, judged to its end or to its rollback."""
    header, lines = rollout(world, seed, SPECS[judge])
    session = JudgeSession.begin(header)
    passed = [math.inf] * len(world.stages)
    harmed = 0
    for line in lines:
        if line["t"] > world.onset:
            harmed += line["arms"]["candidate"]["requests"]
        verdict = session.observe(line).verdict
        if verdict is Verdict.FAIL:
            return Outcome(line["t"], harmed, tuple(passed))
        if verdict is Verdict.PASS:
            passed[line["stage"]] = min(passed[line["stage"]], line["stage_t"])
    return Outcome(math.inf, harmed, tuple(passed))


def play_some(job: tuple[World, int, int, str]) -> list[Outcome]:
    """Some replicates, for a worker process."""
    world, first, last, judge = job
    return [play(world, seed, judge) for seed in range(first, last)]


def share(hits: int, total: int) -> tuple[float, float, float]:
    """Percent, with its 95 % bounds (Clopper and Pearson)."""
    low = float(beta.ppf(0.025, hits, total - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, total - hits)) if hits < total else 1.0
    return 100 * hits / total, 100 * low, 100 * high


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, with its 95 % bounds (binomial)."""
    ordered, total = sorted(values), len(values)
    low = int(binom.ppf(0.025, total, 0.5))
    return ordered[total // 2], ordered[max(low - 1, 0)], ordered[min(total - low, total - 1)]


def rolled_back(_goal: Goal, ours: Sequence[Outcome], _: Sequence[Outcome]) -> tuple[float, float, float]:
    return share(sum(math.isfinite(outcome.failed) for outcome in ours), len(ours))


def wrongly_passed(goal: Goal, ours: Sequence[Outcome], _: Sequence[Outcome]) -> tuple[float, float, float]:
    return share(sum(math.isfinite(outcome.passed[goal.stage]) for outcome in ours), len(ours))


def seconds_to_rollback(goal: Goal, ours: Sequence[Outcome], _: Sequence[Outcome]) -> tuple[float, float, float]:
    return middle([outcome.failed - goal.world.onset for outcome in ours])


def seconds_to_pass(_goal: Goal, ours: Sequence[Outcome], _: Sequence[Outcome]) -> tuple[float, float, float]:
    return middle([outcome.passed[0] for outcome in ours])


def harm_against(_goal: Goal, ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> tuple[float, float, float]:
    """Percent of the harmed requests, with 95 % bounds by a paired bootstrap."""
    mine = np.array([outcome.harmed for outcome in ours], float)
    other = np.array([outcome.harmed for outcome in theirs], float)
    picks = np.random.default_rng(1).integers(0, len(mine), (2000, len(mine)))
    ratios = 100 * mine[picks].mean(1) / np.maximum(other[picks].mean(1), 1e-9)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(100 * mine.mean() / max(other.mean(), 1e-9)), float(low), float(high)


def null_goals() -> list[Goal]:
    """Releases that must not be taken back."""
    goals = [Goal("G1 false rollback", "0.05 rps clean", World(rps=0.05), rolled_back, 1.0)]
    for rps in RATES:
        plain = World(rps=rps)
        worlds: dict[str, tuple[World, float]] = {
            "clean": (plain, 1.0),
            "no drift": (replace(plain, drift=0.0), 1.0),
            "common outage": (replace(plain, outage=True), 1.0),
            "errors in threes": (replace(plain, burst=3.0), 1.0),
            "15 % more share": (replace(plain, share=1.15), 1.0),
            "5 % more errors": (replace(plain, error_ratio=1.05, latency_ratio=1.02), 1.0),
            "at the margin": (replace(plain, error_ratio=1.2), 1.0),
            "cold for 60 s": (replace(plain, cold_seconds=60.0), 3.0),
            "15 % own noise": (replace(plain, own_noise=0.15), 5.0),
        }
        goals += [
            Goal("G1 false rollback", f"{rps} rps {name}", world, rolled_back, limit)
            for name, (world, limit) in worlds.items()
        ]
    return [*goals, Goal("G2 false rollback", "no traffic", World(rps=0), rolled_back, 1.0)]


def cost_goals() -> list[Goal]:
    """Releases that must be taken back: what they may cost users."""
    dead = math.inf
    cells = [
        (World(rps=1, tick=1.0, error_ratio=dead), "all fail, 1 s", 16.0),
        (World(rps=50, tick=1.0, error_ratio=dead), "all fail, 1 s", 1.5),
        (World(rps=1000, tick=1.0, error_ratio=dead), "all fail, 1 s", 1.5),
        (World(rps=50, tick=1.0, error_ratio=5.0), "errors x5, 1 s", 18.0),
        (World(rps=1000, tick=1.0, error_ratio=5.0), "errors x5, 1 s", 5.0),
        (World(rps=50, error_ratio=2.0), "errors x2", 65.0),
        (World(rps=1000, error_ratio=2.0), "errors x2", 25.0),
        (World(rps=50, latency_ratio=2.0), "latency x2", 25.0),
        (World(rps=1000, latency_ratio=2.0), "latency x2", 15.0),
        (World(rps=50, latency_ratio=5.0, slow_part=0.1), "a tenth x5 slower", 60.0),
        (World(rps=1000, latency_ratio=5.0, slow_part=0.1), "a tenth x5 slower", 20.0),
    ]
    return [
        Goal("G3 harm against mann-whitney", f"{world.rps:g} rps {what}", world, harm_against, limit, against=True)
        for world, what, limit in cells
    ]


def time_goals() -> list[Goal]:
    """Releases that must be taken back: how often within half an hour, and how soon."""
    dead, always = math.inf, 100 * ALWAYS
    found = [
        (World(rps=1, error_ratio=5.0), "errors x5", 25.0),
        (World(rps=50, error_ratio=5.0), "errors x5", always),
        (World(rps=1000, error_ratio=5.0), "errors x5", always),
        (World(rps=50, error_ratio=2.0), "errors x2", 90.0),
        (World(rps=1000, error_ratio=2.0), "errors x2", always),
        *((World(rps=rps, latency_ratio=2.0), "latency x2", always) for rps in RATES),
        *((World(rps=rps, latency_ratio=1.5), "latency x1.5", always) for rps in (50, 1000)),
        *((World(rps=rps, latency_ratio=5.0, slow_part=0.1), "a tenth x5 slower", always) for rps in (50, 1000)),
    ]
    soon = [
        ("G5 median from onset", World(rps=50, error_ratio=5.0, onset=900.0), "errors x5 from minute 15", 150.0),
        ("G5 median from onset", World(rps=1000, error_ratio=5.0, onset=900.0), "errors x5 from minute 15", 90.0),
        ("G6 median to rollback", World(rps=50, error_ratio=dead), "all fail", 20.0),
        ("G6 median to rollback", World(rps=1000, error_ratio=dead), "all fail", 20.0),
        ("G6 median to rollback", World(rps=50, tick=1.0, error_ratio=dead), "all fail, 1 s", 8.0),
        ("G6 median to rollback", World(rps=1000, tick=1.0, error_ratio=dead), "all fail, 1 s", 4.0),
    ]
    return [
        *(
            Goal("G4 found in 30 min", f"{world.rps:g} rps {what}", world, rolled_back, limit, at_most=False)
            for world, what, limit in found
        ),
        *(
            Goal(group, f"{world.rps:g} rps {what}", world, seconds_to_rollback, limit, "s")
            for group, world, what, limit in soon
        ),
    ]


def pass_goals() -> list[Goal]:
    """Healthy releases that must go on, and releases exactly at a margin that must not."""
    goals = [
        Goal("G7 median to a pass", f"{rps} rps healthy", World(rps=rps), seconds_to_pass, limit, "s")
        for rps, limit in ((50, 120.0), (1000, 30.0))
    ]
    goals.append(Goal("G7 median to a pass", "1 rps healthy", World(rps=1), seconds_to_pass, 600.0, "s", at_most=False))
    for stage, (ratio, rate, slower) in enumerate(((5.0, 0.03, 2.0), (2.0, 0.02, 1.5), (1.5, 0.01, 1.25))):
        for rps in (50, 1000):
            base = World(rps=rps, onset=600.0 * stage)
            errors = replace(base, error_rate=3 * rate / ratio, error_ratio=ratio)
            latency = replace(base, latency_ratio=slower)
            for what, world in (("errors", errors), ("latency", latency)):
                cell = f"{rps} rps {what} at the margin of stage {stage + 1}"
                goals.append(Goal("G7 wrong pass", cell, world, wrongly_passed, 5.0, stage=stage))
    return goals


def rows_of(goals: Sequence[Goal], pool: ProcessPoolExecutor, reps: int, null_reps: int) -> list[Row]:
    """Play every goal's world and compare."""
    pending = []
    for goal in goals:
        count = null_reps if goal.group.startswith(("G1", "G2", "G7 wrong")) else reps
        judges = ["betting", *(["mann-whitney"] if goal.against else [])]
        parts = range(0, count, CHUNK)
        pending.append(
            [[pool.submit(play_some, (goal.world, n, min(n + CHUNK, count), judge)) for n in parts] for judge in judges]
        )
    rows: list[Row] = []
    for goal, futures in zip(goals, pending, strict=True):
        outcomes = [[outcome for part in judge for outcome in part.result()] for judge in futures]
        figure, low, high = goal.measure(goal, outcomes[0], outcomes[-1])
        met = low <= goal.limit if goal.at_most else high >= goal.limit
        sign = "<=" if goal.at_most else ">="
        text = f"{figure:.1f} {goal.unit} [{low:.1f}, {high:.1f}]"
        rows.append(Row(goal.name, text, f"{sign} {goal.limit:g} {goal.unit}", met))
    return rows


def cost_rows() -> list[Row]:
    """Cpu per metric and line, and size of the state; each line at its best of several runs, for a busy machine."""
    rows: list[Row] = []
    for tick in (1.0, 5.0, 60.0):
        header, lines = cumulative(*rollout(World(rps=1000, tick=tick), 1))
        best = [math.inf] * len(lines)
        size = 0
        for _ in range(7):
            session = JudgeSession.begin(header)
            for index, line in enumerate(lines):
                began = time.perf_counter()
                session.observe(line)
                best[index] = min(best[index], time.perf_counter() - began)
            size = max(size, len(session.dump()))
        micros = 1e6 * sum(best) / len(best) / 2
        rows.append(
            Row(f"G9 cpu per metric and line, lines of {tick:g} s", f"{micros:.0f} us", "<= 50 us", micros <= 50)
        )
        rows.append(Row(f"G9 state with two metrics, lines of {tick:g} s", f"{size} B", "<= 6000 B", size <= 6000))
    return rows


def main() -> int:
    """Print the table; 0 when the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=20, help="rollouts of each cell with harm or a pass")
    parser.add_argument("--null-reps", type=int, default=60, help="rollouts of each cell that must not be taken back")
    parser.add_argument("--only", default="", help="run only goals whose name holds this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    goals = [goal for goal in (*null_goals(), *cost_goals(), *time_goals(), *pass_goals()) if given.only in goal.name]
    rows = cost_rows() if given.only in "G9" else []
    with ProcessPoolExecutor(given.jobs) as pool:
        rows += rows_of(goals, pool, given.reps, given.null_reps)
    return 0 if show("The judge on simulated rollouts", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
