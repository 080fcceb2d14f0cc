"""Invariant 14, by those who evaluate: of 100,000 users, growth moves none that is exposed.

Whatever the number of variants, their shares, the seed, the attribute and the generation of the hash. Each stage of a growth
is compiled and asked of our evaluator for every user, and for some of openfeature-flagd-core 2.0.0 too.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from ferryman.flags.compile import compile_flag
from ferryman.flags.definition import Flag, FlagSet, Hash
from ferryman.flags.slots import BUCKETS
from ferryman_flags import Evaluator
from flagkit import experiment, rollout

USERS = 100_000
ASKED_TWICE = 300
"""Users whom flagd-core is asked about too."""
NAMES = tuple("abcdefgh")
BY = ("targetingKey", "tenant", "account.id")


@functools.cache
def users(by: str) -> list[dict[str, Any]]:
    """Texts and numbers, as keys come."""
    keys = [n if by != "targetingKey" and n % 3 == 0 else f"user-{n}" for n in range(USERS)]
    if by == "account.id":
        return [{"account": {"id": key}} for key in keys]
    return [{by: key} for key in keys]


@st.composite
def growths(draw: st.DrawFn) -> list[Flag]:
    """One flag at 3 growing exposures: 2 to 8 variants, their shares in steps of 0.001 percent, 0 among them."""
    count = draw(st.integers(2, 8))
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=count - 1, max_size=count - 1)))
    edges = [0, *cuts, BUCKETS]
    split = [(NAMES[i], (edges[i + 1] - edges[i]) / 1000) for i in range(count)]
    more: dict[str, Any] = {
        "seed": draw(st.text(min_size=1, max_size=20)),
        "by": draw(st.sampled_from(BY)),
        "hash": draw(st.sampled_from(Hash)),
    }
    exposures = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=3, max_size=3)))
    return [experiment(NAMES[:count], rollout(exposure / 1000, *split, **more)) for exposure in exposures]


def variants_of(flag: Flag) -> list[str | None]:
    """What every user gets."""
    assert flag.rollout is not None
    document = {"flags": {flag.key: compile_flag(flag, FlagSet({flag.key: flag}), {})}}
    evaluator = Evaluator()
    evaluator.load(document)
    everybody = users(flag.rollout.by)
    if flag.rollout.hash is Hash.V3:
        core = FlagdCore()
        core.set_flags(json.dumps(document))
        for user in everybody[:ASKED_TWICE]:
            attributes = {name: value for name, value in user.items() if name != "targetingKey"}
            found = core.resolve_string_value(flag.key, "", EvaluationContext(user.get("targetingKey"), attributes))
            assert found.value == evaluator.string(flag.key, "", user)
    ask, key = evaluator.string, flag.key
    return [ask(key, "", user) for user in everybody]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(growths())
def test_growth_moves_no_exposed_user(growth: list[Flag]) -> None:
    off = growth[0].value("off")
    before = variants_of(growth[0])
    for stage in growth[1:]:
        after = variants_of(stage)
        moved = sum(was not in (off, now) for was, now in zip(before, after, strict=True))
        assert moved == 0, f"{moved} of {USERS:,} exposed users moved"
        before = after


@pytest.mark.parametrize("generation", list(Hash))
@pytest.mark.parametrize("by", BY)
def test_it_would_be_seen(generation: Hash, by: str) -> None:
    """Another seed at the same exposure moves users: the count above can be other than 0."""
    one, other = (
        experiment(("a", "b"), rollout(10, ("a", 30), ("b", 70), seed=seed, by=by, hash=generation)) for seed in "xy"
    )
    before, after = variants_of(one), variants_of(other)
    exposed = sum(was != one.value("off") for was in before)
    assert exposed == pytest.approx(USERS / 10, rel=0.05)
    assert sum(was not in (one.value("off"), now) for was, now in zip(before, after, strict=True)) > exposed / 2
