"""The checklist for a command: asked of the controller, or worked out here from a release file and the log."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from ferryman.api.place import state_folder
from ferryman.cli.client import Client, find
from ferryman.cli.remote import chosen
from ferryman.cli.services import DATABASE_FILE
from ferryman.core.abort_trial import untaken
from ferryman.core.checklist import Facts, checklist
from ferryman.core.evolve import evolve
from ferryman.core.standing import standing_replicas
from ferryman.model.checklist import ChecklistView
from ferryman.model.errors import FerrymanError, Refused, StoreError
from ferryman.model.release import Release
from ferryman.model.rollout import Service
from ferryman.store.sqlite import SqliteStore

WIDTH_MAX = 110


def of_release(project: Path, document: str, file: str, release: Release) -> ChecklistView:
    """How the checklist stands for this release file, over what runs now or what the log knows."""
    client = running(project)
    if client is None:
        return _alone(project, release)
    try:
        state = client.plan(document, file).service
        view = client.view(release.service) if state.seq else None
    except FerrymanError:
        if client.remote is not None:
            raise
        return _alone(project, release)
    at = view.at if view is not None else time.time()
    facts = Facts(now=at, release=release, service=state, view=view, measured_at=at, aborts=_tried(release, state))
    return checklist(facts)


def running(project: Path) -> Client | None:
    """The controller, if one answers. One that was asked for by its URL must: raises `FerrymanError`."""
    try:
        return find(project)
    except FerrymanError:
        if chosen() is not None:
            raise
        return None


def _alone(project: Path, release: Release) -> ChecklistView:
    state = known_service(project, release.service)
    return checklist(Facts(now=time.time(), release=release, service=state, aborts=_tried(release, state)))


def _tried(release: Release, service: Service) -> tuple[int, tuple[str, ...]]:
    try:
        return untaken(release, standing_replicas(service) or release.replicas)
    except Refused as refusal:
        return 0, (refusal.message,)


def known_service(project: Path, name: str) -> Service:
    """The service as the log has it; a fresh one where there is no log, or none that can be read."""
    database = state_folder(project) / DATABASE_FILE
    if not database.exists():
        return Service(name=name)

    async def load() -> Service:
        store = SqliteStore(database, fold=evolve)
        await store.open()
        try:
            return (await store.load(name)).service
        finally:
            await store.close()

    try:
        return asyncio.run(load())
    except StoreError:
        return Service(name=name)


def screen_width() -> int:
    """How wide a line may be."""
    return min(WIDTH_MAX, shutil.get_terminal_size((WIDTH_MAX, 24)).columns)
