"""A document as YAML text that `ferryman.spec.document` reads as it was, for people to go on with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ferryman.spec.document import BAD_CHARACTER
from ferryman.spec.scalars import ScalarError, resolve

WIDTH = 100
ALWAYS_BLOCKS = frozenset({"environments", "rules", "needs"})
"""Keys whose values have a line each, however short they are."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@-]*(?: [A-Za-z0-9_./@-]+)*")

_ESCAPED = re.compile(BAD_CHARACTER.pattern + "|[\x85\u2028\u2029\ufeff]")
"""Refused as they are, or taken for the end of a line."""


def yaml_text(document: Mapping[str, Any], remarks: tuple[str, ...] = (), *, flat_from: int = 4) -> str:
    """The document below `remarks` as comments. What is indented by `flat_from` or more and fits on one line stays there."""
    return "\n".join([*(f"# {each}" for each in remarks), *_block(document, 0, flat_from)]) + "\n"


def _block(values: Mapping[str, Any], indent: int, flat_from: int) -> list[str]:
    """A mapping, one key a line; from the indentation `flat_from` on what fits on a line stays there."""
    pad = " " * indent
    lines: list[str] = []
    for name, value in values.items():
        flat = _flow(value)
        if not isinstance(value, dict | list) or not value or _fits(indent, flat_from, name, flat):
            lines.append(f"{pad}{_scalar(name)}: {flat}")
        elif isinstance(value, dict):
            lines += [f"{pad}{_scalar(name)}:", *_block(cast("dict[str, Any]", value), indent + 2, flat_from)]
        else:
            lines.append(f"{pad}{_scalar(name)}:")
            lines += [f"{pad}  - {_flow(item)}" for item in cast("list[Any]", value)]
    return lines


def _fits(indent: int, flat_from: int, name: str, flat: str) -> bool:
    return indent >= flat_from and name not in ALWAYS_BLOCKS and indent + len(name) + len(flat) < WIDTH


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_scalar(name)}: {_flow(item)}" for name, item in cast("dict[str, Any]", value).items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in cast("Sequence[Any]", value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A text without quotes where it cannot be taken for anything else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and _is_text(value):
        return value
    written = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", written)


def _is_text(text: str) -> bool:
    try:
        return resolve(text) == text
    except ScalarError:
        return False
