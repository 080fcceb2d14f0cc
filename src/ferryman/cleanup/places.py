"""Where a node stands in its file."""

from __future__ import annotations

from typing import cast

import libcst as cst
from libcst.metadata import CodeRange, PositionProvider

Place = tuple[int, int]
"""Line, one-based, and column in characters, zero-based."""


def place(visitor: cst.MetadataDependent, node: cst.CSTNode) -> Place:
    """The beginning of a node of the tree as it was read, without its parentheses."""
    found = cast("CodeRange", visitor.get_metadata(PositionProvider, node))
    return found.start.line, found.start.column
