"""HTML without surprises: whatever is no `Html` is text, and is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

EMPTY_TAGS = frozenset({"meta", "input", "br"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Part = str | Html | None


def tag(name: str, *parts: Part, attributes: Mapping[str, str] | None = None, css: str = "") -> Html:
    """One element. Parts that are None are left out; attributes are escaped, an empty one stands alone."""
    given = {**({"class": css} if css else {}), **(attributes or {})}
    opened = name + "".join(f' {key}="{escape(value)}"' if value else f" {key}" for key, value in given.items())
    return Html(f"<{opened}>" if name in EMPTY_TAGS else f"<{opened}>{joined(*parts)}</{name}>")


def joined(*parts: Part) -> Html:
    """Parts in a row."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts if part is not None))
