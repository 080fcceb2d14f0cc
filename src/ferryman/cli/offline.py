"""What a deploy would do, worked out without a controller: from the log that a stopped one left, or from nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from msgspec.structs import replace

from ferryman.api.wire import PlanView
from ferryman.cli.checklisting import known_service
from ferryman.core.deploying import preview
from ferryman.model.release import Release
from ferryman.spec.parse import parse_release
from ferryman.spec.revision import make_revision
from ferryman.targets.artifacts import snapshot_files


def plan_offline(project: Path, document: str, file: str) -> PlanView:
    """The same as the controller's answer. Raises `SpecError`, `Refused`, `UsageError`."""
    release = parse_release(document, file)
    release = replace(release, directory=str((project / release.directory).resolve()))
    service = known_service(project, release.service)
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
