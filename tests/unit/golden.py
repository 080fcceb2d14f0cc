"""Golden texts: what the code says is compared with a file; `pytest --rewrite` renews the files, never where CI is set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[Path, str], None]


def compare(path: Path, text: str, *, rewrite: bool) -> None:
    """Fail when the file says something else; with `rewrite` make it say this."""
    if rewrite:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")  # another worker may read the file at this moment
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
        return
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text == expected, f"{path.name} is stale; look at the difference, then run pytest --rewrite"


@pytest.fixture(name="golden")
def golden_fixture(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a file: `golden(path, text)`."""
    rewrite = bool(request.config.getoption("--rewrite"))
    return lambda path, text: compare(path, text, rewrite=rewrite)
