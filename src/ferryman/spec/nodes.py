"""A parsed document as plain values that still know where they were written."""

from __future__ import annotations

import msgspec

Scalar = str | int | float | bool | None


class Mark(msgspec.Struct, frozen=True):
    """A place in the text, one-based."""

    line: int
    column: int


START = Mark(1, 1)


class ScalarNode(msgspec.Struct, frozen=True):
    """One value. `text` is what was written, without quotes."""

    value: Scalar
    text: str
    mark: Mark
    size: int = 1
    height: int = 1


class ListNode(msgspec.Struct, frozen=True):
    """`size` counts the nodes below and itself with every alias expanded, `height` the levels."""

    items: tuple[Node, ...]
    mark: Mark
    size: int
    height: int


class Entry(msgspec.Struct, frozen=True):
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark
    node: Node


class MapNode(msgspec.Struct, frozen=True):
    """A mapping with text keys, in the order written."""

    entries: dict[str, Entry]
    mark: Mark
    size: int
    height: int


class BrokenNode(msgspec.Struct, frozen=True):
    """A value that was already reported; whoever meets it says nothing more."""

    mark: Mark
    size: int = 1
    height: int = 1


Node = ScalarNode | ListNode | MapNode | BrokenNode

SHOWN_CHARACTERS_MAX = 60


def show(node: Node) -> str:
    """The value as a message quotes it: short, on one line."""
    if isinstance(node, ScalarNode):
        return shorten(node.text) if node.value is not None else "nothing"
    if isinstance(node, ListNode):
        return f"a list of {len(node.items)}"
    if isinstance(node, MapNode):
        return shorten("{" + ", ".join(node.entries) + "}")
    return "?"


def quote(node: Node) -> str:
    """The value as the subject of a sentence."""
    if isinstance(node, ListNode) or (isinstance(node, ScalarNode) and node.value is None):
        return show(node)
    return f"`{show(node)}`"


def shorten(text: str, most: int = SHOWN_CHARACTERS_MAX) -> str:
    """`text` without line ends and odd characters, at most `most` characters long."""
    # One character more than is shown is looked at, never the whole of a long text.
    head = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: most + 1])
    return head if len(head) <= most else head[: most - 1] + "…"


def plain(node: Node) -> object:
    """Builtin values only: dict, list, str, int, float, bool, None."""
    if isinstance(node, MapNode):
        return {name: plain(entry.node) for name, entry in node.entries.items()}
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, ScalarNode) else None
