"""The discovery files on disk: `xds/` is what Envoy watches, `acked/` what it last acknowledged.

Envoy starts only from `acked/`: at a start there is no older configuration to fall back on. A file is replaced by
writing a temporary one in the same folder, flushing it to disk and renaming it; `acked/` gets a hard link to the same
content, so both stay whole whatever happens in between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ferryman.model.errors import AdapterError, Rejected
from ferryman.model.generation import Generation
from ferryman.routers.envoy import clusters, names
from ferryman.routers.envoy.names import Json, Kind, Resource
from ferryman.routers.envoy.planning import Holding

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
NOTHING = Generation(0, 0)
FORGET_SECONDS = 60.0


class Document(msgspec.Struct, frozen=True, rename={"version": "version_info"}):
    """A discovery file: its version text and its resources."""

    version: str
    resources: list[Json]


class Files:
    """Both trees under one folder. Methods block for a few disk operations (about a millisecond)."""

    def __init__(self, folder: Path) -> None:
        self.live = folder / "xds"
        self.acked = folder / "acked"
        self._paths: dict[tuple[Resource, bool], str] = {}
        self._cache: dict[str, tuple[tuple[int, int], Document]] = {}

    def read(self, resource: Resource, *, acked: bool = False) -> Document | None:
        """A file's content; None when there is none, or none that can be read. Parsed again only after a change."""
        path = self._path(resource, acked=acked)
        try:
            state = os.stat(path)  # noqa: PTH116 - on the way of every change, where a Path costs more than the call
            mark = (state.st_ino, state.st_mtime_ns)
            if (known := self._cache.get(path)) and known[0] == mark:
                return known[1]
            document = msgspec.json.decode(Path(path).read_bytes(), type=Document)
        except (FileNotFoundError, msgspec.MsgspecError):
            self._cache.pop(path, None)
            return None
        self._cache[path] = mark, document
        return document

    def write(self, resource: Resource, version: str, resources: Sequence[Json]) -> None:
        """Replace a live file; Envoy reads it at once. Raises `Rejected` (code ``disk_full``) or `AdapterError`; then
        the old file still stands."""
        body = msgspec.json.format(msgspec.json.encode(Document(version, list(resources)), order="sorted"), indent=1)
        replace(self.live / resource.path, body)

    def commit(self, resource: Resource) -> None:
        """The live file was acknowledged."""
        source, kept = self._path(resource, acked=False), self._path(resource, acked=True)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(kept).st_ino == os.stat(source).st_ino:  # noqa: PTH116 - as above
                return
        target = Path(kept)
        with _disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            spare = target.with_suffix(".new")
            spare.unlink(missing_ok=True)
            os.link(source, spare)
            spare.rename(target)

    def restore(self, resource: Resource) -> None:
        """The live file was refused: put the acknowledged one back, or nothing if there never was one."""
        known = self.acked / resource.path
        if known.exists():
            replace(self.live / resource.path, known.read_bytes())
        else:
            shutil.rmtree(self.live / resource.folder, ignore_errors=True)

    def remove(self, resource: Resource) -> None:
        """Forget a file that nothing refers to. Its live folder stays until `sweep`: a draining listener still watches
        it, and a listener added anew in the meantime would share that watch. Idempotent."""
        shutil.rmtree(self.acked / resource.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.utime(self.live / resource.path)

    def sweep(self, now: float) -> None:
        """Delete live folders that were forgotten a while before `now` (epoch seconds)."""
        for found in self.live.glob("*/*/*.json"):
            with contextlib.suppress(OSError):
                known = (self.acked / found.relative_to(self.live)).exists()
                if not known and now - found.stat().st_mtime > FORGET_SECONDS:
                    shutil.rmtree(found.parent, ignore_errors=True)

    def reset(self) -> None:
        """Make the live tree equal to the acknowledged one, both with the two shared files in place."""
        with _disk_errors(self.live):
            shutil.rmtree(self.live, ignore_errors=True)
            self.live.mkdir(parents=True, mode=0o700)
            for found in sorted(self.acked.rglob("*.json")):
                target = self.live / found.relative_to(self.acked)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(found, target)
        for resource in (names.CLUSTERS, names.LISTENERS):
            if self.read(resource) is None:
                self.write(resource, names.version_text(NOTHING, []), [])
                self.commit(resource)

    def holding(self, service: str) -> Holding:
        """What the live tree holds of a service."""
        own = {entry["name"]: entry for entry in self._entries(names.CLUSTERS, service)}
        spots = {name: self._addresses(names.endpoints_of(name)) for name in own}
        routes = [names.routes_of(service), names.routes_of(service, preview=True)]
        present = frozenset(resource for resource in routes if (self.acked / resource.path).exists())
        return Holding(own, tuple(self._entries(names.LISTENERS, service)), spots, present)

    def subscribed(self, resource: Resource) -> bool:
        """Whether Envoy reads this file: the shared ones always, others when a cluster or listener names them."""
        if resource.kind in (Kind.CDS, Kind.LDS):
            return True
        index = names.CLUSTERS if resource.kind is Kind.EDS else names.LISTENERS
        document = self.read(index)
        found = [entry["name"].split("@")[0] for entry in document.resources] if document else []
        return resource.name in found

    def _path(self, resource: Resource, *, acked: bool) -> str:
        key = resource, acked
        if key not in self._paths:
            self._paths[key] = str((self.acked if acked else self.live) / resource.path)
        return self._paths[key]

    def _entries(self, resource: Resource, service: str) -> list[Json]:
        document = self.read(resource)
        return [entry for entry in document.resources if names.owner_of(entry["name"]) == service] if document else []

    def _addresses(self, resource: Resource) -> frozenset[clusters.Address]:
        document = self.read(resource)
        return clusters.addresses_in(document.resources[0]) if document and document.resources else frozenset()


def replace(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write `content` beside `path`, flush it to disk (unless not `durable`: then it outlives our end, but not a power
    cut) and rename it over `path`. Raises as `Files.write` does."""
    spare = path.with_name(path.name + ".new")
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with spare.open("wb") as file:
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            spare.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                spare.unlink(missing_ok=True)
            raise


class _disk_errors(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads as a verb where it is used
    """Turns an OSError on `path` into ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in FULL:
            raise Rejected(
                "disk_full", f"no space left to write {self._path}", "free some space; the old routes still serve"
            ) from error
        raise AdapterError(
            "state_unwritable", f"cannot write {self._path}: {error.strerror}", "check the folder's owner and mode"
        ) from error
