"""The checklist of a service as its controller knows it: facts gathered here, worked out in `core.checklist`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from ferryman.core.abort_trial import untaken
from ferryman.core.answers import Answer
from ferryman.core.checklist import ON_DEPLOY, Facts, checklist, item
from ferryman.core.standing import legal_now, standing, standing_replicas
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.views import service_view
from ferryman.model.checklist import ChecklistItem, ChecklistView, Stand
from ferryman.model.errors import FerrymanError, Refused
from ferryman.model.event import Draft, Noted, RolloutCreated
from ferryman.model.release import Release
from ferryman.model.rollout import DRILL, Service

NOTE = "checklist"
"""Topic of the fact that holds how the checklist stood when a rollout was asked for."""


class Checklists:
    """Of all services. `loop_of` gives the loop of a service, None where there is none yet; `stale_flags` what
    `FlagService.stale` does."""

    def __init__(
        self,
        loop_of: Callable[[str], ServiceLoop | None],
        now: Callable[[], float],
        stale_flags: Callable[[], tuple[str, ...] | None],
    ) -> None:
        self._loop_of = loop_of
        self._now = now
        self._stale_flags = stale_flags

    async def of(self, service: str, release: Release | None = None) -> ChecklistView:
        """All items; about `release` if given, else about what is, or was last, released. Raises `FerrymanError`
        (``nothing_released``) where that is nothing."""
        return checklist(await self.facts(service, release))

    async def facts(self, service: str, release: Release | None = None) -> Facts:
        """What is known now. An abort is tried at every step of the release in a model."""
        loop = self._loop_of(service)
        state = loop.service if loop is not None else Service(name=service)
        about = release or _about(state)
        size = standing_replicas(state) or about.replicas
        facts = Facts(
            now=self._now(),
            release=about,
            service=state,
            aborts=await asyncio.to_thread(_tried, about, size),
            stale_flags=self._stale_flags(),
        )
        if loop is None:
            return facts
        seen = loop.seen(facts.now)
        view = service_view(state, seen, loop.traffic, loop.feed.stage_from, loop.health.trouble, ())
        return replace(facts, view=view, measured_at=loop.traffic.sampled_at, logs=dict(loop.complaints.now))

    async def ask(self, service: str, name: str) -> tuple[bool, str]:
        """(whether what requires the item is satisfied, what it says): a check of a release asks this."""
        found = item(name, await self.facts(service))
        return found.stand.satisfied, _said(found)

    async def admit(self, release: Release, *, emergency: bool = False) -> ChecklistView:
        """How the checklist stands before a release begins. Raises `Refused` (``checklist``) naming the first item that the release requires before it begins and that
        is not as it should be; in an emergency nothing is required."""
        facts = await self.facts(release.service, release)
        listed = checklist(facts)
        serving = facts.service.releases.get(standing(facts.service) or "")
        for found in listed.items if serving != release and not emergency else ():
            if found.id in release.checklist and found.id in ON_DEPLOY and not found.stand.satisfied:
                hint = found.todo or "see `ferry check`"
                raise Refused("checklist", f"the release requires {_said(found)}", legal_now(facts.service), hint)
        return listed


def with_checklist(answer: Answer, listed: ChecklistView) -> Answer:
    """The answer to a deploy, with how the checklist stood written down beside what it begins."""
    begun = next((draft for draft in answer.drafts if isinstance(draft.body, RolloutCreated)), None)
    if begun is None:
        return answer
    open_items = [found.id for found in listed.items if not found.stand.satisfied]
    text = f"checklist: {', '.join(open_items)} open" if open_items else "checklist: all is well"
    detail = {"items": msgspec.to_builtins(listed.items)}
    return msgspec.structs.replace(answer, drafts=(*answer.drafts, Draft(begun.rollout, Noted(NOTE, text, detail))))


def _tried(release: Release, stable_replicas: int) -> tuple[int, tuple[str, ...]] | None:
    try:
        return untaken(release, stable_replicas)
    except Refused as refusal:
        return 0, (refusal.message,)


def _about(service: Service) -> Release:
    current = service.current
    if current is not None and current.kind != DRILL and current.running:
        return current.release
    found = service.releases.get(standing(service) or service.stable or "")
    if found is None and current is not None:
        found = current.release
    if found is None:
        raise FerrymanError("nothing_released", f"{service.name} has no release yet", "`ferry deploy` makes one")
    return found


def _said(found: ChecklistItem) -> str:
    word = "" if found.stand is Stand.PASS else f" ({found.stand.value.replace('_', ' ')})"
    return f"{found.id}{word}: {found.saw}"
