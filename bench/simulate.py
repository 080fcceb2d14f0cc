"""Simulated releases by the thousand: is every promise kept under every fault, and what does the judge do to good and bad?

    python bench/simulate.py [--seeds 10000] [--releases 1000] [--jobs 2] [--quick]

A tick is one call from the heap of simulated time, or one point at which a controller is stepped (see `sim.points`): a
turn of the loop that changes nothing is five to seven of them. Both are counted, per second of CPU of one process.
"""

import argparse
import logging
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from _table import Row, show
from msgspec.structs import replace

from ferryman.model.release import Analysis, Canary, Release, Routing, SetWeight
from ferryman.sim.drawing import draw_story
from ferryman.sim.failure import Failure
from ferryman.sim.rehearsal import CommonOutage, Rehearsal, Rehearsed, Wish
from ferryman.sim.simulation import Simulation
from ferryman.sim.traffic import Load

T = TypeVar("T")
JOBS = os.cpu_count() or 1
QUICK_SEEDS, QUICK_RELEASES = 300, 6
TICKS_GOAL = 20_000
HOLD_SECONDS = 600.0
OUTAGE_SECONDS = (60.0, 120.0)
BAKE_SECONDS = 60.0
RELEASE = Release(
    service="shop",
    label="v2",
    command=("run",),
    replicas=4,
    health_http_path="/",
    strategy=Canary(
        steps=tuple(SetWeight(weight, HOLD_SECONDS) for weight in (5.0, 25.0, 50.0)), bake_seconds=BAKE_SECONDS
    ),
    routing=Routing(port=8080),
)
# Half an hour judged every second takes a minute of CPU for forty releases; as in `bench/judge.py`, it is every 5 s.
EVERY_5_SECONDS = replace(RELEASE, analysis=Analysis(interval_seconds=5.0))


class Story(NamedTuple):
    """One seed."""

    seed: int
    ticks: int
    turns: int
    simulated_seconds: float
    cpu_seconds: float
    broken: tuple[str, ...]


def story(seed: int) -> Story:
    began = time.process_time()
    found = Simulation(draw_story(seed)).run()
    broken = tuple(f"seed {seed}: {violation}" for violation in found.violations)
    return Story(seed, found.ticks, found.turns, found.seconds, time.process_time() - began, broken)


def healthy(seed: int) -> Rehearsed:
    """As good as the version before: traffic, errors and latency wander for both, errors come in groups of three, and
    once for a minute or two, while both are compared, everybody meets twenty times the errors."""
    chance = random.Random(seed)
    seconds = chance.uniform(*OUTAGE_SECONDS)
    return _unlucky(seed, CommonOutage(seconds, chance.uniform(30.0, 3 * HOLD_SECONDS - seconds)))


def outage_over_the_switch(seed: int) -> Rehearsed:
    """The outage begins half a minute before the end of the last stage and lasts: it was seen on both sides."""
    return _unlucky(seed, CommonOutage(600.0, HOLD_SECONDS - 30.0, at_percent=50.0))


def outage_in_the_bake(seed: int) -> Rehearsed:
    """The outage comes when nobody is left to compare with: only the absolute limit speaks."""
    return _unlucky(seed, CommonOutage(120.0, 20.0, at_percent=100.0))


def _unlucky(seed: int, outage: CommonOutage) -> Rehearsed:
    load = Load(rps=50.0, error_rate=0.005, drift=1.0, burst=3.0)
    return Rehearsal(Wish(EVERY_5_SECONDS, outages=(outage,), load=load, seed=seed)).rehearse()


def fivefold(seed: int) -> Rehearsed:
    """Five times the errors, from the first user on."""
    return Rehearsal(
        Wish(RELEASE, (Failure("errors", 5.0),), load=Load(rps=50.0, error_rate=0.005, drift=0.5), seed=seed)
    ).rehearse()


def quiet() -> None:
    logging.disable(logging.CRITICAL)


def all_of(work: Callable[[int], T], count: int, what: str, jobs: int) -> list[T]:
    began, found = time.monotonic(), list[T]()
    with multiprocessing.Pool(jobs, quiet) as pool:
        for number, one in enumerate(pool.imap_unordered(work, range(count), chunksize=max(1, min(50, count // 8))), 1):
            found.append(one)
            if number % max(1, count // 10) == 0:
                print(f"  {what}: {number}/{count} in {time.monotonic() - began:.0f} s", flush=True)
    return found


def promises(count: int, jobs: int) -> list[Row]:
    found = all_of(story, count, "stories", jobs)
    cpu = sum(one.cpu_seconds for one in found)
    broken = [text for one in found for text in one.broken]
    for text in broken[:20]:
        print(text)
    ticks = sum(one.ticks for one in found) / cpu
    return [
        Row("stories without a broken promise", f"{count - len(broken):,} of {count:,}", "all", not broken),
        Row("ticks a second, one core", f"{ticks:,.0f}", f">= {TICKS_GOAL:,}", ticks >= TICKS_GOAL),
        Row("turns of the loop a second, one core", f"{sum(one.turns for one in found) / cpu:,.0f}"),
        Row("simulated for each second of CPU", f"{sum(one.simulated_seconds for one in found) / cpu:,.0f} s"),
    ]


def judged(count: int, jobs: int) -> list[Row]:
    good, bad = all_of(healthy, count, "healthy releases", jobs), all_of(fivefold, count, "x5 releases", jobs)
    few = max(4, count // 25)
    over = all_of(outage_over_the_switch, few, "outages over the switch", jobs)
    late = all_of(outage_in_the_bake, few, "outages in the bake", jobs)
    back = [run for run in good if run.outcome == "rolled_back"]
    waits = sum(run.outcome == "waits" for run in good)
    taken = sum(run.outcome == "rolled_back" for run in bad)
    seconds = [run.back_at for run in bad if run.back_at is not None]
    harmed = [run.harmed for run in bad]
    met = sum(run.met for run in bad)
    broken = sum(bool(run.violations) for run in (*good, *bad, *over, *late))
    for run in back[:5]:
        print(f"  seed {run.seed}: {run.reason}")
    return [
        Row("healthy, rolled back", f"{len(back)} of {count:,}", "<= 1%", len(back) <= count / 100),
        Row("healthy, left to a person (not shown in time)", f"{waits} of {count:,}"),
        Row(
            "outage from before the switch on, rolled back", f"{sum(r.outcome == 'rolled_back' for r in over)} of {few}"
        ),
        Row("outage in the bake, rolled back", f"{sum(r.outcome == 'rolled_back' for r in late)} of {len(late)}"),
        Row("five times the errors at 50/s, rolled back", f"{taken:,} of {count:,}", "all", taken == count),
        Row("seconds until then, median and worst", f"{statistics.median(seconds):.0f}, {max(seconds):.0f}"),
        Row("requests harmed, mean and worst", f"{statistics.mean(harmed):.1f}, {max(harmed)}"),
        Row("requests that met it, mean", f"{met / count:,.0f}"),
        Row("broken promises on the way", str(broken), "0", not broken),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--releases", type=int, default=1_000)
    parser.add_argument("--quick", action="store_true", help="a small part of it, in less than a minute")
    parser.add_argument("--jobs", type=int, default=JOBS)
    options = parser.parse_args()
    quiet()
    seeds = QUICK_SEEDS if options.quick else options.seeds
    releases = QUICK_RELEASES if options.quick else options.releases
    met = not seeds or show("Simulation: promises under faults", promises(seeds, options.jobs))
    met = not releases or (show("Simulation: the judge in the loop", judged(releases, options.jobs)) and met)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
