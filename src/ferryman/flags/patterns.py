"""Regular expressions of other systems (RE2, and Rust's `regex`, which takes the same) in the syntax of Python, and back.

The two differ in few places: flags that begin amid a pattern, POSIX classes, and the end of the text. RE2 has neither
lookaround nor references back, so patterns with those are none there. Source: the syntax page of RE2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ferryman_flags.patterns import PatternError, search_of

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"\\(?:.|$)|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|\(\?[imsU-]+\)|\(\?P?<\w+>|\(\?[imsU-]*:|\(\?|[()]|[*+?}]\+|.",
    re.DOTALL,
)
_CLASS = re.compile(r"\[:([a-z]+):\]")
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_FOREIGN = frozenset("ZpPCQEXKRG")
"""Escapes that the other side does not have, or Python has not."""


class NoPatternError(ValueError):
    """The other side would not take this pattern, or Python cannot say it."""


def to_python(pattern: str) -> str:
    """A pattern of RE2 as `ferryman_flags` takes it. Raises `NoPatternError` for what either of them refuses."""
    made = "".join(_translated(pattern))
    try:
        search_of(made)
    except PatternError as error:
        raise NoPatternError(f"{pattern[:60]!r} cannot be used: {error}") from None
    return made


def _translated(pattern: str) -> Iterator[str]:
    opened = [0]  # for each group that is open, how many groups of flags within it
    is_multiline, is_first = False, True
    for token in _TOKEN.findall(pattern):
        flags, is_at_start = _FLAGS.fullmatch(token), is_first
        is_first = token[0] == "("
        if flags is not None:
            if "|" in pattern and not is_at_start:
                raise NoPatternError(f"{pattern[:60]!r} sets flags within an alternative")
            is_multiline = is_multiline or "m" in flags[1]
            opened[-1] += 1
            yield f"(?{flags[1]}:"
        elif token[0] == "(":
            if token == "(?" or "U" in token or token.endswith(")"):
                raise NoPatternError(f"{pattern[:60]!r} has groups that only one side knows")
            opened.append(0)
            yield token.replace("(?<", "(?P<")
        elif token == ")":
            yield ")" * (opened.pop() + 1)
            if not opened:
                raise NoPatternError(f"{pattern[:60]!r} closes what it has not opened")
        elif token[0] == "[" and len(token) > 1:
            yield _CLASS.sub(lambda found: _POSIX.get(found[1], found[0]), token)
        elif token[0] == "\\":
            yield _escape(token, pattern)
        elif len(token) == 2:  # what must not be given back, once taken
            raise NoPatternError(f"{pattern[:60]!r} has possessive repetition")
        else:
            yield r"\Z" if token == "$" and not is_multiline else token
    yield ")" * opened[0]


def _escape(token: str, pattern: str) -> str:
    if token == r"\z":
        return r"\Z"
    if token[1:].isdigit() or token[1:] in _FOREIGN:
        raise NoPatternError(f"{pattern[:60]!r} has {token}, which only one side knows")
    return token


def from_python(pattern: str) -> str:
    """A pattern of Python's `re` for RE2. Raises `NoPatternError` for lookaround, references back and the like."""
    made: list[str] = []
    for token in _TOKEN.findall(pattern):
        is_end = token == r"\Z"
        if (token == "(?" or (token.endswith("+") and len(token) == 2 and token[0] != "\\")) or (
            token[0] == "\\" and not is_end and (token[1:].isdigit() or token[1:] in _FOREIGN)
        ):
            raise NoPatternError(f"{pattern[:60]!r} has {token}, which only Python knows")
        made.append(r"\z" if is_end else token)
    return "".join(made)
