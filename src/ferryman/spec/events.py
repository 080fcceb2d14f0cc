"""YAML text -> parser events with places. The only module that reads with ruamel.yaml, whose classes carry no types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ferryman.spec.nodes import START, Mark, shorten

# Malformed escapes and directives, and numbers in them, leave the parser as these.
_PARSER_ERRORS = (YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError, AssertionError)
QUOTES_HINT = "quote texts that hold special characters, such as `: `, `#`, `{`, `%` or `*`"


class YamlSyntaxError(Exception):
    """The text is not YAML; where, why, and what may help."""

    def __init__(self, mark: Mark, message: str, hint: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.hint = hint


class Event(msgspec.Struct, frozen=True):
    """One event. `kind` is the parser's name for it, such as Scalar, MappingStart or Alias; `plain` tells an unquoted
    scalar without a tag; `version` is that of a %YAML directive."""

    kind: str
    mark: Mark
    value: str = ""
    plain: bool = False
    anchor: str = ""
    tag: str = ""
    version: tuple[int, ...] | None = None


def events(text: str) -> Iterator[Event]:
    """The events of all documents in `text`. Raises `YamlSyntaxError`."""
    mark = START
    try:
        yaml: Any = YAML(typ="safe", pure=True)
        for event in yaml.parse(text):
            mark = _mark(event.start_mark)
            yield _event(event, mark)
    except _PARSER_ERRORS as error:
        raise _syntax_error(error, text, mark) from None


def _event(event: Any, mark: Mark) -> Event:
    implicit: Any = getattr(event, "implicit", None)
    version: Any = getattr(event, "version", None)
    return Event(
        kind=type(event).__name__.removesuffix("Event"),
        mark=mark,
        value=str(getattr(event, "value", None) or ""),
        plain=implicit not in {None, True, False} and bool(implicit[0]),
        anchor=str(getattr(event, "anchor", None) or ""),
        tag=str(getattr(event, "tag", None) or ""),
        version=tuple(version) if version is not None else None,
    )


def _mark(place: Any) -> Mark:
    return Mark(int(place.line) + 1, int(place.column) + 1)


def _syntax_error(error: Exception, text: str, last: Mark) -> YamlSyntaxError:
    place = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    mark = _mark(place) if place is not None else last
    problem = str(getattr(error, "problem", None) or error)
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    hint = QUOTES_HINT
    if "\t" in indent or "'\\t'" in problem:
        hint = "indent with spaces; YAML does not allow tabs there"
    elif "stream" in problem:
        hint = "look for a bracket or a quote that is never closed"
    elif "block end" in problem or "mapping values" in problem:
        hint = "look at the indentation of this line and the one before, and at the space after each `:`"
    return YamlSyntaxError(mark, f"this is not YAML: {shorten(problem, 200)}", hint)
