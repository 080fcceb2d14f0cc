"""Simulated rollouts as the judge reads them: a header and its lines. The truth of each world is known.

Both versions share a slow drift of traffic, errors and latency; a world adds what is wrong with the candidate, or what
only looks so. Everything follows from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

FINE_BOUNDS_MS = tuple(float(2 ** (step / 4)) for step in range(57))
COARSE_BOUNDS_MS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4)
SCHEDULE = ((5.0, 600.0), (25.0, 600.0), (50.0, 600.0))

Floats = NDArray[np.float64]
Line = dict[str, Any]


@dataclass(frozen=True)
class World:
    """`error_ratio` and `latency_ratio` are the candidate's against stable from second `onset` on; `slow_part` of its
    requests meet the latency ratio; infinite errors mean that all requests fail. `drift` scales what both share,
    `own_noise` what each version has for itself, `burst` is the mean size of error clusters. During the first
    `cold_seconds` of a stage the candidate has twice the errors and 1.6 times the latency. `share` is what it gets of
    what it should. `outage`: for two minutes both have twenty times the errors and three times the latency."""

    rps: float = 50.0
    stages: tuple[tuple[float, float], ...] = SCHEDULE
    tick: float = 5.0
    error_rate: float = 0.005
    error_ratio: float = 1.0
    latency_ratio: float = 1.0
    slow_part: float = 1.0
    onset: float = 0.0
    drift: float = 1.0
    own_noise: float = 0.0
    burst: float = 1.0
    cold_seconds: float = 0.0
    share: float = 1.0
    outage: bool = False
    coarse: bool = False
    history: bool = True

    @property
    def bounds(self) -> tuple[float, ...]:
        return COARSE_BOUNDS_MS if self.coarse else FINE_BOUNDS_MS


def wander(rng: np.random.Generator, steps: int, spread: float, memory: float) -> Floats:
    """A stationary wander around 0 that forgets with `memory` (in steps)."""
    keep = math.exp(-1.0 / memory)
    shocks = rng.normal(0.0, spread * math.sqrt(1 - keep * keep), steps)
    shocks[0] = rng.normal(0.0, spread)
    path = np.empty(steps)
    level = 0.0
    for step in range(steps):
        level = keep * level + shocks[step] if step else shocks[0]
        path[step] = level
    return path


def below(bounds: Sequence[float], stretch: Floats) -> Floats:
    """Chance that a request takes less than each bound; a row per value of `stretch`. Mostly lognormal around 60 ms,
    and one in fifty from a heavy tail above 200 ms."""
    scaled = np.asarray(bounds)[None, :] / stretch[:, None]
    tail = np.where(scaled > 200.0, 1.0 - (200.0 / np.maximum(scaled, 1e-9)) ** 1.5, 0.0)
    return 0.98 * ndtr(np.log(scaled / 60.0) / 0.8) + 0.02 * tail


def buckets_of(cdf: Floats) -> Floats:
    """Chances of the buckets between the bounds, each row summing to 1."""
    rows = len(cdf)
    steps = np.diff(np.hstack([np.zeros((rows, 1)), cdf, np.ones((rows, 1))]), axis=1)
    steps = np.maximum(steps, 0.0)
    return steps / steps.sum(axis=1, keepdims=True)


def rollout(world: World, seed: int, spec: dict[str, Any] | None = None) -> tuple[Line, list[Line]]:
    """One rollout: (header, lines with increments)."""
    rng = np.random.default_rng([seed, 7919])
    places = [
        (index, weight, (step + 1) * world.tick)
        for index, (weight, seconds) in enumerate(world.stages)
        for step in range(round(seconds / world.tick))
    ]
    steps = len(places)
    ends = np.arange(1, steps + 1) * world.tick
    weight = np.array([place[1] for place in places]) / 100.0
    stage_t = np.array([place[2] for place in places])
    shared = [world.drift * wander(rng, steps, spread, 120 / world.tick) for spread in (0.1, 0.3, 0.1)]
    day = world.drift * np.sin(2 * np.pi * (ends / 86400 + rng.uniform()))
    traffic = world.rps * world.tick * np.exp(shared[0] + 0.3 * day)
    log_errors, log_latency = shared[1] + 0.3 * day, shared[2] + 0.1 * day
    if world.outage:
        start = rng.uniform(60, ends[-1] - 120)
        out = (ends > start) & (ends <= start + 120)
        log_errors, log_latency = log_errors + out * math.log(20), log_latency + out * math.log(3)
    share = np.minimum(weight * world.share, 1.0)
    late = ends - world.tick >= world.onset
    cold = stage_t - world.tick < world.cold_seconds
    arms: dict[str, list[Line]] = {}
    for name, part in (("stable", 1 - share), ("candidate", share)):
        worse = name == "candidate"
        requests = rng.poisson(traffic * part)
        own = [wander(rng, steps, world.own_noise, 60 / world.tick) if world.own_noise else 0.0 for _ in range(2)]
        rate = world.error_rate * np.exp(log_errors + own[0])
        stretch = np.exp(log_latency + own[1])
        if worse:
            rate, stretch = np.where(cold, 2 * rate, rate), np.where(cold, 1.6 * stretch, stretch)
            rate = np.where(late, 1.0 if math.isinf(world.error_ratio) else rate * world.error_ratio, rate)
        cdf = below(world.bounds, stretch)
        if worse and world.latency_ratio != 1.0:
            slow = below(world.bounds, stretch * world.latency_ratio)
            cdf = np.where(late[:, None], (1 - world.slow_part) * cdf + world.slow_part * slow, cdf)
        errors = _errors(rng, requests, np.minimum(rate, 1.0), world.burst)
        buckets = rng.multinomial(requests, buckets_of(cdf))
        arms[name] = [
            {"requests": int(n), "errors": int(k), "buckets": row.tolist()}
            for n, k, row in zip(requests, errors, buckets, strict=True)
        ]
    lines = [
        {
            "t": float(ends[step]),
            "stage": places[step][0],
            "weight": places[step][1],
            "stage_t": places[step][2],
            "arms": {name: arm[step] for name, arm in arms.items()},
        }
        for step in range(steps)
    ]
    return _header(world, seed, rng, spec), lines


def _errors(rng: np.random.Generator, requests: Any, rate: Floats, burst: float) -> Any:
    if burst <= 1:
        return rng.binomial(requests, rate)
    starts = rng.poisson(requests * rate / burst)
    more = np.where(starts > 0, rng.negative_binomial(np.maximum(starts, 1), 1 / burst), 0)
    return np.minimum(starts + more, requests)


def _header(world: World, seed: int, rng: np.random.Generator, spec: dict[str, Any] | None) -> Line:
    header: Line = {
        "judge_protocol": 1,
        "rollout": f"world-{seed}",
        "bounds_ms": list(world.bounds),
        "counters": "increments",
        "tick_seconds": world.tick,
        "stages": [{"weight": weight, "seconds": seconds} for weight, seconds in world.stages],
        "spec": spec or {"judge": "betting"},
    }
    if world.history:
        requests = max(round(world.rps * 3600), 1)
        usual = buckets_of(below(world.bounds, np.ones(1)))[0]
        header["history"] = {
            "requests": requests,
            "errors": int(rng.binomial(requests, world.error_rate)),
            "buckets": rng.multinomial(requests, usual).tolist(),
        }
    return header


def cumulative(header: Line, lines: Sequence[Line]) -> tuple[Line, list[Line]]:
    """The same rollout as raw counters, with an origin line before it."""
    length = len(header["bounds_ms"]) + 1
    total = {name: {"requests": 0, "errors": 0, "buckets": [0] * length} for name in ("stable", "candidate")}
    first = {"t": 0.0, "stage": 0, "weight": lines[0]["weight"], "stage_t": 0.0, "arms": total}
    grown = [first]
    for line in lines:
        total = {
            name: {
                "requests": total[name]["requests"] + arm["requests"],
                "errors": total[name]["errors"] + arm["errors"],
                "buckets": [a + b for a, b in zip(total[name]["buckets"], arm["buckets"], strict=True)],
            }
            for name, arm in line["arms"].items()
        }
        grown.append({**line, "arms": total})
    return {**header, "counters": "cumulative"}, grown
