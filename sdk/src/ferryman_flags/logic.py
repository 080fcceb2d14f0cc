"""Targeting as it is written (JSONLogic in JSON) read into a tree: references inlined, what is constant folded.

An operator that is not known is no error here: as long as its branch is not taken, the flag works. Nobody changes a node;
they are not frozen because that triples what making one costs, and large sets have many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman_flags.errors import ErrorCode, FlagFailure
from ferryman_flags.operators import OPERATORS
from ferryman_flags.values import is_list, is_object, truthy

DEPTH_MAX = 200
"""Levels of operators and lists inside one another, references counted as what they stand for."""
NODES_MAX = 50_000
"""Operators of one flag after inlining: references to references can grow without end."""
ITEM_OPERATORS = frozenset({"filter", "map", "reduce", "all", "some", "none"})
DATA_OPERATORS = frozenset({"missing", "missing_some", "var", "fractional"})


@dataclass(slots=True, eq=False)
class Constant:
    """A value that depends on nothing."""

    value: Any


@dataclass(slots=True, eq=False)
class Variable:
    """`var` with a key that is written out, split at its dots; null is `default`."""

    path: tuple[str, ...]
    default: Node


@dataclass(slots=True, eq=False)
class Items:
    """A list of which some items must be evaluated."""

    items: tuple[Node, ...]


@dataclass(slots=True, eq=False)
class Call:
    """A function of evaluated arguments; one of `DATA_OPERATORS` sees the data too."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(slots=True, eq=False)
class Choice:
    """`if`: the value of the first branch whose condition is true, else `otherwise`."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node


@dataclass(slots=True, eq=False)
class Junction:
    """`and` (`wanted` false) or `or` (true): the first value that is as wanted, else the last."""

    wanted: bool
    terms: tuple[Node, ...]


@dataclass(slots=True, eq=False)
class OverItems:
    """`filter`, `map` and their like: `inner` is evaluated with an item as the data."""

    name: str
    items: Node
    inner: Node
    initial: Node


@dataclass(slots=True, eq=False)
class Unknown:
    """An operator that nobody knows: an error when it is reached."""

    name: str
    arguments: tuple[Node, ...]


Node = Constant | Variable | Items | Call | Choice | Junction | OverItems | Unknown
NULL = Constant(None)


class Reader:
    """Reads the targeting of one flag. `evaluators` are the shared rules that `$ref` names."""

    def __init__(self, flag_key: str, evaluators: Mapping[str, Any]) -> None:
        self.references: set[str] = set()
        """Names of the shared rules that were met, also through others."""
        self._flag_key = flag_key
        self._evaluators = evaluators
        self._open: list[str] = []
        self._nodes = 0

    def read(self, written: Any, depth: int = 0, *, at_item: bool = False) -> Node:
        """The tree; `at_item` inside `filter` and its like, where the data is no context.

        Raises `FlagFailure` (PARSE_ERROR) for a cycle of references and for targeting that is too deep or too large.
        """
        if depth > DEPTH_MAX:
            raise FlagFailure(ErrorCode.PARSE_ERROR, f"targeting is nested more than {DEPTH_MAX} levels deep")
        if is_list(written):
            return self._list(written, depth, at_item=at_item)
        if not is_object(written) or len(written) != 1:
            return Constant(written)
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise FlagFailure(ErrorCode.PARSE_ERROR, f"targeting has more than {NODES_MAX} operators")
        name, raw = next(iter(written.items()))
        if name == "$ref" and isinstance(raw, str) and raw in self._evaluators:
            return self._reference(raw, depth, at_item=at_item)
        arguments: list[Any] = raw if is_list(raw) else [raw]
        if name in ITEM_OPERATORS:
            return self._over_items(name, arguments, depth, at_item=at_item)
        nodes = [
            self.read(argument, depth + 1, at_item=at_item)
            if isinstance(argument, (dict, list))
            else Constant(argument)
            for argument in arguments
        ]
        return self._operator(name, tuple(nodes), at_item=at_item)

    def _operator(self, name: str, nodes: tuple[Node, ...], *, at_item: bool) -> Node:
        if name in {"if", "?:"}:
            return _choice(nodes)
        if name in {"and", "or"}:
            return _junction(nodes, wanted=name == "or")
        if name == "var":
            return self._variable(nodes, at_item=at_item)
        if name in DATA_OPERATORS:
            return Call(name, nodes)
        if name not in OPERATORS:
            return Unknown(name, nodes)
        return _folded(Call(name, nodes))

    def _list(self, written: list[Any], depth: int, *, at_item: bool) -> Node:
        if not any(isinstance(item, (list, dict)) for item in written):
            return Constant(written)
        items = tuple(self.read(item, depth + 1, at_item=at_item) for item in written)
        if all(isinstance(item, Constant) for item in items):
            return Constant([item.value for item in items if isinstance(item, Constant)])
        return Items(items)

    def _reference(self, name: str, depth: int, *, at_item: bool) -> Node:
        if name in self._open:
            path = " -> ".join([*self._open[self._open.index(name) :], name])
            raise FlagFailure(ErrorCode.PARSE_ERROR, f"$ref leads back to itself: {path}")
        self.references.add(name)
        self._open.append(name)
        node = self.read(self._evaluators[name], depth + 1, at_item=at_item)
        self._open.pop()
        return node

    def _over_items(self, name: str, arguments: list[Any], depth: int, *, at_item: bool) -> Node:
        if len(arguments) < 2 and name in {"filter", "all", "some", "none"}:
            return Constant([] if name == "filter" else name == "none")
        if not arguments:
            return Constant(None if name == "reduce" else [])
        items = self.read(arguments[0], depth + 1, at_item=at_item)
        inner = self.read(arguments[1], depth + 1, at_item=True) if len(arguments) > 1 else NULL
        # The start value of `reduce` is taken as it is written, as the reference does.
        return OverItems(name, items, inner, Constant(arguments[2] if len(arguments) > 2 else None))

    def _variable(self, nodes: tuple[Node, ...], *, at_item: bool) -> Node:
        key = nodes[0] if nodes else NULL
        default = nodes[1] if len(nodes) > 1 else NULL
        if not isinstance(key, Constant) or not isinstance(key.value, str) or not key.value:
            return Call("var", nodes)
        if key.value == "$flagd.flagKey" and not at_item:
            return Constant(self._flag_key)
        return Variable(tuple(key.value.split(".")), default)


def _choice(nodes: tuple[Node, ...]) -> Node:
    """Pairs of condition and value, then what else; branches that can never or must be taken are folded."""
    branches: list[tuple[Node, Node]] = []
    otherwise: Node = nodes[-1] if len(nodes) % 2 else NULL
    for condition, value in zip(nodes[0::2], nodes[1::2], strict=False):
        if not isinstance(condition, Constant):
            branches.append((condition, value))
        elif truthy(condition.value):
            otherwise = value
            break
    return Choice(tuple(branches), otherwise) if branches else otherwise


def _junction(nodes: tuple[Node, ...], *, wanted: bool) -> Node:
    terms: list[Node] = []
    for place, node in enumerate(nodes, 1):
        if isinstance(node, Constant) and truthy(node.value) == wanted:
            terms.append(node)
            break
        if not isinstance(node, Constant) or place == len(nodes):
            terms.append(node)
    if len(terms) == 1 or not terms:
        return terms[0] if terms else NULL
    return Junction(wanted, tuple(terms))


def _folded(call: Call) -> Node:
    """The result, if all arguments are constant and it has one; an error is left for when the operator is reached."""
    values = [node.value for node in call.arguments if isinstance(node, Constant)]
    if len(values) < len(call.arguments):
        return call
    if call.name == "==" and len(values) > 1 and all(isinstance(value, (list, dict)) for value in values[:2]):
        return Constant(False)  # two lists that are written are two lists, also if one reference wrote both
    try:
        return Constant(OPERATORS[call.name](*values))
    except Exception:  # noqa: BLE001
        return call
