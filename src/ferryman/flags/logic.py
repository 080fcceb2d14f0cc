"""JSONLogic as a tree: which operators there are, and walks over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from ferryman.flags.expression import SEGMENT

PORTABLE = frozenset(
    {"var", "==", "===", "!=", "!==", "<", "<=", ">", ">=", "in", "if", "and", "or", "!", "!!", "cat", "merge"}
    | {"+", "-", "*", "/", "%", "starts_with", "ends_with", "sem_ver", "fractional", "$ref"}
)
"""What every flagd evaluator knows."""

OWN = frozenset({"regex", "cidr", "date"})
"""What only `ferryman-flags` knows."""

OPERATORS = (PORTABLE - {"$ref"}) | OWN | {SEGMENT}
"""What authors may write: a reference to a shared rule is `{"$segment": "name"}` here."""


def operation(node: Any) -> tuple[str, Any] | None:
    """Operator and operands of a node that is one."""
    if isinstance(node, dict) and len(cast("dict[str, Any]", node)) == 1:
        return next(iter(cast("dict[str, Any]", node).items()))
    return None


def operands(given: Any) -> list[Any]:
    """Operands as a list: one may stand without."""
    return cast("list[Any]", given) if isinstance(given, list) else [given]


def nodes(logic: Any) -> Iterator[tuple[Any, int]]:
    """Every node, with how many operators it lies in. Not by recursion: how deep it goes is not ours to say."""
    waiting = [(logic, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        found = operation(node)
        if found is not None:
            waiting.append((found[1], depth + 1))
        elif isinstance(node, dict):
            waiting += [(value, depth) for value in cast("dict[str, Any]", node).values()]
        elif isinstance(node, list):
            waiting += [(value, depth) for value in cast("list[Any]", node)]


def depth_of(logic: Any) -> int:
    """How deep operators are nested in it."""
    return max(depth for _, depth in nodes(logic))


def operators(logic: Any) -> set[str]:
    """Names of all operators in it, known or not."""
    return {found[0] for node, _ in nodes(logic) if (found := operation(node)) is not None}


def malformed(logic: Any) -> str:
    """What is wrong with it as JSONLogic: an object with several keys or an unknown operator; "" when nothing is."""
    for node, _ in nodes(logic):
        if isinstance(node, dict) and operation(node) is None:
            return "an object must have exactly one key, its operator"
    unknown = sorted(operators(logic) - OPERATORS)
    return f"there is no operator `{unknown[0][:40]}`" if unknown else ""


def segments_in(logic: Any) -> set[str]:
    """Keys of the segments that it refers to."""
    return {
        found[1]
        for node, _ in nodes(logic)
        if (found := operation(node)) is not None and found[0] == SEGMENT and isinstance(found[1], str)
    }


def replaced(logic: Any, segment: Callable[[str], Any]) -> Any:
    """A copy in which every reference to a segment gave way to what `segment` returns for its key. `logic` is no deeper
    than what was checked at the write."""
    found = operation(logic)
    if found is not None and found[0] == SEGMENT and isinstance(found[1], str):
        return segment(found[1])
    if isinstance(logic, dict):
        return {name: replaced(value, segment) for name, value in cast("dict[str, Any]", logic).items()}
    if isinstance(logic, list):
        return [replaced(value, segment) for value in cast("list[Any]", logic)]
    return logic


def implicit_fractional(logic: Any) -> bool:
    """Whether a `fractional` in it buckets by the key of the flag that it stands in: without a first argument of its own.
    Inlined into another flag it would divide the users in another way."""
    for node, _ in nodes(logic):
        found = operation(node)
        if found is None or found[0] != "fractional":
            continue
        first = next(iter(operands(found[1])), None)
        if isinstance(first, list) or first is None:
            return True
    return False
