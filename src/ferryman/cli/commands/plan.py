"""`ferry plan`: every step that a deploy would take, as the difference to what is there."""

from __future__ import annotations

import os

from ferryman.api.wire import PlanView
from ferryman.cli.client import find
from ferryman.cli.context import OK, Context
from ferryman.cli.views.steps import plan_text
from ferryman.core.decide import wanted
from ferryman.model.plan import Phase
from ferryman.model.world import World

COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
PLAIN = "\x1b[0m"


def run(context: Context) -> int:
    """Shows; changes nothing. Works without a controller too."""
    document, name = context.read_release_file()
    client = find(context.project)
    if client is not None:
        found = client.plan(document, name)
    else:
        from ferryman.cli.offline import plan_offline

        found = plan_offline(context.project, document, name)
    text = text_of(found)
    if context.out.live and "NO_COLOR" not in os.environ:
        text = "\n".join(_coloured(line) for line in text.splitlines())
    context.out.say(text)
    context.out.emit(found)
    return OK


def text_of(found: PlanView) -> str:
    """The plan, with what it does to a rollout that runs, and where nothing would happen."""
    service, revision = found.service, found.revision

    def label(known: str | None) -> str:
        return revision.label if known == revision.id else service.label(known)

    before = wanted(service)
    if service.stable == revision.id and not found.current and _alike(found.plan.steady, before):
        return f"{service.name}: {label(revision.id)} serves already, with these settings: a deploy changes nothing"
    return "\n".join([*_remarks(found, label(revision.id)), plan_text(service.name, found.plan, before, label)])


def _alike(one: World, other: World) -> bool:
    """Whether the same runs and the same is routed; limits on the way do not matter."""
    return (one.instances, one.weights, one.listener) == (other.instances, other.weights, other.listener)


def _remarks(found: PlanView, name: str) -> list[str]:
    """What else a deploy would mean now."""
    service, current = found.service, found.service.current
    same = current is not None and current.candidate == found.revision.id
    if found.current and same:
        return [f"{name} is being released now ({found.current}); a deploy changes it in place"]
    if found.current:
        return [f"{found.current} runs now: it is taken back first, then this begins"]
    if current is not None and same and current.phase is Phase.ROLLED_BACK and not service.down:
        return [
            f"{name} was taken back: {current.reason}",
            "a deploy is refused; `ferry retry` takes these steps again",
        ]
    if service.stable == found.revision.id and not service.down:
        return [f"{name} serves already; only settings change"]
    return []


def _coloured(line: str) -> str:
    colour = COLOURS.get(line.strip()[:1]) if line.startswith("     ") else None
    return f"{colour}{line}{PLAIN}" if colour else line
