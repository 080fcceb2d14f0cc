"""Schemathesis over the whole description, for a short while: what the API answers is what it says it answers, to those
it knows and to those it does not. `bench/api_schema.py` does the same for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from described import Described

UNKNOWN_SECONDS, KNOWN_SECONDS = 15, 35


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.deadline(500)
def test_what_the_api_says_of_itself_is_true(tmp_path: Path) -> None:
    with Described(tmp_path) as api:
        for known, seconds in ((False, UNKNOWN_SECONDS), (True, KNOWN_SECONDS)):
            wrong = api.examine(known=known, seconds=seconds)
            if wrong:
                pytest.fail(wrong)  # whole: an assertion would show its ends only
        assert api.project.view().healthy
