"""Staying with a rollout until it ends: as a moving picture on a terminal, as one line per change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ferryman.cli.client import Client
from ferryman.cli.context import Context
from ferryman.cli.views.outcome import ended, summary_of
from ferryman.cli.views.text import clock
from ferryman.model.errors import ControllerError
from ferryman.model.view import EventView, RolloutSummary, ServiceView

POLL_SECONDS = 0.3
LONG_POLL_SECONDS = 2.0
LOST_SECONDS_MAX = 20.0
"""How long a controller may be away (somebody restarts it) before waiting for it is given up."""

T = TypeVar("T")
Show = Callable[[ServiceView], None]


@dataclass(frozen=True)
class Followed:
    """The last picture, how the rollout ended (None: not within the time) and why it went back, if it did."""

    view: ServiceView
    summary: RolloutSummary | None
    cause_kind: str | None = None


def follow(
    client: Client, context: Context, service: str, rollout: str, *, after: int, seconds: float | None
) -> Followed:
    """Wait for the end of `rollout`, telling what happens after position `after`. `seconds` None: as long as it takes."""
    deadline = time.monotonic() + seconds if seconds is not None else None
    if context.out.live:
        from ferryman.cli.live import picture

        with picture(context.out) as show:
            view = _poll(client, service, rollout, deadline, show)
    else:
        view = _tell(client, context, service, rollout, after, deadline)
    if not ended(view, rollout):
        return Followed(view, None)
    return _ending(client, view, rollout)


def _ending(client: Client, view: ServiceView, rollout: str) -> Followed:
    current = view.rollout
    if current is not None and current.id == rollout:
        return Followed(view, summary_of(current), current.cause_kind)
    found = next((s for s in client.history(view.service, 100) if s.id == rollout), None)
    return Followed(view, found)


def _poll(client: Client, service: str, rollout: str, deadline: float | None, show: Show) -> ServiceView:
    """Look again and again."""
    while True:
        view = patient(partial(client.view, service))
        show(view)
        if ended(view, rollout) or (deadline is not None and time.monotonic() >= deadline):
            return view
        time.sleep(POLL_SECONDS)


def _tell(
    client: Client, context: Context, service: str, rollout: str, after: int, deadline: float | None
) -> ServiceView:
    """Print every event once, as it comes; at the end also those that came with it."""
    position, over, said = after, False, ""
    view: ServiceView | None = None
    while True:
        left = LONG_POLL_SECONDS if deadline is None else min(LONG_POLL_SECONDS, deadline - time.monotonic())
        wait_seconds = 0.0 if over else max(0.0, left)
        page = patient(partial(client.events, service, after=position, wait_seconds=wait_seconds))
        for event in page.events:
            if event.rollout in {rollout, ""} and event.text != said and worth_a_line(event):
                said = event.text
                if not context.out.quiet:
                    context.out.say(event_line(event))
        position = page.position
        if over and view is not None:
            return view
        if page.events and left > 0:
            continue
        view = patient(partial(client.view, service))
        over = ended(view, rollout) or left <= 0


def worth_a_line(event: EventView) -> bool:
    """Whether somebody who waits wants to know. That a step is served, or that the judge goes on, is no news."""
    return event.kind != "step_reached" and not (
        event.kind == "verdict_changed" and event.body.get("verdict") == "continue"
    )


def event_line(event: EventView, *, named: bool = False) -> str:
    """`18:02:11 ana: promoted past step 2`; the controller's own doings carry no name."""
    who = "" if event.actor == "ferryman" else f"{event.actor}: "
    return f"{clock(event.at)} {event.service + ' ' if named else ''}{who}{event.text}"


def patient(ask: Callable[[], T]) -> T:
    """The answer of `ask`, also of a controller that is away for a moment."""
    deadline = time.monotonic() + LOST_SECONDS_MAX
    while True:
        try:
            return ask()
        except ControllerError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
