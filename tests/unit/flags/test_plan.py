"""What a change does to users, before it is made."""

from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.flags.definition import Flag, Hash, Rule
from ferryman.flags.plan import KEYS, ChangePlan, plan_change
from flagkit import experiment, release, rollout


def plan(before: Flag | None, after: Flag | None) -> ChangePlan:
    return plan_change(before, after, "prod")


def grown(exposure: float, **changes: Any) -> Flag:
    return release(rollout=rollout(exposure, **changes))


def test_growth_moves_nobody_and_is_exact() -> None:
    found = plan(grown(10), grown(25))
    assert (found.moved, found.left, found.joined, found.exact) == (0, 0, 15_000, True)
    assert (found.before_percent, found.after_percent) == (10.0, 25.0)
    assert not found.needs_rebucket


def test_lowering_is_nobody_moved() -> None:
    found = plan(grown(25), grown(10))
    assert (found.moved, found.left, found.joined) == (0, 15_000, 0)
    assert not found.needs_rebucket


@pytest.mark.parametrize("after", [grown(0), release(enabled=False), release(rollout=None)])
def test_taking_it_back_altogether_is_lowering(after: Flag) -> None:
    found = plan(grown(25), after)
    assert (found.moved, found.left, found.needs_rebucket) == (0, 25_000, False)


def test_another_seed_moves_most() -> None:
    found = plan(grown(10), grown(10, seed="other"))
    assert not found.exact
    assert found.moved == pytest.approx(9000, rel=0.05)
    assert found.needs_rebucket


def test_another_hash_moves_most() -> None:
    found = plan(grown(10, hash=Hash.V2), grown(10))
    assert found.moved == pytest.approx(9000, rel=0.05)


def test_another_attribute_moves_most() -> None:
    found = plan(grown(10), grown(10, by="company"))
    assert found.moved == pytest.approx(9000, rel=0.05)
    assert found.uncounted == ("rollout.by",)


def test_a_seed_nobody_was_exposed_by_is_free() -> None:
    assert plan(grown(0), grown(10, seed="other")).moved == 0
    assert plan(grown(10), grown(100, seed="other")).moved == 0


def test_an_edited_split_says_who_goes_where() -> None:
    names = ("blue", "red")
    before = experiment(names, rollout(100, ("blue", 50), ("red", 50)))
    found = plan(before, experiment(names, rollout(100, ("blue", 25), ("red", 75))))
    assert found.needs_rebucket
    assert [(m.before, m.after, m.users) for m in found.moves] == [("blue", "red", 25_000)]
    swapped = plan(before, experiment(names, rollout(100, ("red", 50), ("blue", 50))))
    assert swapped.moved == KEYS


def test_a_lowered_exposure_does_not_excuse_another_split() -> None:
    names = ("blue", "red")
    before = experiment(names, rollout(20, ("blue", 50), ("red", 50)))
    after = experiment(names, rollout(10, ("blue", 60), ("red", 40)))
    assert plan(before, after).needs_rebucket


def test_a_new_flag_and_one_that_goes() -> None:
    assert plan(None, grown(10)).joined == 10_000
    gone = plan(grown(10), None)
    assert (gone.before_percent, gone.after_percent, gone.moved) == (10.0, 0.0, 0)


def test_what_cannot_be_counted_is_named() -> None:
    after = replace(grown(10), rules=(Rule("on", allow=("user_1",)),))
    assert plan(grown(10), after).uncounted == ("rules",)


def test_the_end_of_a_rollout_moves_nobody() -> None:
    assert plan(grown(100), release(rollout=None, default="on")).moved == 0
