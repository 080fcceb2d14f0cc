"""docs/invariants.md tells the truth: each row names exactly the test files that claim to prove that invariant."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "invariants.md"
ROW = re.compile(r"^\| (\d+) \| .* \| (.*) \|$", re.MULTILINE)
CLAIM = re.compile(r"\bInvariants? (\d+(?:(?:, | and )\d+)*)")
COUNT = 16


def claims() -> dict[int, set[str]]:
    """Invariant to the test files, relative to tests/, whose docstrings or comments name it."""
    proofs: dict[int, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if path == Path(__file__):
            continue
        for claim in CLAIM.finditer(path.read_text(encoding="utf-8")):
            for number in re.findall(r"\d+", claim.group(1)):
                proofs.setdefault(int(number), set()).add(str(path.relative_to(TESTS)))
    return proofs


def rows() -> dict[int, set[str]]:
    """Invariant to the test files in its row."""
    found = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {int(number): set(re.findall(r"`tests/([^`]+)`", proof)) for number, proof in found}


def test_every_invariant_has_a_row() -> None:
    assert list(rows()) == list(range(1, COUNT + 1))


def test_rows_name_the_tests_that_prove_them() -> None:
    documented, claimed = rows(), claims()
    assert {number: files for number, files in documented.items() if files} == claimed
