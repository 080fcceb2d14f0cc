"""What runs: the immutable content of one version of a service."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True):
    """How an instance shows that it can take traffic: HTTP 2xx on `http_path`, else a TCP connect to its port;
    without a port (`tcp` False and no path) a live process counts."""

    http_path: str | None = None
    tcp: bool = False
    interval_seconds: float = 0.5
    timeout_seconds: float = 1.0
    min_ready_seconds: float = 5.0


class Run(msgspec.Struct, frozen=True):
    """A command to run as instances. `secrets` are names of variables taken from the controller's environment when
    an instance starts; their values are never stored. `artifact` is the digest of a copied file set, or None when
    the command runs in `directory` itself."""

    command: tuple[str, ...]
    directory: str
    env: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    artifact: str | None = None
    stop_seconds: float = 10.0


class Revision(msgspec.Struct, frozen=True):
    """Immutable content; `id` is the short form of the digest over all of it. `label` is the name people use."""

    id: str
    label: str
    digest: str
    run: Run
    health: Health
    traffic: bool = True
