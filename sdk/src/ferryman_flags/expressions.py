"""A tree of targeting as the text of a Python expression, with a short cut for what is usual.

`condition` gives an expression for an `if`, `value` one whose value counts. Both mean the same as the closures.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from ferryman_flags.fractions import Division, division_of
from ferryman_flags.hashing import HEADS, murmur3, pair_prefix
from ferryman_flags.logic import DATA_OPERATORS, Call, Choice, Constant, Items, Junction, Node, Variable
from ferryman_flags.operators import OPERATORS, YES_OR_NO
from ferryman_flags.values import is_list, member, truthy, walk

NESTED_MAX = 24
"""Levels of one expression; below that closures go on. Python's own compiler has its limits."""
_TEXTS = frozenset({"cat", "substr"})
_ORDER = frozenset({"<", "<=", ">", ">="})


class Names:
    """What the generated text calls things, and what each name is bound to."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}
        self._temporary = 0

    def bind(self, value: Any) -> str:
        """A new name for a value."""
        name = f"k{len(self.bound)}"
        self.bound[name] = value
        return name

    def temporary(self) -> str:
        """A new local name."""
        self._temporary += 1
        return f"t{self._temporary}"


class Expressions:
    """Writes expressions for one flag. `exact` gives a function of the context for what has no short form."""

    def __init__(
        self, names: Names, exact: Callable[[Node], Callable[[Any], Any]], generation: str, flag_key: str
    ) -> None:
        self._names, self._exact, self._generation, self._flag_key = names, exact, generation, flag_key
        self._level = 0

    def condition(self, node: Node) -> str:
        """True or false as the operators see it, as an expression for an `if`."""
        self._level += 1
        written = self._condition(node) if self._level < NESTED_MAX else None
        self._level -= 1
        if written:
            return written
        value = self.value(node)
        if _is_plain(node):
            return value
        t = self._names.temporary()
        return f"({t} if type({t} := {value}) is str else {self._names.bind(truthy)}({t}))"

    def _condition(self, node: Node) -> str | None:
        """What is true or false by its form, or None."""
        if isinstance(node, Junction):
            return f"({(' or ' if node.wanted else ' and ').join(self.condition(term) for term in node.terms)})"
        if isinstance(node, Call) and node.name in {"!", "!!"} and len(node.arguments) == 1:
            inner = self.condition(node.arguments[0])
            return f"(not {inner})" if node.name == "!" else inner
        return None

    def value(self, node: Node) -> str:
        """The value, as an expression."""
        if isinstance(node, Constant):
            return self._names.bind(node.value)
        if self._level >= NESTED_MAX:
            return self._by_closure(node)
        self._level += 1
        written = self._value(node)
        self._level -= 1
        return written

    def _value(self, node: Node) -> str:
        match node:
            case Variable():
                return self._variable(node)
            case Items(items):
                return f"[{', '.join(self.value(item) for item in items)}]"
            case Choice(branches, otherwise):
                pairs = [f"{self.value(value)} if {self.condition(condition)} else " for condition, value in branches]
                return f"({''.join(pairs)}{self.value(otherwise)})"
            case Junction(wanted, terms):
                return self._junction(wanted, terms)
            case Call("fractional", _) if division := division_of(node):
                return self._division(node, division)
            case Call(name, arguments) if name not in DATA_OPERATORS:
                short = self._short(name, arguments)
                return short or self._call(name, [self.value(argument) for argument in arguments])
            case _:
                return self._by_closure(node)

    def _call(self, name: str, arguments: list[str]) -> str:
        return f"{self._names.bind(OPERATORS[name])}({', '.join(arguments)})"

    def _by_closure(self, node: Node) -> str:
        return f"{self._names.bind(self._exact(node))}(context)"

    def _variable(self, node: Variable) -> str:
        first, *rest = node.path
        if first == "$flagd":
            if rest == ["timestamp"]:
                return f"{self._names.bind(int)}({self._names.bind(time.time)}())"
            return self._by_closure(node)
        found = f"context.get({self._names.bind(first)})"
        is_bare = isinstance(node.default, Constant) and node.default.value is None
        if is_bare and not rest:
            return found
        path = self._names.bind(tuple(rest))
        return f"{self._names.bind(walk)}({found}, {path}, {self.value(node.default)})"

    def _junction(self, wanted: bool, terms: tuple[Node, ...]) -> str:
        if all(_is_plain(term) for term in terms):
            return f"({(' or ' if wanted else ' and ').join(self.value(term) for term in terms)})"
        *first, last = terms
        written = ""
        for term in first:
            t = self._names.temporary()
            test = f"{self._names.bind(truthy)}({t} := {self.value(term)})"
            written += f"{t} if {test if wanted else f'not {test}'} else "
        return f"({written}{self.value(last)})"

    def _short(self, name: str, arguments: tuple[Node, ...]) -> str | None:
        """The form that decides the usual types itself, or None."""
        if name == "cat":
            return self._cat(arguments)
        if len(arguments) != 2:
            return None
        left, right = arguments
        if name == "in":
            return self._in(left, right)
        if isinstance(left, Constant) and name in {"==", "!="}:
            left, right = right, left
        if not isinstance(right, Constant) or isinstance(left, Constant):
            return None
        t, constant = self._names.temporary(), self._names.bind(right.value)
        slow = self._call(name, [t, constant])
        if type(right.value) is str and name == "==":  # what Python holds equal to a text is equal to it
            return f"(({t} := {self.value(left)}) == {constant} or (type({t}) is not str and {slow}))"
        if type(right.value) is str and name in {"!="} | _ORDER:
            return f"({t} {name} {constant} if type({t} := {self.value(left)}) is str else {slow})"
        if type(right.value) is str and name in {"starts_with", "ends_with"}:
            method = "startswith" if name == "starts_with" else "endswith"
            return f"({t}.{method}({constant}) if type({t} := {self.value(left)}) is str else {slow})"
        if type(right.value) in {int, float} and name in {"==", "!="} | _ORDER:
            is_number = f"type({t} := {self.value(left)}) is int or type({t}) is float"
            return f"({t} {name} {constant} if {is_number} else {slow})"
        return None

    def _in(self, needle: Node, haystack: Node) -> str | None:
        if isinstance(haystack, Constant) and (texts := _texts_of(haystack.value)):
            # Whatever else the needle is, it is in no list of texts; what has no hash raises, and the exact way decides.
            one = len(texts) == 1
            return f"({self.value(needle)} {'==' if one else 'in'} {self._names.bind(texts.pop() if one else frozenset(texts))})"
        t, slow = self._names.temporary(), self._names.bind(member)
        if isinstance(haystack, Constant) and (isinstance(haystack.value, str) or is_list(haystack.value)):
            listed: Any = haystack.value
            if is_list(listed):
                listed = frozenset(item for item in listed if isinstance(item, str))
            inside, whole = self._names.bind(listed), self._names.bind(haystack.value)
            return f"({t} in {inside} if type({t} := {self.value(needle)}) is str else {slow}({t}, {whole}))"
        if isinstance(needle, Constant) and type(needle.value) is str:
            part = self._names.bind(needle.value)
            return f"({part} in {t} if type({t} := {self.value(haystack)}) is str else {slow}({part}, {t}))"
        return None

    def _cat(self, arguments: tuple[Node, ...]) -> str | None:
        """Texts around one value that is a text, as a rule: how a key with a seed is written."""
        varying = [place for place, node in enumerate(arguments) if not isinstance(node, Constant)]
        if len(varying) != 1:
            return None
        place = varying[0]
        before, after = _cat_constants(arguments[:place]), _cat_constants(arguments[place + 1 :])
        t, cat = self._names.temporary(), self._names.bind(OPERATORS["cat"])
        ahead = self._names.bind(before)
        joined = f"{ahead} + {t}" + (f" + {self._names.bind(after)}" if after else "")
        slow = f"{cat}({ahead}, {t}, {self._names.bind(after)})"
        return f"({joined} if type({t} := {self.value(arguments[place])}) is str else {slow})"

    def hashed(self, division: Division, local: str) -> tuple[str, str, str]:
        """Expressions: for the key; for what else, beside being a text, makes the key in `local` fit to be hashed on the
        spot (to be put behind `type(local) is str`); and for its hash."""
        hashing, is_v2 = self._names.bind(murmur3), self._generation == "v2"
        further = f" and {local}" if is_v2 or division.by is None else ""
        if division.by is None:
            key = f"context.get({self._names.bind('targetingKey')})"
            ahead = self._names.bind(self._flag_key if is_v2 else pair_prefix(self._flag_key)) + " + "
        else:
            key, ahead = self.value(division.by), ""
        if is_v2:
            return key, further, f"{hashing}(({ahead}{local}).encode())"
        heads, utf8 = self._names.bind(HEADS), self._names.temporary()
        return key, further, f"{hashing}({ahead}{heads}[len({utf8} := {local}.encode())] + {utf8})"

    def _division(self, node: Node, division: Division) -> str:
        """`fractional` inside something else: the slot is looked up, not compared."""
        t = self._names.temporary()
        key, further, hashed = self.hashed(division, t)
        limits = self._names.bind([limit for limit, _ in division.slots])
        variants = self._names.bind([variant for _, variant in division.slots])
        slot = f"{variants}[{self._names.bind(bisect_right)}({limits}, {hashed})]"
        return f"({slot} if type({t} := {key}) is str{further} else {self._by_closure(node)})"


def _is_plain(node: Node) -> bool:
    """Whether Python's own idea of true and false fits all values of a node."""
    if isinstance(node, Constant):
        return bool(node.value) == truthy(node.value)
    return isinstance(node, Call) and (node.name in YES_OR_NO or node.name in _TEXTS)


def _texts_of(value: Any) -> set[str]:
    """The items of a list that has nothing but texts in it; empty for everything else."""
    texts = {item for item in value if type(item) is str} if is_list(value) else set[str]()
    return texts if texts and all(type(item) is str for item in value) else set()


def _cat_constants(nodes: tuple[Node, ...]) -> str:
    return OPERATORS["cat"](*[node.value for node in nodes if isinstance(node, Constant)])
