"""Draws that the standard library of the oldest supported Python lacks, from a given source of chance."""

from __future__ import annotations

import math
import random
from bisect import bisect_right

NORMAL_FROM = 30.0
CHOICES_UP_TO = 400


def poisson(chance: random.Random, mean: float) -> int:
    """How many happen when `mean` are expected: exactly (Knuth's products) below 30, by the normal law above."""
    if mean <= 0:
        return 0
    if mean >= NORMAL_FROM:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def binomial(chance: random.Random, trials: int, part: float) -> int:
    """How many of `trials` succeed, each with chance `part`: by the gaps between successes where few are expected, by
    the normal law where many are."""
    if trials <= 0 or part <= 0:
        return 0
    if part >= 1:
        return trials
    if part > 0.5:
        return trials - binomial(chance, trials, 1 - part)
    mean = trials * part
    if mean >= NORMAL_FROM:
        return min(trials, max(0, round(chance.gauss(mean, math.sqrt(mean * (1 - part))))))
    log_miss, place, count = math.log1p(-part), 0, 0
    while True:
        place += int(math.log(1.0 - chance.random()) / log_miss) + 1
        if place > trials:
            return count
        count += 1


def spread(chance: random.Random, count: int, up_to: list[float], into: list[int]) -> None:
    """Add `count` draws from a distribution, given by its running sums, to the buckets `into`: one by one for few,
    bucket by bucket for many, each from what the ones before it left. Rare buckets get their due: who counts few
    requests and who counts many are compared with each other."""
    if count <= CHOICES_UP_TO:
        draw = chance.random
        for _ in range(count):
            into[bisect_right(up_to, draw())] += 1
        return
    left, before = count, 0.0
    for index, total in enumerate(up_to):
        rest = 1.0 - before
        got = binomial(chance, left, (total - before) / rest) if rest > total - before else left
        into[index] += got
        left, before = left - got, total
        if not left:
            return
