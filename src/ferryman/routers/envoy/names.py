"""Names on Envoy's side: resources, the files they lie in, the statistics that acknowledge them, and versions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

import msgspec

from ferryman.model.errors import Rejected
from ferryman.model.generation import Generation
from ferryman.model.world import RouteTable

Json = dict[str, Any]

TYPE = "type.googleapis.com/"
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
DIGEST_CHARACTERS = 8
PREVIEW = "~preview"


class Kind(StrEnum):
    """The four discovery services in use, named as Envoy names them."""

    EDS = "eds"
    CDS = "cds"
    RDS = "rds"
    LDS = "lds"


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """One discovery file. EDS: `name` is a cluster. RDS: a route configuration. CDS and LDS: one file for all services."""

    kind: Kind
    name: str

    @property
    def folder(self) -> PurePosixPath:
        """The folder, relative to the tree, in which the file lies alone: Envoy re-reads a whole folder on a rename."""
        return PurePosixPath(self.kind.value, self.name)

    @property
    def path(self) -> PurePosixPath:
        """The file, relative to the tree."""
        return self.folder / f"{self.kind.value}.json"

    @property
    def statistics(self) -> str:
        """What stands before ``.version_text`` in Envoy's statistics."""
        match self.kind:
            case Kind.EDS:
                return f"cluster.{self.name}"
            case Kind.RDS:
                return f"http.{self.name}.rds.{self.name}"
            case Kind.CDS:
                return "cluster_manager.cds"
            case Kind.LDS:
                return "listener_manager.lds"


CLUSTERS = Resource(Kind.CDS, "all")
LISTENERS = Resource(Kind.LDS, "all")


def cluster_name(service: str, revision: str) -> str:
    """``service--revision``; holds no dot, because Envoy's statistics use them as separators."""
    return f"{service}--{revision}"


def revision_of(cluster: str) -> str:
    """The revision in a cluster name."""
    return cluster.rpartition("--")[2]


def owner_of(name: str) -> str:
    """The service to which a cluster or listener belongs."""
    return name.split("@", maxsplit=1)[0].removesuffix(PREVIEW) if "@" in name else name.rpartition("--")[0]


def endpoints_of(cluster: str) -> Resource:
    """The endpoint file of a cluster."""
    return Resource(Kind.EDS, cluster)


def routes_name(service: str, *, preview: bool = False) -> str:
    """Name of a route configuration; also the statistics prefix of the listener that uses it."""
    return service + PREVIEW if preview else service


def routes_of(service: str, *, preview: bool = False) -> Resource:
    """The route file of a service's listener."""
    return Resource(Kind.RDS, routes_name(service, preview=preview))


def listener_name(service: str, port: int, *, preview: bool = False) -> str:
    """``service@port``: a changed port is another listener, so that the old one drains."""
    return f"{routes_name(service, preview=preview)}@{port}"


def digest(resources: Sequence[Json]) -> str:
    """A short hash of content, independent of the order of keys."""
    text = msgspec.json.encode(list(resources), order="sorted")
    return hashlib.sha256(text).hexdigest()[:DIGEST_CHARACTERS]


def version_text(generation: Generation, resources: Sequence[Json]) -> str:
    """``fence.rev-digest``: endpoints may change under one generation, so the generation alone names no content."""
    return f"{generation}-{digest(resources)}"


def check_names(table: RouteTable) -> None:
    """Raises `Rejected` for a name that Envoy's statistics or our files could not carry unchanged."""
    revisions = {*table.weights, *table.endpoints, *(match.revision for match in table.matches)}
    if table.preview is not None:
        revisions.add(table.preview)
    for what, name in [("service", table.service), *(("revision", name) for name in sorted(revisions))]:
        if not SAFE_NAME.fullmatch(name) or (what == "revision" and "--" in name):
            raise Rejected(
                "name_unsafe",
                f"{what} name {name!r} cannot be routed",
                "use letters, digits, - and _, at most 63 characters, and no -- in a revision",
            )
