"""Regular expressions in a time that grows with the text alone, whatever the pattern.

Python's `re` tries one way after another, and for some patterns there are exponentially many. So a pattern that repeats more
than is harmless becomes an automaton that is in all its states at once (Thompson, "Regular expression search algorithm", 1968);
sets of states that were met are remembered with what follows (Russ Cox, "Regular Expression Matching Can Be Simple And Fast").
`re` still reads the pattern and decides about single characters, so what matches is what `re` matches.

References back and lookaround have no such automaton: a pattern with them is refused.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast

_parser: Any = importlib.import_module("re._parser")
"""The reader of patterns behind `re.compile`."""

PATTERN_CHARACTERS_MAX = 512
PROGRAM_MAX = 1_000
"""Instructions of one automaton: repetitions by number are written out."""

STATES_MAX = 500
"""Sets of states that are remembered; then it is begun anew."""

STEPS_MAX = 50_000
"""Ways from one to the next that are remembered."""

_ALPHABETS = re.ASCII | re.UNICODE
_FLAGS = re.IGNORECASE | re.ASCII | re.UNICODE | re.DOTALL
"""Those that say which characters a class has."""

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN"})
"""Nodes that take one character."""

_WORDS = {
    "GROUPREF": "a reference back", "GROUPREF_EXISTS": "a reference back", "ASSERT": "lookaround",
    "ASSERT_NOT": "lookaround", "ATOMIC_GROUP": "an atomic group", "POSSESSIVE_REPEAT": "possessive repetition",
}  # fmt: skip
_Tree = Any
Search = Callable[[str], bool]


class PatternError(ValueError):
    """The pattern cannot be used; why."""


class _Fork(NamedTuple):
    """Goes on in several places at once."""

    targets: tuple[int, ...]


class _Single(NamedTuple):
    """Takes one character."""

    fits: Callable[[str], Any]


class _At(NamedTuple):
    """Goes on where a place in the text is like this: a pattern that matches nothing but the place."""

    holds: Callable[[str, int], Any]


def search_of(pattern: str) -> Search:
    """Whether `pattern` (syntax of `re`) is found in a text. Raises `PatternError`."""
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise PatternError(f"it has {len(pattern)} characters; at most {PATTERN_CHARACTERS_MAX}")
    try:
        compiled = re.compile(pattern)
        tree: _Tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"it is no pattern: {error}") from None
    if _is_harmless(tree):
        return lambda text: compiled.search(text) is not None
    program = _Program(tree.state.flags)
    program.add(tree, tree.state.flags)
    return Automaton(program.instructions, has_places=program.has_places).search


def _is_harmless(tree: _Tree) -> bool:
    """Whether `re` has few ways to try: no repetition and at most one choice, or one character repeated behind the
    beginning."""
    nodes = tuple(_nodes(tree))
    repeats = [value for name, value in nodes if name.endswith("REPEAT")]
    choices = sum(name == "BRANCH" for name, _ in nodes)
    if any(name in _WORDS for name, _ in nodes) or choices > 1:
        return False
    if not repeats:
        return True
    begins = [str(part) for part in tree[0]] == ["AT", "AT_BEGINNING"] and not tree.state.flags & re.MULTILINE
    inside = repeats[0][-1]
    return len(repeats) == 1 and begins and not choices and len(inside) == 1 and str(inside[0][0]) in _SINGLE


def _nodes(tree: _Tree) -> Iterator[tuple[str, _Tree]]:
    """Every node of a tree: what it is, and its operands."""
    waiting = [tree]
    while waiting:
        for operator, value in waiting.pop():
            name = str(operator)
            yield name, value
            if name.endswith("REPEAT") or name == "SUBPATTERN":
                waiting.append(value[-1])
            elif name == "BRANCH":
                waiting += value[1]
            elif name == "ATOMIC_GROUP":
                waiting.append(value)
            elif name in {"ASSERT", "ASSERT_NOT"}:
                waiting.append(value[1])


class _Program:
    """The instructions of a pattern. After the last one it has matched."""

    def __init__(self, flags: int) -> None:
        self.instructions: list[_Fork | _Single | _At] = []
        self.has_places = False
        self._flags = flags

    def add(self, tree: _Tree, flags: int) -> None:
        """Write a tree down. Raises `PatternError`."""
        for operator, value in tree:
            name = str(operator)
            if name in {"MAX_REPEAT", "MIN_REPEAT"}:
                least, most, inside = value
                self._repeat(least, most, inside, flags)
            elif name == "SUBPATTERN":
                _, more, fewer, inside = value
                kept = flags & ~_ALPHABETS if more & _ALPHABETS else flags
                self.add(inside, (kept | more) & ~fewer)
            elif name == "BRANCH":
                self._branch(value[1], flags)
            elif name == "AT":
                self.has_places = True
                self._put(_At(_place(str(value), flags)))
            elif name in _SINGLE:
                self._put(_Single(_class(name, value, flags)))
            else:
                raise PatternError(f"it has {_WORDS.get(name, name.lower())}, for which there is no bound")

    def _put(self, instruction: _Fork | _Single | _At) -> int:
        if len(self.instructions) >= PROGRAM_MAX:
            raise PatternError(f"written out it is too large: more than {PROGRAM_MAX} characters")
        self.instructions.append(instruction)
        return len(self.instructions) - 1

    def _repeat(self, least: int, most: int, inside: _Tree, flags: int) -> None:
        for _ in range(least):
            size = len(self.instructions)
            self.add(inside, flags)
            if len(self.instructions) == size:  # nothing, so often
                break
        if str(most) == "MAXREPEAT":
            start = self._put(_Fork(()))
            self.add(inside, flags)
            end = self._put(_Fork((start,)))
            self.instructions[start] = _Fork((start + 1, end + 1))
            return
        ways_out: list[int] = []
        for _ in range(most - least):
            ways_out.append(self._put(_Fork(())))
            self.add(inside, flags)
        for place in ways_out:
            self.instructions[place] = _Fork((place + 1, len(self.instructions)))

    def _branch(self, ways: list[_Tree], flags: int) -> None:
        start = self._put(_Fork(()))
        begins: list[int] = []
        ends: list[int] = []
        for way in ways:
            begins.append(len(self.instructions))
            self.add(way, flags)
            ends.append(self._put(_Fork(())))
        self.instructions[start] = _Fork(tuple(begins))
        for end in ends:
            self.instructions[end] = _Fork((len(self.instructions),))


@lru_cache(maxsize=4096)
def _fitting(written: str, flags: int) -> Callable[[str], Any]:
    return re.compile(written, flags).fullmatch


def _class(name: str, value: _Tree, flags: int) -> Callable[[str], Any]:
    """Tells whether a character fits, by `re` itself."""
    written = "." if name == "ANY" else f"[{_members(name, value)}]"
    return _fitting(written, flags & _FLAGS)


def _members(name: str, value: _Tree) -> str:
    if name == "LITERAL":
        return _escaped(value)
    if name == "NOT_LITERAL":
        return "^" + _escaped(value)
    made = ""
    for operator, item in cast("list[tuple[object, Any]]", value):
        kind = str(operator)
        if kind == "NEGATE":
            made += "^"
        elif kind == "LITERAL":
            made += _escaped(item)
        elif kind == "RANGE":
            made += f"{_escaped(item[0])}-{_escaped(item[1])}"
        else:
            made += _CATEGORIES[str(item)]
    return made


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"


def _place(name: str, flags: int) -> Callable[[str, int], Any]:
    """Tells whether a place in a text is the one that is meant, by `re` itself."""
    written = {
        "AT_BEGINNING": "^", "AT_BEGINNING_STRING": r"\A", "AT_END": "$", "AT_END_STRING": r"\Z",
        "AT_BOUNDARY": r"\b", "AT_NON_BOUNDARY": r"\B",
    }[name]  # fmt: skip
    return re.compile(written, flags & (_FLAGS | re.MULTILINE)).match


class _States:
    """A set of states, and those that follow it by the next character."""

    __slots__ = ("next", "places")

    def __init__(self, places: frozenset[int]) -> None:
        self.places = places
        self.next: dict[Any, _States | bool] = {}


class Automaton:
    """Says whether its pattern is found. Several threads may ask at once: what they remember is the same for all."""

    def __init__(self, instructions: list[_Fork | _Single | _At], *, has_places: bool) -> None:
        self._instructions = instructions
        self._end = len(instructions)
        self._has_places = has_places
        self._known: dict[frozenset[int], _States] = {}
        self._steps = 0

    def search(self, text: str) -> bool:
        """Whether it is found in a text."""
        states: _States | bool = self._states(frozenset({0}))
        before = ""
        last = len(text) - 1
        for place, character in enumerate(text):
            # A place is told by what stands around it, and the end of the text by how far it is.
            key: Any = (before, character, place == last) if self._has_places else character
            assert isinstance(states, _States)
            following = states.next.get(key)
            if following is None:
                following = self._step(states, key, text, place)
            if following is True:
                return True
            states, before = following, character
        assert isinstance(states, _States)
        return self._end in self._closed(states.places, text, len(text))

    def _step(self, states: _States, key: Any, text: str, place: int) -> _States | bool:
        closed = self._closed(states.places, text, place)
        following: _States | bool = True
        if self._end not in closed:
            after = {0}
            for number in closed:
                instruction = self._instructions[number]
                if isinstance(instruction, _Single) and instruction.fits(text[place]):
                    after.add(number + 1)
            following = self._states(frozenset(after))
        self._steps += 1
        if self._steps > STEPS_MAX:
            self._forget()
        states.next[key] = following
        return following

    def _states(self, places: frozenset[int]) -> _States:
        found = self._known.get(places)
        if found is None:
            if len(self._known) >= STATES_MAX:
                self._forget()
            found = self._known[places] = _States(places)
        return found

    def _forget(self) -> None:
        for states in tuple(self._known.values()):
            states.next = {}
        self._known = {}
        self._steps = 0

    def _closed(self, places: frozenset[int], text: str, place: int) -> set[int]:
        """Everywhere it is at a place in the text without taking a character."""
        closed: set[int] = set()
        waiting = list(places)
        while waiting:
            number = waiting.pop()
            if number in closed:
                continue
            closed.add(number)
            instruction = self._instructions[number] if number < self._end else None
            if isinstance(instruction, _Fork):
                waiting += instruction.targets
            elif isinstance(instruction, _At) and instruction.holds(text, place):
                waiting.append(number + 1)
        return closed
