"""The deployment checklist as data: what is asked before, during and after a release, and how it stands."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Stand(StrEnum):
    """How an item stands. `pass` and `not_applicable` satisfy who requires it; `unknown`: nobody can tell yet."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"

    @property
    def satisfied(self) -> bool:
        """True when a gate that requires the item opens."""
        return self in (Stand.PASS, Stand.NOT_APPLICABLE)


class ChecklistItem(msgspec.Struct, frozen=True):
    """One item. `phase` is before, during or after; `saw` is what it stands on, `todo` what to do about it ("" where
    nothing is to be done)."""

    id: str
    phase: str
    question: str
    stand: Stand
    saw: str
    todo: str = ""


class ChecklistView(msgspec.Struct, frozen=True):
    """The checklist of a service at epoch second `at`; `rollout` is the one it speaks of, None where none ever was."""

    service: str
    at: float
    rollout: str | None
    items: tuple[ChecklistItem, ...]


QUESTIONS: dict[str, tuple[str, str]] = {
    "schema_compatible": ("before", "Backward-compatible database changes?"),
    "rollback_tested": ("before", "Rollback plan tested?"),
    "rollback_drilled": ("before", "Rollback drilled for real?"),
    "monitoring_answers": ("before", "Monitoring answers?"),
    "triggers_configured": ("before", "Rollback triggers configured?"),
    "no_freeze": ("before", "Not frozen?"),
    "window_open": ("before", "Release window open?"),
    "off_hours": ("before", "Off-hours, if it is risky?"),
    "error_rate": ("during", "Error rate as before?"),
    "latency": ("during", "Latency as before?"),
    "resources": ("during", "CPU and memory as before?"),
    "log_errors": ("during", "Logs without new errors?"),
    "works": ("during", "Function verified in production?"),
    "metrics_normal": ("after", "All metrics normal?"),
    "flags_clean": ("after", "Feature flags cleaned up?"),
    "old_gone": ("after", "Old instances gone?"),
    "postmortem": ("after", "Post-mortem written, if there was an incident?"),
}
"""Id of each item: its phase and what it asks, in the order in which they are shown."""
