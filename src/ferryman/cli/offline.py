"""What a deploy would do, worked out without a controller: from the log that a stopped one left, or from nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from msgspec.structs import replace

from ferryman.api.place import state_folder
from ferryman.api.wire import PlanView
from ferryman.cli.services import DATABASE_FILE
from ferryman.core.deploying import preview
from ferryman.core.evolve import evolve
from ferryman.model.errors import StoreError
from ferryman.model.release import Release
from ferryman.model.rollout import Service
from ferryman.spec.parse import parse_release
from ferryman.spec.revision import make_revision
from ferryman.store.sqlite import SqliteStore
from ferryman.targets.artifacts import snapshot_files


def plan_offline(project: Path, document: str, file: str) -> PlanView:
    """The same as the controller's answer. Raises `SpecError`, `Refused`, `UsageError`."""
    release = parse_release(document, file)
    release = replace(release, directory=str((project / release.directory).resolve()))
    service = _service(project, release.service)
    revision = make_revision(release, _artifact(project, release), service.rollouts + 1)
    revision = service.revisions.get(revision.id, revision)
    current = service.current
    running = current.id if current is not None and not current.phase.terminal and not service.down else ""
    return PlanView(service, preview(service, release, revision), revision, running)


def _artifact(project: Path, release: Release) -> str | None:
    """The digest of the copied files; the copy itself is thrown away."""
    if not release.files:
        return None
    with tempfile.TemporaryDirectory(prefix="ferry-plan-") as folder:
        return snapshot_files(project, release.files, Path(folder))


def _service(project: Path, name: str) -> Service:
    """The service as the log has it; a fresh one where there is no log, or none that can be read."""
    database = state_folder(project) / DATABASE_FILE
    if not database.exists():
        return Service(name=name)
    try:
        return asyncio.run(_load(database, name))
    except StoreError:
        return Service(name=name)


async def _load(database: Path, name: str) -> Service:
    store = SqliteStore(database, fold=evolve)
    await store.open()
    try:
        return (await store.load(name)).service
    finally:
        await store.close()
