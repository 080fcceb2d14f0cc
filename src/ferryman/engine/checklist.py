"""The checklist of a service as its controller knows it: facts gathered here, worked out in `core.checklist`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ferryman.core.checklist import ON_DEPLOY, Facts, checklist, item
from ferryman.core.standing import legal_now, standing, standing_replicas
from ferryman.core.tried import untaken
from ferryman.engine.loop import ServiceLoop
from ferryman.engine.views import service_view
from ferryman.model.checklist import ChecklistItem, ChecklistView, Stand
from ferryman.model.errors import FerrymanError, Refused
from ferryman.model.release import Release
from ferryman.model.rollout import DRILL, Service


class Checklists:
    """Of all services. `loop_of` gives the loop of a service, None where there is none yet."""

    def __init__(self, loop_of: Callable[[str], ServiceLoop | None], now: Callable[[], float]) -> None:
        self._loop_of = loop_of
        self._now = now

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
            now=self._now(), release=about, service=state, aborts=await asyncio.to_thread(_tried, about, size)
        )
        if loop is None:
            return facts
        seen = loop.seen(facts.now)
        view = service_view(state, seen, loop.traffic, loop.feed.stage_from, loop.health.trouble, ())
        return Facts(
            now=facts.now,
            release=about,
            service=state,
            view=view,
            measured_at=loop.traffic.sampled_at,
            logs=dict(loop.complaints.now),
            aborts=facts.aborts,
        )

    async def ask(self, service: str, name: str) -> tuple[bool, str]:
        """(whether what requires the item is satisfied, what it says): a check of a release asks this."""
        found = item(name, await self.facts(service))
        return found.stand.satisfied, _said(found)

    async def admit(self, release: Release) -> None:
        """Raises `Refused` (``checklist``) naming the first item that the release requires before it begins and that
        is not as it should be."""
        wanted = [name for name in release.checklist if name in ON_DEPLOY]
        loop = self._loop_of(release.service)
        serving = loop.service.releases.get(standing(loop.service) or "") if loop is not None else None
        if not wanted or serving == release:
            return
        facts = await self.facts(release.service, release)
        for name in wanted:
            found = item(name, facts)
            if not found.stand.satisfied:
                hint = found.todo or "see `ferry check`"
                raise Refused("checklist", f"the release requires {_said(found)}", legal_now(facts.service), hint)


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
