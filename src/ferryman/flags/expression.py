"""The language of `when`: a short condition in words, turned into JSONLogic.

    condition  = both {"or" both}             compared = value [("==" | "!=" | "<" | "<=" | ">" | ">=") value]
    both       = one {"and" one}                       | value ["not"] "in" value
    one        = "not" one | compared         value    = text | number | "true" | "false" | "null" | list | name
                                                       | function "(" [value {"," value}] ")" | "(" condition ")"

A name (`country`, `user.plan`) is an attribute of the context. `x in [..]` looks for x in a list, `"a" in x` in a text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

CHARACTERS_MAX = 8000
NESTED_MAX = 24
READ_MAX = 4096
"""Conditions that are kept as they were read."""

SEGMENT = "$segment"
"""Operator that stands for a segment until it is compiled: `{"$segment": "staff"}`."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_$][\w$-]*(?:\.[\w$-]+)*)
      | (?P<mark>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

FUNCTIONS = {
    "segment": (1, 1),
    "starts_with": (2, 2),
    "ends_with": (2, 2),
    "sem_ver": (3, 3),
    "has": (1, 1),
    "var": (1, 2),
}
"""Names of functions, with the least and the greatest number of arguments."""


class ExpressionError(ValueError):
    """A condition that cannot be read: `at` is the position of the character where it went wrong, from 0."""

    def __init__(self, message: str, at: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint


class Token(NamedTuple):
    """One word. `kind`: text, number, name, mark or end."""

    kind: str
    text: str
    at: int


@lru_cache(maxsize=READ_MAX)
def parse_when(text: str) -> Any:
    """The JSONLogic of a condition, which nobody may change: it is kept. Raises `ExpressionError`."""
    if len(text) > CHARACTERS_MAX:
        raise ExpressionError(f"the condition has {len(text)} characters; at most {CHARACTERS_MAX}", 0, "use segments")
    return _Reader(_tokens(text)).whole()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = len(text[at:]) - len(text[at:].lstrip())
            at += rest
            if at >= len(text):
                break
            hint = (
                "texts stand in quotes" if text[at] in "\"'" else 'such as: country in ["de"] and not segment("staff")'
            )
            raise ExpressionError(f"`{text[at]}` is not understood here", at, hint)
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return found


class _Reader:
    """Recursive descent over the tokens, bounded in depth."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Any:
        if self._peek().kind == "end":
            raise ExpressionError("the condition is empty", 0, 'write one, such as: country == "de"')
        found = self._or()
        if self._peek().kind != "end":
            raise self._unexpected("the condition should end here")
        return found

    # ------------------------------------------------------------------ tokens
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _is(self, *texts: str) -> bool:
        token = self._peek()
        return token.kind in {"mark", "name"} and token.text in texts

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise self._unexpected(f"`{text}` should stand here")
        self._take()

    def _unexpected(self, what: str) -> ExpressionError:
        token = self._peek()
        shown = f"not `{token.text[:40]}`" if token.text else "and the condition ends"
        return ExpressionError(f"{what}, {shown}", token.at)

    # ------------------------------------------------------------------ grammar
    def _or(self) -> Any:
        self._deeper()
        found = self._joined("or", self._and)
        self._depth -= 1
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > NESTED_MAX:
            raise ExpressionError(f"nested more than {NESTED_MAX} deep", self._peek().at, "use segments")

    def _and(self) -> Any:
        return self._joined("and", self._not)

    def _joined(self, word: str, below: Any) -> Any:
        operands = [below()]
        while self._is(word):
            self._take()
            operands.append(below())
        return operands[0] if len(operands) == 1 else {word: operands}

    def _not(self) -> Any:
        times = 0
        while self._is("not"):
            self._take()
            times += 1
        found = self._compared()
        return found if times == 0 else {"!!": [found]} if times % 2 == 0 else {"!": [found]}

    def _compared(self) -> Any:
        left = self._value()
        token = self._peek()
        if token.kind == "mark" and token.text in _COMPARISONS:
            self._take()
            return {token.text: [left, self._value()]}
        if self._is("in"):
            self._take()
            return {"in": [left, self._value()]}
        if self._is("not") and self._tokens[self._next + 1].text == "in":
            self._take()
            self._take()
            return {"!": [{"in": [left, self._value()]}]}
        return left

    def _value(self) -> Any:
        token = self._peek()
        if token.kind == "text":
            self._take()
            return _ESCAPE.sub(r"\1", token.text[1:-1])
        if token.kind == "number":
            self._take()
            return int(token.text) if re.fullmatch(r"-?\d{1,18}", token.text) else float(token.text)
        if self._is("("):
            self._take()
            found = self._or()
            self._expect(")")
            return found
        if self._is("["):
            self._take()
            return self._items("]")
        if token.kind == "name" and token.text in _CONSTANTS:
            self._take()
            return _CONSTANTS[token.text]
        if token.kind == "name" and token.text not in _WORDS:
            self._take()
            return self._called(token) if self._is("(") else {"var": token.text}
        raise self._unexpected("a value should stand here")

    def _items(self, end: str) -> list[Any]:
        self._deeper()
        found: list[Any] = []
        while not self._is(end):
            if found:
                self._expect(",")
            found.append(self._value())
        self._take()
        self._depth -= 1
        return found

    def _called(self, name: Token) -> Any:
        if name.text not in FUNCTIONS:
            raise ExpressionError(f"there is no function `{name.text[:40]}`", name.at, "known: " + ", ".join(FUNCTIONS))
        self._expect("(")
        given = self._items(")")
        least, most = FUNCTIONS[name.text]
        if not least <= len(given) <= most:
            wanted = str(least) if least == most else f"{least} or {most}"
            raise ExpressionError(f"`{name.text}` takes {wanted} values, not {len(given)}", name.at)
        if name.text == "segment":
            if not isinstance(given[0], str):
                raise ExpressionError("a segment is named by a text", name.at, 'write segment("staff")')
            return {SEGMENT: given[0]}
        if name.text == "has":
            return {"!=": [given[0], None]}
        return {name.text: given}
