"""What JSON values mean to the operators of targeting: as a number, as a text, as true or false, equal, and in order.

The rules are those of JSONLogic, which took them from JavaScript; where implementations differ, they are those of the
flagd evaluator in Python (openfeature-flagd-core 2.0.0), against which the tests compare every one of them.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

NAN = math.nan


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array."""
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


_NO_NUMBER = frozenset({"inf", "+inf", "-inf"})


def truthy(value: Any) -> bool:
    """null, false, 0, NaN, "" and [] are false. Everything else is true, also {} and "0"."""
    if isinstance(value, float):
        return value == value and value != 0.0  # noqa: PLR0124  NaN alone differs from itself
    if value is None or isinstance(value, (str, int)) or is_list(value):
        return bool(value)
    return True


def number(value: Any) -> float | int:
    """Null is 0, [] is 0, a list of one is its item; a text is read as a number; what cannot be read is NaN."""
    if isinstance(value, (int, float)):
        return value
    if value is None:
        return 0
    if isinstance(value, str):
        if value.strip().lower() in _NO_NUMBER:
            return NAN
        try:
            return float(value)
        except ValueError:
            return NAN
    if is_list(value):
        if len(value) > 1:
            return NAN
        return number(value[0]) if value else 0
    if is_object(value):
        return NAN
    return float(value)  # what no JSON holds: `TypeError` and `ValueError` are the caller's


def text(value: Any) -> str:
    """As `cat` writes it: null, numbers with 15 significant digits, lists with commas.

    A boolean is written as Python does ("True"): so does the evaluator whose buckets we share.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "null"
    if is_list(value):
        return ",".join(map(text, value))
    if is_object(value):
        return "[object Object]"
    return str(value)


def equal(a: Any, b: Any) -> bool:
    """`==`: numbers and booleans compare as numbers, also with texts; null equals null only; a list equals itself only.

    Raises `TypeError` for types that no JSON holds.
    """
    if type(a) is type(b):
        return a is b if isinstance(a, (list, dict)) else a == b
    for one, other in ((a, b), (b, a)):
        if isinstance(one, (int, float)):
            return bool(one == number(other))
    if a is None or b is None:
        return False
    for one, other in ((a, b), (b, a)):
        if isinstance(one, str) and (is_list(other) or is_object(other)):
            return one == text(other)
    if (is_list(a) or is_object(a)) and (is_list(b) or is_object(b)):
        return False
    raise TypeError(f"{type(a).__name__} and {type(b).__name__} cannot be compared")


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Both sides of an order comparison: as texts if there is a text and no number, else as numbers."""
    if (
        not isinstance(a, (int, float))
        and not isinstance(b, (int, float))
        and (isinstance(a, str) or isinstance(b, str))
    ):
        return text(a), text(b)
    return number(a), number(b)


def member(needle: Any, haystack: Any) -> bool:
    """`in`: an item of a list, or a part of a text; false for anything else."""
    if is_list(haystack):
        return needle in haystack
    return isinstance(haystack, str) and text(needle) in haystack


def lookup(data: Any, key: Any, default: Any = None) -> Any:
    """`var`: the value at a dotted path through objects, lists and texts (an index, or `length`); null is `default`.

    No key, or "", is all of `data`.
    """
    if key is None or key == "":
        return data
    if isinstance(key, (int, float)):
        if is_list(data) or isinstance(data, str):
            return data[int(key)] if key == int(key) and 0 <= key < len(data) else default
        return default  # also for an object, whose keys are texts
    return walk(data, text(key).split("."), default)


def walk(data: Any, path: list[str] | tuple[str, ...], default: Any = None) -> Any:
    """`lookup` for a path that is split already."""
    for name in path:
        if is_object(data):
            data = data.get(name)
        elif is_list(data) or isinstance(data, str):
            if name == "length":
                return len(data)
            if not (name.isascii() and name.isdigit()) or (len(name) > 1 and name[0] == "0") or int(name) >= len(data):
                return default
            data = data[int(name)]
        else:
            return default
    return default if data is None else data
