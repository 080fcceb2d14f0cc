"""A drill in words: what passed, what did not, and that going back is no failure here."""

import pytest
from msgspec.structs import replace

from ferryman.cli.views.outcome import drill_line, drill_passed, end_line
from ferryman.cli.views.tree import status_tree
from ferryman.cli.views.words import outcome_words, state
from ferryman.model.view import RolloutSummary
from unit.cli.samples import ALL

PASSED = RolloutSummary(
    id="shop-9", number=9, kind="drill", strategy="drill", candidate="v7", stable="v8", outcome="rolled_back",
    reason="the rehearsal is complete: ready in 3.2 s, 5% for 10 s", created_at=0.0, created_by="ana", ended_at=20.0,
    seconds=20.0, rollback_seconds=0.42, max_exposure_percent=5.0, attempt=1, cause_kind="drill", ready_seconds=3.21,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "Drill passed: v7 ready in 3.2 s, traffic back in 0.4 s"),
        (
            {"max_exposure_percent": 0.0},
            "Drill passed: v7 ready in 3.2 s, no traffic moved (--traffic 5% rehearses that too)",
        ),
        (
            {"candidate": "v8"},
            "Drill passed: v8 ready in 3.2 s, a second copy, for there is no earlier version",
        ),
        ({"cause_kind": "check", "reason": "check 'smoke' failed"}, "Drill failed: v7: check 'smoke' failed"),
        ({"cause_kind": "abort", "reason": "aborted by ana"}, "Drill aborted: v7: aborted by ana"),
        (
            {"outcome": "superseded", "cause_kind": "supersede", "reason": "superseded by shop-10"},
            "Drill given up: v7: superseded by shop-10",
        ),
        ({"outcome": "failed", "reason": "stuck"}, "Drill failed: v7: stuck"),
    ],
)
def test_the_last_line(changes: dict[str, object], line: str) -> None:
    summary = replace(PASSED, **changes)
    assert drill_line(summary) == line
    assert drill_passed(summary) is line.startswith("Drill passed")
    assert end_line(ALL["promoted"], summary) == line


def test_words_of_the_history() -> None:
    assert outcome_words("deploy", "rolled_back", "verdict") == "rolled back"
    assert outcome_words("drill", "rolled_back", "drill") == "drill passed"
    assert outcome_words("drill", "rolled_back", "verdict") == "drill failed"
    assert outcome_words("drill", "running", None) == "running"


def test_the_status_of_a_service_after_and_during_a_drill() -> None:
    view = ALL["rolled-back"]
    assert view.rollout is not None
    ended = replace(
        view.rollout, kind="drill", strategy="drill", cause_kind="drill", reason="the rehearsal is complete"
    )
    assert "drill passed: the rehearsal is complete" in status_tree(replace(view, rollout=ended))
    back = replace(ended, phase="aborting", track="back", ended_at=None)
    assert state(replace(view, rollout=back)) == "HEALTHY"
