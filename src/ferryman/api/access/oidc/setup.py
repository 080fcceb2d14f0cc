"""The sign-in by OIDC that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable

from ferryman.api.access.credentials import RandomBytes
from ferryman.api.access.oidc.flow import Flow
from ferryman.api.access.oidc.provider import Provider
from ferryman.engine.settings import read_secret
from ferryman.model.settings import Settings


def flow_of(settings: Settings, now: Callable[[], float], random_bytes: RandomBytes) -> Flow | None:
    """None without an `oidc` section. Raises `ControllerError` (``secret_missing``)."""
    oidc = settings.oidc
    if oidc is None:
        return None
    given = oidc.client_secret
    secret = "" if given is None else read_secret(given, settings, "oidc.clientSecret")
    return Flow(Provider(oidc, secret, now), settings.public_url, random_bytes, now)
