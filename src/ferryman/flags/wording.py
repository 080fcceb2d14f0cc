"""JSONLogic in the language of `when`, where that language can say it: what `expression.parse_when` reads back the same."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ferryman.flags.expression import CHARACTERS_MAX, FUNCTIONS, NESTED_MAX, SEGMENT, ExpressionError, parse_when
from ferryman.flags.logic import operation

_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$-]*(?:\.[\w$-]+)*", re.ASCII)
_KEPT = frozenset({"and", "or", "not", "in", "true", "false", "null", *FUNCTIONS})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


class _UnsayableError(Exception):
    """There are no words for it."""


def in_words(logic: Any) -> str | None:
    """The condition as a text, or None if the language has no words for it, or not enough room."""
    try:
        text = _either(logic, 0)
        return text if len(text) <= CHARACTERS_MAX and parse_when(text) == logic else None
    except (_UnsayableError, ExpressionError):
        return None


def is_plain(name: str) -> bool:
    """Whether the name of an attribute needs no quotes in a condition."""
    return _PLAIN_NAME.fullmatch(name) is not None and name not in _KEPT


def _either(logic: Any, depth: int) -> str:
    """What may stand alone or in brackets."""
    if depth > NESTED_MAX:
        raise _UnsayableError
    found = operation(logic)
    if found is not None and found[0] in {"and", "or"} and isinstance(found[1], list):
        parts = [_joined(each, found[0], depth + 1) for each in cast("list[Any]", found[1])]
        return f" {found[0]} ".join(parts)
    if found is not None and found[0] == "!":
        inside = _only(found[1])
        what = operation(inside)
        if what is not None and what[0] == "in":
            needle, where = _two(what[1])
            return f"{_value(needle, depth)} not in {_value(where, depth)}"
        return f"not {_bracketed(inside, depth)}"
    if found is not None and found[0] == "!!":
        inside = _only(found[1])
        name = operation(inside)
        return (
            f"not not {_bracketed(inside, depth)}"
            if name is None or name[0] != "var"
            else f"not not {_value(inside, depth)}"
        )
    if found is not None and (found[0] in _COMPARISONS or found[0] == "in"):
        left, right = _two(found[1])
        return f"{_value(left, depth)} {found[0]} {_value(right, depth)}"
    return _value(logic, depth)


def _joined(logic: Any, word: str, depth: int) -> str:
    found = operation(logic)
    nested = found is not None and found[0] in {"and", "or"} and not (word == "or" and found[0] == "and")
    return f"({_either(logic, depth)})" if nested else _either(logic, depth)


def _bracketed(logic: Any, depth: int) -> str:
    found = operation(logic)
    simple = found is not None and (found[0] in {"var", SEGMENT} or found[0] in FUNCTIONS)
    return _value(logic, depth) if simple else f"({_either(logic, depth + 1)})"


def _value(logic: Any, depth: int) -> str:
    found = operation(logic)
    if found is not None:
        return _function(found[0], found[1], depth)
    if isinstance(logic, str):
        return _quoted(logic)
    if isinstance(logic, list):
        return "[" + ", ".join(_value(each, depth) for each in cast("list[Any]", logic)) + "]"
    if logic is None or isinstance(logic, bool | int | float):
        return json.dumps(logic)
    raise _UnsayableError


def _function(name: str, given: Any, depth: int) -> str:
    if name == "var" and isinstance(given, str) and is_plain(given):
        return given
    if name == "var" and isinstance(given, list):
        return f"var({', '.join(_value(each, depth) for each in cast('list[Any]', given))})"
    if name == SEGMENT and isinstance(given, str):
        return f"segment({_quoted(given)})"
    if name in {"starts_with", "ends_with", "sem_ver"} and isinstance(given, list):
        return f"{name}({', '.join(_value(each, depth) for each in cast('list[Any]', given))})"
    if name in {"and", "or", "!", "!!", "in"} or name in _COMPARISONS:
        return f"({_either({name: given}, depth + 1)})"
    raise _UnsayableError


def _quoted(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise _UnsayableError
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _two(given: Any) -> tuple[Any, Any]:
    if not isinstance(given, list) or len(cast("list[Any]", given)) != 2:
        raise _UnsayableError
    pair = cast("list[Any]", given)
    return pair[0], pair[1]


def _only(given: Any) -> Any:
    if not isinstance(given, list) or len(cast("list[Any]", given)) != 1:
        raise _UnsayableError
    return cast("list[Any]", given)[0]
