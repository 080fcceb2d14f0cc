"""What a change to a flag does to its users, before it is made.

Where hash, seed and attribute stay the same, both divisions lie over the same buckets and the answer is exact. Otherwise
`KEYS` made-up users are divided by both. Users whom a rule decides about are not counted: who they are is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ferryman.flags.definition import Flag
from ferryman.flags.hashing import bucket_of
from ferryman.flags.slots import BUCKETS, Part, division, exposed_buckets, part_of

KEYS = 100_000
"""Made-up users, and the unit of an exact answer: of so many users so many change."""


class Move(msgspec.Struct, frozen=True):
    """`users` of `KEYS` who get `after` instead of `before`."""

    before: str
    after: str
    users: int


class ChangePlan(msgspec.Struct, frozen=True):
    """What changes, of `KEYS` users. `moved`: exposed ones who would get another variant although nobody lowered the
    exposure; `left`: exposed ones who get `off` because somebody did; `joined`: newly exposed ones. `exact`: by comparing
    intervals, not by made-up users. `uncounted`: other parts that changed, about which nothing can be counted."""

    flag: str
    environment: str
    before_percent: float
    after_percent: float
    moved: int
    left: int
    joined: int
    moves: tuple[Move, ...] = ()
    exact: bool = True
    uncounted: tuple[str, ...] = ()

    @property
    def needs_rebucket(self) -> bool:
        """Whether it takes the word of somebody who knows what it does."""
        return self.moved > 0


class _Step(NamedTuple):
    before: Part
    after: Part
    users: int


def plan_change(before: Flag | None, after: Flag | None, environment: str) -> ChangePlan:
    """The plan of replacing `before` by `after`; None: there is no flag."""
    key = after.key if after else before.key if before else ""
    if before is None or after is None:
        percent = (0.0 if before is None else _exposed(before), 0.0 if after is None else _exposed(after))
        return ChangePlan(key, environment, *percent, 0, 0, _users(percent[1]) if before is None else 0)
    exact = _same_buckets(before, after)
    steps = _intervals(before, after) if exact else _sampled(before, after)
    lowered = _only_lowered(before, after)
    moved = left = joined = 0
    moves: dict[tuple[str, str], int] = {}
    for step in steps:
        was, becomes = step.before, step.after
        if was.exposed and was.variant != becomes.variant:
            moves[was.variant, becomes.variant] = moves.get((was.variant, becomes.variant), 0) + step.users
            leaves = lowered and not becomes.exposed
            left += step.users if leaves else 0
            moved += 0 if leaves else step.users
        elif becomes.exposed and not was.exposed:
            joined += step.users
    ordered = tuple(Move(*pair, users) for pair, users in sorted(moves.items(), key=lambda item: -item[1]))
    return ChangePlan(
        flag=key,
        environment=environment,
        before_percent=_exposed(before),
        after_percent=_exposed(after),
        moved=moved,
        left=left,
        joined=joined,
        moves=ordered,
        exact=exact,
        uncounted=_uncounted(before, after),
    )


def _exposed(flag: Flag) -> float:
    """The share of users exposed, in percent."""
    return exposed_buckets(division(flag)) * 100.0 / BUCKETS


def _users(percent: float) -> int:
    return round(percent * KEYS / 100.0)


def _same_buckets(before: Flag, after: Flag) -> bool:
    """Whether a user has one bucket in both. Where everybody gets the same it does not matter which."""
    one, other = before.rollout, after.rollout
    if one is None or other is None or len(division(before)) == 1 or len(division(after)) == 1:
        return True
    return (one.hash, one.seed, one.by) == (other.hash, other.seed, other.by)


def _only_lowered(before: Flag, after: Flag) -> bool:
    """Whether users leave because somebody wanted fewer of them, all else being equal."""
    if not after.enabled or len(division(after)) == 1:
        return not any(part.exposed for part in division(after))
    one, other = before.rollout, after.rollout
    if one is None or other is None:
        return False
    return other.exposure_percent <= one.exposure_percent and other == msgspec.structs.replace(
        one, exposure_percent=other.exposure_percent
    )


def _intervals(before: Flag, after: Flag) -> Iterator[_Step]:
    one, other = division(before), division(after)
    edges = sorted({part.end for part in (*one, *other)})
    start = 0
    for end in edges:
        yield _Step(part_of(one, start), part_of(other, start), (end - start) * KEYS // BUCKETS)
        start = end


def _sampled(before: Flag, after: Flag) -> Iterator[_Step]:
    one, other = division(before), division(after)
    first, second = _buckets(before), _buckets(after)
    for was, becomes in zip(first, second, strict=True):
        yield _Step(part_of(one, was), part_of(other, becomes), 1)


def made_up_values(by: str) -> Iterable[str]:
    """What the made-up users have for an attribute: another one tells nothing of this one."""
    return (f"{by}-{number}" for number in range(KEYS))


def _buckets(flag: Flag) -> Iterator[int]:
    rollout = flag.rollout
    assert rollout is not None, "a flag without a rollout has one part"
    for key in made_up_values(rollout.by):
        yield bucket_of(rollout, key)


def _uncounted(before: Flag, after: Flag) -> tuple[str, ...]:
    names = ("rules", "needs", "variants", "off")
    found = [name for name in names if getattr(before, name) != getattr(after, name)]
    if before.rollout and after.rollout and before.rollout.by != after.rollout.by:
        found.append("rollout.by")
    return tuple(found)
