"""Notices of a whole story, and samples."""

from __future__ import annotations

from collections.abc import Iterable

from ferryman.core.evolve import evolve
from ferryman.model.event import Event, VerdictChanged
from ferryman.model.notice import Audience, Figure, Notice, NoticeKind, Severity
from ferryman.model.rollout import Service
from ferryman.notify.notices import notices
from ferryman.notify.words import text

EVIDENCE = {
    "reason": "errors",
    "metrics": {
        "errors": {"margin": 1.5, "stable": {"n": 3611, "k": 22}, "candidate": {"n": 1204, "k": 49}},
        "latency": {"margin": 1.2, "stable": {"n": 3611, "k": 180}, "candidate": {"n": 1204, "k": 61}},
    },
}


def told(events: Iterable[Event]) -> list[Notice]:
    """What people hear of a story that begins with the first event of the service."""
    service, verdict, found = Service(name="shop"), None, list[Notice]()
    for event in events:
        before, service = service, evolve(service, event)
        if isinstance(event.body, VerdictChanged):
            verdict = event.body
        found += notices(before, event, service, verdict=verdict)
    return found


def script(found: Iterable[Notice]) -> str:
    """All of them as text."""
    head = "# {0.kind} {0.severity} for {1}, key {0.key}\n"
    return "\n".join(head.format(notice, ", ".join(notice.audience)) + text(notice) for notice in found)


NOTICE = Notice(
    key="shop/12",
    kind=NoticeKind.ROLLBACK,
    severity=Severity.CRITICAL,
    audience=(Audience.AUTHOR, Audience.ON_CALL),
    service="shop",
    at=1_700_000_000.0,
    title="shop: v2 is taken back to v1 (verdict)",
    actor="ferryman",
    rollout="shop-2",
    attempt=1,
    phase="aborting",
    author="ana",
    candidate="v2",
    stable="v1",
    reason="errors: candidate 49 errors in 1204 requests",
    lines=("up to 25% of the users met it",),
    figures=(Figure("error_rate", 4.07, 0.61, "%", 1.5, 1204),),
    exposure_percent=25.0,
    step=2,
    step_name="25%",
)
