"""The settings of a controller: where it listens, who may come in. Read from `ferry.yaml`, apart from any release."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec

from ferryman.model.evidence_source import PrometheusServer
from ferryman.model.notify import NotifySettings
from ferryman.model.secret import Secret

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names of this very machine, as they stand in URLs."""

SESSION_SECONDS = 12 * 3600.0
SESSION_IDLE_SECONDS = 3600.0
OIDC_LEEWAY_SECONDS = 60.0


class Listen(msgspec.Struct, frozen=True):
    """An IP address and a port to listen on; port 0 takes a free one."""

    host: str
    port: int


class Tls(msgspec.Struct, frozen=True):
    """Files in PEM: the certificate with its chain, and its private key."""

    cert: str
    key: str


class Sessions(msgspec.Struct, frozen=True):
    """How long a sign-in lasts at most, and without a request in between."""

    lifetime_seconds: float = SESSION_SECONDS
    idle_seconds: float = SESSION_IDLE_SECONDS


class RoleRule(msgspec.Struct, frozen=True):
    """Who has `value` in (or as) `claim` has `role` for `service`, or for all ("*")."""

    claim: str
    value: str
    role: str
    service: str = "*"


class Oidc(msgspec.Struct, frozen=True):
    """Sign-in by an OpenID Connect provider. `name_claim` becomes the actor; without a `client_secret` the client is a
    public one, held by PKCE alone."""

    issuer: str
    client_id: str
    roles: tuple[RoleRule, ...]
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "email"
    leeway_seconds: float = OIDC_LEEWAY_SECONDS


class FlagApproval(msgspec.Struct, frozen=True):
    """So many people of `role` or above must agree to a write to the flags of an environment."""

    environment: str
    count: int = 1
    role: str = "operator"


class Flagd(msgspec.Struct, frozen=True):
    """Where clients of flagd are answered; None: not. `anonymous`: they need no token, on loopback."""

    evaluation: Listen | None = None
    sync: Listen | None = None
    anonymous: bool = False

    @property
    def listens(self) -> tuple[Listen, ...]:
        """What is listened on."""
        return tuple(listen for listen in (self.evaluation, self.sync) if listen is not None)


class Settings(msgspec.Struct, frozen=True):
    """All of it. `folder` is where the file lies: paths in it are seen from there. `public_url` is how browsers reach the
    controller, without a slash at the end; `insecure_http` lets it listen beyond loopback without TLS.
    `connections_per_address` bounds how many connections one address may have open (None: the usual bounds).
    `flag_prometheus` is asked by circuit breakers of flags."""

    folder: str = "."
    listen: Listen | None = None
    public_url: str = ""
    insecure_http: bool = False
    connections_per_address: int | None = None
    tls: Tls | None = None
    sessions: Sessions = Sessions()
    oidc: Oidc | None = None
    notify: NotifySettings = NotifySettings()
    flag_approvals: tuple[FlagApproval, ...] = ()
    flagd: Flagd = Flagd()
    flag_prometheus: PrometheusServer | None = None

    @property
    def listens(self) -> tuple[Listen, ...]:
        """Every address it listens on."""
        return ((self.listen,) if self.listen is not None else ()) + self.flagd.listens

    def place(self, path: str) -> str:
        """A path of the file as this process can open it."""
        return str(PurePosixPath(self.folder) / path)
