"""`sem_ver`: two versions compared by the rules of Semantic Versioning 2.0.0 (https://semver.org), read leniently.

A leading "v" is dropped, missing parts are 0 ("1.2" is "1.2.0"), and build metadata counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any

VERSION_CHARACTERS_MAX = 256
_NUMBER = r"(0|[1-9][0-9]*)"
_PRE = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PRE}(?:\.{_PRE})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_MORE = 2
Version = tuple[int, int, int, tuple[Any, ...]]
"""Major, minor, patch, and a key by which pre-releases sort: before the release, numbers before words."""

_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    "=": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "^": lambda a, b: a[0] == b[0],
    "~": lambda a, b: a[:2] == b[:2],
}


def sem_ver(left: Any, operator: Any, right: Any) -> bool | None:
    """Whether it holds; None (null) when a version cannot be read or the operator is unknown."""
    compare = _COMPARE.get(operator) if isinstance(operator, str) else None
    a, b = version(str(left)), version(str(right))
    return None if compare is None or a is None or b is None else compare(a, b)


@lru_cache(maxsize=4096)
def version(written: str) -> Version | None:
    """The version in a form that sorts; None if it is none, or longer than 256 characters."""
    if len(written) > VERSION_CHARACTERS_MAX:
        return None
    bare = written[1:] if written[:1] in {"v", "V"} else written
    numbers = re.split(r"[-+]", bare, maxsplit=1)[0]
    missing = ".0" * (_MORE - numbers.count("."))
    found = _VERSION.fullmatch(numbers + missing + bare[len(numbers) :])
    if found is None:
        return None
    major, minor, patch, pre = found.groups()
    words = [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in pre.split(".")] if pre else [(2, 0, "")]
    return int(major), int(minor), int(patch), tuple(words)
