"""What a release runs, by digest."""

from __future__ import annotations

import hashlib

import msgspec

from ferryman.model.release import FlagExposure, Release
from ferryman.model.revision import Health, Revision, Run

ID_CHARACTERS = 12


def make_revision(release: Release, artifact: str | None, number: int) -> Revision:
    """The revision of `release` with its copied files `artifact` (their digest; None when nothing is copied).

    The digest is SHA-256 over the canonical JSON of everything that an instance is made of, of the flag
    that is rolled out, and of the label if the file gives one. Replicas, strategy and gates are no content. `number` only names a revision without a label.
    """
    run = Run(
        command=release.command,
        directory=release.directory,
        env=release.env,
        secrets=release.secrets,
        artifact=artifact,
        stop_seconds=release.stop_seconds,
    )
    health = Health(
        http_path=release.health_http_path,
        tcp=release.health_tcp,
        interval_seconds=release.health_interval_seconds,
        timeout_seconds=release.health_timeout_seconds,
        min_ready_seconds=release.min_ready_seconds,
    )
    traffic = release.routing.port is not None
    # "deterministic" sorts the keys of maps: two files that differ in the order of their variables are one content.
    content: dict[str, object] = {"run": run, "health": health, "traffic": traffic, "label": release.label}
    if isinstance(release.strategy, FlagExposure):
        content["flag"] = (release.strategy.environment, release.strategy.key)
    digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
    label = release.label if release.label is not None else f"r{number}"
    return Revision(digest[:ID_CHARACTERS], label, digest, run, health, traffic)
