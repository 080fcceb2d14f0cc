"""A tree of targeting as nested functions of the data: exact, for every tree, and the measure for generated code.

The data is what flagd gives to JSONLogic: the context with `$flagd` and `targetingKey` in it (`full_data`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ferryman_flags.errors import ErrorCode, FlagFailure
from ferryman_flags.logic import Call, Choice, Constant, Items, Junction, Node, OverItems, Unknown, Variable
from ferryman_flags.operators import OPERATORS, fractional
from ferryman_flags.values import is_list, lookup, number, truthy, walk

Closure = Callable[[Any], Any]


def full_data(context: Mapping[str, Any], flag_key: str, now_seconds: int) -> dict[str, Any]:
    """The data of an evaluation: the context, its targeting key even if there is none, and what flagd adds."""
    return {
        **context,
        "$flagd": {"flagKey": flag_key, "timestamp": now_seconds},
        "targetingKey": context.get("targetingKey"),
    }


class Closures:
    """Makes closures for one flag, whose hash generation `fractional` needs."""

    def __init__(self, generation: str) -> None:
        self._generation = generation

    def of(self, node: Node) -> Closure:
        """A function from the data to the value of this node. It raises what the operators raise, and `FlagFailure`."""
        match node:
            case Constant(value):
                return lambda _: value
            case Variable(path, default):
                other = self.of(default)
                return lambda data: walk(data, path, other(data))
            case Items(items):
                parts = self._all(items)
                return lambda data: [part(data) for part in parts]
            case Choice(branches, otherwise):
                return self._choice(branches, otherwise)
            case Junction(wanted, terms):
                return self._junction(wanted, terms)
            case OverItems():
                return self._over_items(node)
            case Unknown(name, arguments):
                return self._unknown(name, arguments)
            case Call():
                return self._call(node)

    def _all(self, nodes: tuple[Node, ...]) -> tuple[Closure, ...]:
        return tuple(self.of(node) for node in nodes)

    def _choice(self, branches: tuple[tuple[Node, Node], ...], otherwise: Node) -> Closure:
        pairs = tuple((self.of(condition), self.of(value)) for condition, value in branches)
        last = self.of(otherwise)

        def choose(data: Any) -> Any:
            for condition, value in pairs:
                if truthy(condition(data)):
                    return value(data)
            return last(data)

        return choose

    def _junction(self, wanted: bool, terms: tuple[Node, ...]) -> Closure:
        parts = self._all(terms)

        def join(data: Any) -> Any:
            value = None
            for part in parts:
                value = part(data)
                if truthy(value) == wanted:
                    break
            return value

        return join

    def _unknown(self, name: str, arguments: tuple[Node, ...]) -> Closure:
        parts = self._all(arguments)

        def refuse(data: Any) -> Any:
            for part in parts:
                part(data)
            raise FlagFailure(ErrorCode.PARSE_ERROR, f"unknown operator {name!r} in the targeting")

        return refuse

    def _call(self, call: Call) -> Closure:
        parts = self._all(call.arguments)
        match call.name:
            case "var":
                return lambda data: lookup(data, *[part(data) for part in parts][:2])
            case "missing":
                return lambda data: _missing(data, [part(data) for part in parts])
            case "missing_some":
                return lambda data: _missing_some(data, *[part(data) for part in parts][:2])
            case "fractional":
                generation = self._generation
                nothing: dict[str, Any] = {}

                def divide(data: Any) -> Any:
                    values = tuple(part(data) for part in parts)
                    flag_key = data.get("$flagd", nothing).get("flagKey", "")
                    return fractional(generation, flag_key, data.get("targetingKey"), values)

                return divide
            case name:
                operator = OPERATORS[name]
                return lambda data: operator(*[part(data) for part in parts])

    def _over_items(self, node: OverItems) -> Closure:
        items, inner = self.of(node.items), self.of(node.inner)
        name, initial = node.name, node.initial.value if isinstance(node.initial, Constant) else None

        def each(data: Any) -> Any:
            found = items(data)
            if not is_list(found):
                return _of_nothing(name, initial)
            return _each(name, found, inner, initial)

        return each


def _of_nothing(name: str, initial: Any) -> Any:
    """What they give when there is no list."""
    nothing: dict[str, Any] = {"map": [], "filter": [], "reduce": initial, "none": True}
    return nothing.get(name, False)


def _each(name: str, items: list[Any], inner: Closure, initial: Any) -> Any:
    match name:
        case "map":
            return [inner(item) for item in items]
        case "filter":
            return [item for item in items if truthy(inner(item))]
        case "reduce":
            seen = {"accumulator": initial}
            for item in items:
                seen["current"] = item
                seen["accumulator"] = inner(seen)
            return seen["accumulator"]
        case "all":  # of nothing it is false, unlike in logic
            return bool(items) and all(truthy(inner(item)) for item in items)
        case "some":
            return any(truthy(inner(item)) for item in items)
        case _:
            return not any(truthy(inner(item)) for item in items)


def _missing(data: Any, values: list[Any]) -> list[Any]:
    keys = values[0] if values and is_list(values[0]) else values
    return [key for key in keys if lookup(data, key) in (None, "")]


def _missing_some(data: Any, needed: Any = 0, keys: Any = None) -> list[Any]:
    if not is_list(keys):
        return []
    absent = _missing(data, [keys])
    return [] if len(keys) - len(absent) >= number(needed) else absent
