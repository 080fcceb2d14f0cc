"""What a post-mortem is written from, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import msgspec

from ferryman.cli.views.text import count, duration, percent
from ferryman.cli.views.words import outcome_words
from ferryman.model.view import EventView, MeasurementSeries, RolloutSummary, SideSeries

POINTS = 2000
QUIET = frozenset({"step_reached", "analysis_awaited", "check_started"})
"""Events that a timeline does without."""

BY_ITSELF = "ferryman"
WHO_DECIDED = {
    "verdict": "the judge",
    "check": "a check that failed",
    "breaker": "instances that did not stay up",
    "deadline": "the deadline",
    "error": "missing evidence",
    "denied": "a person who denied it",
}


class Affected(msgspec.Struct, frozen=True):
    """Requests of either side while it was judged, and those that failed. `extra` is how many more failed on the new
    version than would have on the old one."""

    new_requests: int
    new_errors: int
    old_requests: int
    old_errors: int

    @property
    def share_percent(self) -> float:
        """Share of all requests that the new version answered."""
        return 100.0 * self.new_requests / max(1, self.new_requests + self.old_requests)

    @property
    def extra(self) -> float:
        """Failures beyond those that the old version's rate would have brought."""
        usual = self.old_errors / self.old_requests if self.old_requests else 0.0
        return max(0.0, self.new_errors - usual * self.new_requests)


class Case(msgspec.Struct, frozen=True):
    """One rollout of a service, told afterwards."""

    service: str
    summary: RolloutSummary
    events: tuple[EventView, ...]
    series: MeasurementSeries

    # ---- moments (epoch seconds)
    @property
    def exposed_at(self) -> float | None:
        """When users first met the new version."""
        percents: list[float] = []
        for event in self.events:
            if event.kind == "step_entered":
                percents.append(float(event.body.get("exposure_percent") or 0.0))
            if event.kind == "step_reached" and percents and percents[-1] > 0:
                return event.at
        return None

    @property
    def back(self) -> EventView | None:
        """The order to go back, if there was one."""
        return next((event for event in reversed(self.events) if event.kind == "back_ordered"), None)

    @property
    def cause(self) -> dict[str, Any]:
        """Why it went back: kind, reason, by."""
        return cast("dict[str, Any]", self.back.body.get("cause") or {}) if self.back is not None else {}

    @property
    def detection_seconds(self) -> float | None:
        """From the first user who met it until it was decided to go back."""
        if self.back is None or self.exposed_at is None:
            return None
        return max(0.0, self.back.at - self.exposed_at)

    @property
    def recovery_seconds(self) -> float | None:
        """From that decision until nobody met it any more."""
        return self.summary.rollback_seconds

    # ---- figures
    @property
    def affected(self) -> Affected:
        """Counted from what was measured, request by request."""
        new, old = _counted(self.series, self.series.candidate), _counted(self.series, self.series.stable)
        return Affected(*new, *old)

    @property
    def deciding(self) -> EventView | None:
        """The judge's word that decided, or its last one."""
        said = [event for event in self.events if event.kind == "verdict_changed"]
        failed = [event for event in said if event.body.get("verdict") == "fail"]
        return failed[-1] if failed else said[-1] if said else None

    @property
    def people(self) -> tuple[EventView, ...]:
        """What people did."""
        return tuple(event for event in self.events if event.actor != BY_ITSELF)

    @property
    def timeline(self) -> tuple[EventView, ...]:
        """Everything worth a line."""
        return tuple(event for event in self.events if event.kind not in QUIET)

    @property
    def checklist(self) -> tuple[dict[str, Any], ...]:
        """The checklist as it stood when the rollout was asked for; empty where it was not written down."""
        for event in self.events:
            if event.kind == "noted" and event.body.get("topic") == "checklist":
                detail = cast("dict[str, Any]", event.body.get("detail") or {})
                return tuple(cast("list[dict[str, Any]]", detail.get("items") or []))
        return ()

    @property
    def outcome(self) -> str:
        """`rolled back`."""
        return outcome_words(self.summary.kind, self.summary.outcome, self.summary.cause_kind)

    def story(self) -> tuple[str, str]:
        """What happened, in two sentences."""
        return _begin(self), _end(self)


def _begin(case: Case) -> str:
    summary = case.summary
    over = f" over {summary.stable}" if summary.stable else ""
    met = (
        f"at most {summary.max_exposure_percent:g}% of the traffic met it"
        if summary.max_exposure_percent
        else "no user met it"
    )
    return (
        f"On {moment(summary.created_at)} {summary.created_by} released {case.service} {summary.candidate}{over} by "
        f"{summary.strategy} ({summary.kind}); {met}."
    )


def _end(case: Case) -> str:
    summary, cause = case.summary, case.cause
    if case.back is None:
        took = f" after {duration(summary.seconds)}" if summary.seconds is not None else ""
        why = f": {summary.reason}" if summary.reason else ""
        return f"It was {case.outcome}{took}{why}."
    kind = str(cause.get("kind", ""))
    who = WHO_DECIDED.get(kind, str(cause.get("by") or "somebody"))
    after = (
        f" {duration(case.detection_seconds)} after the first user met it" if case.detection_seconds is not None else ""
    )
    recovered = case.recovery_seconds
    back = f"; {duration(recovered)} later nobody met it any more" if recovered is not None and after else ""
    serving = f", and {summary.stable} serves" if summary.stable and summary.outcome != "failed" else ""
    return f"It was {case.outcome} by {who}{after} ({cause.get('reason', '')}){back}{serving}."


def _counted(series: MeasurementSeries, side: SideSeries) -> tuple[int, int]:
    """(requests, errors) between the first and the last point."""
    requests = errors = 0.0
    for number, (before, now) in enumerate(pairwise(series.at), 1):
        rate = side.requests_per_second[number] if number < len(side.requests_per_second) else None
        if rate is None:
            continue
        new = rate * (now - before)
        share = side.error_percent[number] if number < len(side.error_percent) else None
        requests += new
        errors += new * (share or 0.0) / 100.0
    return round(requests), round(errors)


def exposure_points(case: Case) -> list[tuple[float, float]]:
    """(epoch second, percent) of what was served, as steps were reached."""
    points: list[tuple[float, float]] = [(case.summary.created_at, 0.0)]
    asked = 0.0
    for event in case.events:
        if event.kind == "step_entered":
            asked = float(event.body.get("exposure_percent") or 0.0)
        elif event.kind == "back_ordered":
            asked = 0.0
        elif event.kind == "step_reached" and asked != points[-1][1]:
            points += [(event.at, points[-1][1]), (event.at, asked)]
    end = case.summary.ended_at or (case.events[-1].at if case.events else points[-1][0])
    return [*points, (max(end, points[-1][0]), points[-1][1])]


def figures(case: Case) -> Iterator[tuple[str, str, str]]:
    """(name, figure, what it means)."""
    found = case.affected
    yield (
        "Most exposure",
        f"{case.summary.max_exposure_percent:g}%",
        "of the traffic, as it was recorded before it was allowed",
    )
    if case.series.measured:
        yield (
            "Requests it answered",
            f"{count(found.new_requests)} ({percent(found.share_percent)})",
            "of all requests while both sides were measured",
        )
        yield (
            "Failed on it",
            count(found.new_errors),
            f"{count(found.extra)} more than the version before would have failed",
        )
    if case.detection_seconds is not None:
        yield "Detected after", duration(case.detection_seconds), "from the first user who met it to the decision"
    if case.back is not None and case.recovery_seconds is not None:
        yield "Recovered after", duration(case.recovery_seconds), "from the decision until nobody met it any more"
    if case.summary.seconds is not None:
        yield "Took", duration(case.summary.seconds), "from the beginning of the attempt to its end"


def moment(at: float) -> str:
    """`2026-11-26 18:02:11 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def clock_utc(at: float) -> str:
    """`18:02:11`."""
    return time.strftime("%H:%M:%S", time.gmtime(at))


QUESTIONS = (
    "What was changed in this version, and which change was the cause?",
    "Why was it not found before users met it: by a test, by a check, at a smaller share?",
    "Was it detected as early as it could have been? Which rule, step or hold would have been earlier?",
    "Who was affected beyond the failed requests, and have they been told?",
    "What is to be done so that it does not happen again, by whom and until when?",
)
