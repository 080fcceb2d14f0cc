"""A share of the users as a condition: being among the first so many buckets of a seed."""

from __future__ import annotations

from typing import Any, NamedTuple

from ferryman.flags.logic import operands, operation
from ferryman.flags.slots import BUCKETS
from ferryman.flags.wording import is_plain

_IN, _OUT = "in", "out"


class Drawn(NamedTuple):
    """The first `size` of all buckets, by the attribute `by` and a seed. Who lacks the attribute is not among them."""

    seed: str
    by: str
    size: int


def drawn_logic(share: Drawn) -> Any:
    """The condition as JSONLogic."""
    key = {"var": share.by} if is_plain(share.by) else {"var": [share.by]}
    slots = [[_IN, share.size], [_OUT, BUCKETS - share.size]]
    drawn = {"fractional": [{"cat": [share.seed, ".", key]}, *slots]}
    return {"and": [{"!!": [key]}, {"==": [drawn, _IN]}]}


def read_drawn(logic: Any) -> Drawn | None:
    """The share, if the condition is one that `drawn_logic` makes."""
    found = operation(logic)
    if found is None or found[0] != "and":
        return None
    try:
        there, compared = operands(found[1])
        fractional = compared["=="][0]["fractional"]
        seed, dot, key = fractional[0]["cat"]
        share = Drawn(seed, operands(key["var"])[0], fractional[1][1])
        is_whole = {type(part) for part in share} == {str, int}
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return share if is_whole and dot == "." and drawn_logic(share) == {"and": [there, compared]} else None
