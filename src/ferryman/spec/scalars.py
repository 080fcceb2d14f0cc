"""What a plain YAML scalar means, by the core schema of YAML 1.2 (chapter 10.3 of its specification), minus what has
no place in a release file. Resolving it here keeps the text as written, which hints quote, and keeps `no` a text."""

from __future__ import annotations

import math
import re

from ferryman.spec.nodes import Scalar

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
DIGITS_MAX = 18

_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.DOTALL)


class ScalarError(Exception):
    """A plain scalar that is refused; `code` and `hint` are those of the problem to report."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises `ScalarError` for infinities, NaN, dates and numbers of absurd length."""
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError("not_finite", "is not a number that can be used", "write a finite number, or quote the text")
    if _DATE.fullmatch(text):
        raise ScalarError("unquoted_date", "is a date in YAML", f'quote it: "{text}"')
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return _whole(text, base)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ScalarError("not_finite", "is too large a number", "write a smaller one, or quote the text")
        return number
    return text


def _whole(text: str, base: int) -> int:
    if len(text) > DIGITS_MAX:
        raise ScalarError("not_finite", "has too many digits for a number", f'quote it if it is a text: "{text[:40]}"')
    return int(text.removeprefix("0o").removeprefix("0x"), base)
