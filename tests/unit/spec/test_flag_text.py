"""Flags written as a file are read as they were."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferryman.flags.definition import Flag, FlagSet, Hash, Kind, Place, Rule, Segment, Variant
from ferryman.spec.flag_text import flag_text, flags_text
from ferryman.spec.flags import flags_example, parse_flags
from flagkit import release, rollout

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40
)
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(TEXTS, inside, max_size=3),
    max_leaves=8,
)


def again(whole: FlagSet) -> FlagSet:
    return parse_flags(flags_text(whole), "f").defined


def test_the_example_comes_back() -> None:
    whole = parse_flags(flags_example(), "f").defined
    assert again(whole) == whole


@settings(max_examples=150, deadline=None)
@example(values=[{"v": "\ufffe"}], text="\x7f\x85\u2028\ufeff")
@given(values=st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), min_size=1, max_size=3), text=TEXTS)
def test_whatever_is_in_values_and_texts_comes_back(values: list[Any], text: str) -> None:
    variants = tuple(Variant(f"v{n}", value) for n, value in enumerate(values))
    flag = Flag(
        key="k", kind=Kind.OPS, variants=variants, off="v0", description=text, owner=text, schema={"enum": values},
        rules=(Rule("v0", allow=(text, "2027-01-01", "true", "12")),),
    )  # fmt: skip
    assert again(FlagSet({"k": flag})) == FlagSet({"k": flag})


@pytest.mark.parametrize(
    "flag",
    [
        release(rollout=rollout(12.345, ("on", 33.333), ("off", 66.667), hash=Hash.V2, by="user.id", seed="s")),
        release(rollout=None, default="on", enabled=False),
        release(environments={"dev": Place(enabled=False, rules=(), exposure_percent=5.0), "x": Place()}),
        release("9"),
    ],
)
def test_each_part_comes_back(flag: Flag) -> None:
    whole = FlagSet({flag.key: flag}, {"s": Segment("s", 'a == "b: #c"')})
    assert again(whole) == whole


def test_what_is_left_out_is_not_written() -> None:
    assert (
        flag_text(release())
        == """\
new-checkout:
  kind: release
  owner: payments
  expires: "2027-03-31"
  variants: {on: true, off: false}
  off: off
  rollout: {seed: new-checkout, split: {on: 100}, exposure: 10}
"""
    )
