"""When a freeze ends, as people write it."""

from __future__ import annotations

from datetime import datetime

import pytest

from ferryman.cli.commands.freeze import until_when
from ferryman.model.errors import UsageError

NOON = datetime(2026, 6, 3, 12, 0).astimezone().timestamp()


@pytest.mark.parametrize(
    ("text", "after_seconds"),
    [("2h", 7200.0), ("18:00", 6 * 3600.0), ("11:59", 86_340.0), ("2026-06-03T12:30", 1800.0), ("12:00", 86_400.0)],
)
def test_a_time_to_come(text: str, after_seconds: float) -> None:
    until = until_when(text, NOON)
    assert until is not None
    assert until - NOON == after_seconds


def test_no_time_is_no_end() -> None:
    assert until_when(None, NOON) is None


@pytest.mark.parametrize("text", ["tomorrow", "25:00", "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither a duration nor a time"):
        until_when(text, NOON)
