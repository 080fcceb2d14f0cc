"""Errors that are the same for every store."""

from __future__ import annotations

from pathlib import Path

from ferryman.model.errors import StoreError


def closed(path: Path | str) -> StoreError:
    """The error for a store that is not open."""
    return StoreError(
        "store_closed", f"the event log {path} is not open", "open it first; it was closed or never opened"
    )
