"""What keeps exposure from growing whatever the gates say: a freeze, or a release window that is shut.

Going back is never held, and neither is what goes back by another rollout (undo) or meets no new users.
"""

from __future__ import annotations

import msgspec

from ferryman.core.windows import is_open, next_opening, on_the_wall, why_closed
from ferryman.model.calendar import Zone
from ferryman.model.plan import Plan
from ferryman.model.release import Recreate, Release
from ferryman.model.rollout import DRILL, Freeze, Rollout, Service
from ferryman.model.world import EMPTY_WORLD, let_in, share_percent

FREEZE, WINDOW = "freeze", "window"
WALLS = frozenset({FREEZE, WINDOW})
REFUSALS = {FREEZE: "frozen", WINDOW: "window_closed"}
SLACK_PERCENT = 1e-6
UTC_ZONE = Zone()


class Wall(msgspec.Struct, frozen=True):
    """What holds it: `kind` freeze or window, why, and when it goes by itself (epoch seconds; None: not by itself)."""

    kind: str
    reason: str
    until: float | None


def wall(service: Service, rollout: Rollout, now: float) -> Wall | None:
    """What keeps this rollout from meeting more users at this moment."""
    if rollout.emergency or rollout.kind in ("undo", DRILL) or rollout.candidate == rollout.stable:
        return None
    if service.freeze is not None and not is_over(service.freeze, now):
        return Wall(FREEZE, frozen_words(service.freeze), service.freeze.until)
    return _shut(rollout.release, now)


def _shut(release: Release, now: float) -> Wall | None:
    windows, risky = release.windows, is_risky(release)
    if windows is None or is_open(windows, risky, now):
        return None
    until = next_opening(windows, risky, now)
    opens = f"opens {on_the_wall(windows.zone, until)}" if until is not None else "none opens within a year"
    return Wall(WINDOW, f"{why_closed(windows, now)}; {opens}", until)


def is_risky(release: Release) -> bool:
    """Whether it is a matter for off-hours: by its own word, or because it stops the service."""
    return release.risk == "high" or isinstance(release.strategy, Recreate)


def is_over(freeze: Freeze, now: float) -> bool:
    """Whether a freeze has ended by itself."""
    return freeze.until is not None and now >= freeze.until


def frozen_words(freeze: Freeze) -> str:
    """``frozen by ana to Thu 2026-12-24 18:00 UTC: christmas``."""
    until = f" to {on_the_wall(UTC_ZONE, freeze.until)}" if freeze.until is not None else ""
    return f"frozen by {freeze.by}{until}: {freeze.reason}"


def grows(rollout: Rollout, plan: Plan, number: int) -> bool:
    """Whether more users would meet the candidate at that step of the plan than at the present one."""
    after = plan.steps[number].world
    before = rollout.current.world if rollout.entered_at is not None else EMPTY_WORLD
    now = share_percent(before, rollout.candidate) if rollout.entered_at is not None else 0.0
    shown = {(flag.environment, flag.key): flag.exposure_percent for flag in before.flags}
    wider = any(f.exposure_percent > shown.get((f.environment, f.key), 0.0) + SLACK_PERCENT for f in after.flags)
    more = share_percent(after, rollout.candidate) > now + SLACK_PERCENT
    return more or wider or not let_in(after) <= let_in(before)
