"""The five types a flag can be asked for, and which values serve each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ferryman_flags.values import is_list, is_object

Kind = Literal["boolean", "string", "integer", "float", "object"]
KINDS: tuple[Kind, ...] = ("boolean", "string", "integer", "float", "object")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


SERVES: dict[Kind, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "float": lambda value: isinstance(value, float) or _is_integer(value),
    "object": lambda value: isinstance(value, (dict, list)),
}
"""Whether a value of a flag serves who asks for this type. A boolean is no number; an integer serves as a float."""


def kind_of(default: Any) -> Kind | None:
    """The type that a code default asks for; None, any type, for None."""
    return next((kind for kind in KINDS if SERVES[kind](default)), None)


def as_kind(kind: Kind | None, value: Any) -> Any:
    """The value as it is handed out: an integer as a float where a float is asked for."""
    return float(value) if kind == "float" else value


def copied(value: Any) -> Any:
    """An own copy of a JSON value, so that what a caller does to it stays with the caller."""
    if is_object(value):
        return {key: copied(item) for key, item in value.items()}
    if is_list(value):
        return [copied(item) for item in value]
    return value
