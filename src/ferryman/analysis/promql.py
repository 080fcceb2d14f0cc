r"""Templates of PromQL: queries with ``{{variant}}`` and other placeholders in quoted label values. Pure.

Strings of PromQL follow Go's escapes. ``\x..`` means the same in both kinds of quotes, so a value is written by that
wherever a character could end or change the string, and cannot become part of the query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES = ("variant", "revision", "flag", "environment")
"""What a placeholder may stand for."""

CHARACTERS_MAX = 4000
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_PART = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*|["\'`]', re.DOTALL)
_TAME = re.compile(r"[A-Za-z0-9_.:/ -]", re.ASCII)


def placeholders(template: str) -> frozenset[str]:
    """Names in it, known or not."""
    return frozenset(found.group(1) for found in _PLACEHOLDER.finditer(template))


def template_fault(template: str) -> tuple[str, str] | None:
    """What is wrong with a template and what to do about it; None for nothing. Whether it is a query, the server says."""
    unknown = sorted(placeholders(template) - set(NAMES))
    if unknown:
        known = ", ".join(f"{{{{{name}}}}}" for name in NAMES)
        return f"there is no placeholder {{{{{unknown[0][:40]}}}}}", f"known: {known}"
    for part in _PART.findall(template):
        if len(part) == 1:
            return f"the quote {part} is not closed", "close it"
        if part.startswith("`") and _PLACEHOLDER.search(part):
            return "a placeholder stands within backticks, where nothing can be escaped", "use double quotes"
    if _PLACEHOLDER.search(_PART.sub(" ", template)):
        return "a placeholder stands outside a quoted label value", 'write it so: {variant="{{variant}}"}'
    return None


def fill(template: str, values: Mapping[str, str]) -> str:
    """The query for these values. Raises KeyError for a placeholder without one."""
    return _PLACEHOLDER.sub(lambda found: escaped(values[found.group(1)]), template)


def escaped(value: str) -> str:
    """A value as it stands within double or single quotes."""
    return "".join(
        char if _TAME.fullmatch(char) or ord(char) > 0x7F else f"\\x{ord(char):02x}"  # beyond ASCII nothing is special
        for char in value
    )
