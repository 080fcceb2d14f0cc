"""`fractional` with slots that are written out: what of it can be computed before any user comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman_flags.hashing import WEIGHT_SUM_MAX, slot_weight, thresholds
from ferryman_flags.logic import Call, Constant, Items, Node
from ferryman_flags.values import is_list


@dataclass(frozen=True, slots=True)
class Division:
    """A key and the slots it can fall into."""

    by: Node | None
    """What gives the key; None for flag key and targeting key."""
    slots: tuple[tuple[int, Any], ...]
    """(hash below which the slot ends, variant), in order; none is empty, neighbours differ; the last ends at 2^32."""


def division_of(call: Call) -> Division | None:
    """The division, or None if slots depend on the context or are such that the result is always null."""
    if not call.arguments:
        return None
    first, *rest = call.arguments
    is_slot = isinstance(first, Items) or (isinstance(first, Constant) and is_list(first.value))
    if isinstance(first, Constant) and not is_slot:
        return None  # everybody has the same key: nothing to gain
    slots = [_slot(node) for node in (call.arguments if is_slot else rest)]
    if None in slots:
        return None
    pairs = [slot for slot in slots if slot is not None]
    if not 0 < sum(weight for _, weight in pairs) <= WEIGHT_SUM_MAX:
        return None
    return Division(None if is_slot else first, _joined(pairs))


def _joined(pairs: list[tuple[Any, int]]) -> tuple[tuple[int, Any], ...]:
    joined: list[tuple[int, Any]] = []
    for (variant, weight), limit in zip(pairs, thresholds([weight for _, weight in pairs]), strict=True):
        if not weight:
            continue
        if joined and type(joined[-1][1]) is type(variant) and joined[-1][1] == variant:
            joined.pop()
        joined.append((limit, variant))
    return tuple(joined)


def _slot(node: Node) -> tuple[Any, int] | None:
    if not isinstance(node, Constant) or not is_list(node.value):
        return None
    parts = node.value
    weight = slot_weight(parts[1]) if len(parts) == 2 else 1
    return (parts[0], weight) if len(parts) in {1, 2} and weight is not None else None
