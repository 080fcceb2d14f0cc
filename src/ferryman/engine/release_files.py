"""From the text of a release file to what the core works with."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from ferryman.core.lint import plan_findings
from ferryman.model.errors import SpecError, StoreError
from ferryman.model.release import Release
from ferryman.model.revision import Revision
from ferryman.model.rollout import Service
from ferryman.spec.parse import parse_release, placed
from ferryman.spec.revision import make_revision
from ferryman.targets.artifacts import snapshot_files


def read_release(project: Path, document: str, file: str) -> Release:
    """The release of `document`, its folder below that of the project. Raises `SpecError`, also for what no plan can do."""
    release = parse_release(document, file)
    if found := plan_findings(release):
        raise SpecError(placed(found, document, file))
    return replace(release, directory=str((project / release.directory).resolve()))


async def copied_files(project: Path, release: Release, state: Path) -> str | None:
    """The digest of the files that were copied below `state`; None where the release names none. Raises `StoreError`
    (``artifact_failed``)."""
    if not release.files:
        return None
    try:
        return await asyncio.to_thread(snapshot_files, project, release.files, state)
    except OSError as problem:
        raise StoreError("artifact_failed", f"cannot copy the files of the release: {problem}") from problem


def revision_of(service: Service, release: Release, artifact: str | None) -> Revision:
    """The content of the release, as the service knows it already or new."""
    made = make_revision(release, artifact, service.rollouts + 1)
    return service.revisions.get(made.id, made)
