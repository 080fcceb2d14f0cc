"""What goes over the wire about access: tokens and sessions. Shared by the server and its clients. Times are epoch seconds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ferryman.api.access.principal import EVERY_SERVICE
from ferryman.api.wire import Reason
from ferryman.flags.definition import ENVIRONMENT_PATTERN
from ferryman.model.role import Role

EXPIRES_SECONDS_MAX = 10 * 366 * 86_400.0
NAME_CHARACTERS_MAX = 100
NAME_PATTERN = r"^[\w.@+-]+$"
SERVICE_PATTERN = r"^(\*|[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?)$"


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new token for `name`, who becomes the actor of what it does. `expires_seconds` from now; None: never. It has a
    `role`; or it is one of a program that asks for the flags of one `environment`: ``server``, which is kept secret, or
    ``client``, which anybody may read."""

    name: Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX, pattern=NAME_PATTERN)]
    role: Role | None = None
    service: Annotated[str, Meta(pattern=SERVICE_PATTERN)] = EVERY_SERVICE
    expires_seconds: Annotated[float, Meta(gt=0, le=EXPIRES_SECONDS_MAX)] | None = None
    program: Literal["", "server", "client"] = ""
    environment: Annotated[str, Meta(pattern=f"^({ENVIRONMENT_PATTERN})?$")] = ""


class RevokeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a token is taken out of use, or a session ended."""

    reason: Reason = ""


class TokenView(msgspec.Struct, frozen=True):
    """A token without its text. `roles` are empty for a `program`. `state` is live, expired or revoked; `used_at` is exact to a day after a restart."""

    id: str
    name: str
    roles: dict[str, Role]
    state: str
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None
    program: str = ""
    environment: str = ""


class TokenMade(msgspec.Struct, frozen=True):
    """A new token. `token` is its text, told this once."""

    token: str
    view: TokenView


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sign-in with a token, or with the code of a link."""

    token: Annotated[str, Meta(max_length=200)]


class SignInView(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `via` is token or oidc; `seen_at` is the last request, or the start of the controller."""

    id: str
    name: str
    roles: dict[str, Role]
    via: str
    address: str
    started_at: float
    seen_at: float
    expires_at: float


class LinkView(msgspec.Struct, frozen=True):
    """A code that signs a browser in once, until `expires_at`: it stands behind the # of /sign-in, or in the place of a
    token."""

    code: str
    expires_at: float


class SessionView(msgspec.Struct, frozen=True):
    """Who asks. `via` is socket, token, session, loopback (not known, but reading is open to this machine) or none; `csrf`
    goes into the header X-CSRF-Token of writes in a session; `oidc`: sign-in by OIDC is possible, at /v1/oidc/start."""

    name: str
    roles: dict[str, Role]
    via: str
    csrf: str
    expires_at: float | None
    oidc: bool
