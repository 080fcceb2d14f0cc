"""Who refers to whom among flags and segments: cycles, and what else changes when one of them does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ferryman.flags.definition import Flag, FlagSet, Rule, Segment
from ferryman.flags.expression import ExpressionError, parse_when
from ferryman.flags.logic import segments_in

_Name = tuple[str, str]
"""`flag` or `segment`, and its key."""


def logic_of(rule: Rule) -> Any:
    """The condition of a rule as JSONLogic; None when it has none. Raises `ExpressionError`."""
    return parse_when(rule.when) if rule.when else rule.logic


def segments_of(flag: Flag) -> set[str]:
    """Segments that the rules of a flag name, in any environment. Conditions that cannot be read name none."""
    rules = [*flag.rules, *(rule for place in flag.environments.values() for rule in place.rules or ())]
    found: set[str] = set()
    for rule in rules:
        try:
            found |= segments_in(logic_of(rule))
        except ExpressionError:
            continue
    return found


def segments_of_segment(segment: Segment) -> set[str]:
    """Segments that a segment names."""
    try:
        return segments_in(parse_when(segment.when))
    except ExpressionError:
        return set()


def cycle(edges: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A way along the edges that comes back to where it began: `("a", "b", "a")`; empty when there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        way = [str(name) for name in reversed(error.args[1])][:-1]
        first = way.index(min(way))
        return (*way[first:], *way[:first], way[first])
    return ()


def need_edges(flags: Iterable[Flag]) -> dict[str, set[str]]:
    """Flag -> the flags that it needs."""
    return {flag.key: {need.flag for need in flag.needs} for flag in flags}


def segment_edges(segments: Iterable[Segment]) -> dict[str, set[str]]:
    """Segment -> the segments that it names."""
    return {segment.key: segments_of_segment(segment) for segment in segments}


def users_of_flag(key: str, flags: Iterable[Flag]) -> tuple[str, ...]:
    """Flags that need this one."""
    return tuple(sorted(flag.key for flag in flags if any(need.flag == key for need in flag.needs)))


def users_of_segment(key: str, whole: FlagSet) -> tuple[str, ...]:
    """Flags and segments that name this segment."""
    flags = {flag.key for flag in whole.flags.values() if key in segments_of(flag)}
    segments = {segment.key for segment in whole.segments.values() if key in segments_of_segment(segment)}
    return tuple(sorted(flags | segments))


class Dependants:
    """What is compiled into what, kept up to date as flags and segments are written."""

    def __init__(self) -> None:
        self._below: dict[_Name, set[_Name]] = {}
        self._above: dict[_Name, set[_Name]] = {}

    def put_flag(self, key: str, flag: Flag | None) -> None:
        """A flag is now like this; None: gone."""
        used = {("flag", need.flag) for need in flag.needs} if flag else set[_Name]()
        self._put(("flag", key), used | ({("segment", name) for name in segments_of(flag)} if flag else set()))

    def put_segment(self, key: str, segment: Segment | None) -> None:
        """A segment is now like this; None: gone."""
        used = segments_of_segment(segment) if segment else set[str]()
        self._put(("segment", key), {("segment", name) for name in used})

    def _put(self, user: _Name, used: set[_Name]) -> None:
        before = self._below.get(user, set())
        for each in before - used:
            self._above[each].discard(user)
        for each in used - before:
            self._above.setdefault(each, set()).add(user)
        if used:
            self._below[user] = used
        else:
            self._below.pop(user, None)

    def of(self, flags: Iterable[str], segments: Iterable[str] = ()) -> set[str]:
        """Keys of the flags that are compiled anew when these change; the flags themselves are among them."""
        found: set[_Name] = {("flag", key) for key in flags} | {("segment", key) for key in segments}
        waiting = [*found]
        while waiting:
            new = self._above.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return {key for kind, key in found if kind == "flag"}
