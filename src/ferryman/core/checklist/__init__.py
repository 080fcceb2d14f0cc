"""The deployment checklist, worked out from what is known: release, log and what was seen. Pure."""

from __future__ import annotations

from ferryman.core.checklist.after import AFTER
from ferryman.core.checklist.before import BEFORE
from ferryman.core.checklist.during import DURING
from ferryman.core.checklist.facts import Facts, LogErrors
from ferryman.model.checklist import QUESTIONS, ChecklistItem, ChecklistView

__all__ = ["ON_DEPLOY", "Facts", "LogErrors", "checklist", "item"]

_MAKERS = {**BEFORE, **DURING, **AFTER}
assert list(_MAKERS) == list(QUESTIONS), "every item has one maker, in order"

ON_DEPLOY = (*BEFORE, *AFTER)
"""Items that a release can require before it begins; those of afterwards speak of the release before."""


def item(name: str, facts: Facts) -> ChecklistItem:
    """One item by its id. Raises `KeyError` for an unknown one."""
    phase, question = QUESTIONS[name]
    stand, saw, todo = _MAKERS[name](facts)
    return ChecklistItem(name, phase, question, stand, saw, todo)


def checklist(facts: Facts) -> ChecklistView:
    """All of it."""
    current = facts.service.current
    return ChecklistView(
        service=facts.release.service,
        at=facts.now,
        rollout=current.id if current is not None else None,
        items=tuple(item(name, facts) for name in QUESTIONS),
    )
