"""What the journal `access` adds up to: which tokens there are, and who is signed in. Pure: a fold over entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferryman.api.access.credentials import digest
from ferryman.model.role import Role
from ferryman.store.journal import Entry

STREAM = "access"
SESSIONS_MAX = 10_000
"""Sign-ins at the same time; beyond it the one that was idle the longest ends."""


class TokenCreated(msgspec.Struct, frozen=True):
    """Body of ``token_created``. `digest` is SHA-256 of the token, in hex; `expires_at` None: never. A program's token has a
    `program` (``server`` or ``client``) and an `environment` of flags instead of roles."""

    id: str
    name: str
    roles: dict[str, Role]
    digest: str
    expires_at: float | None
    program: str = ""
    environment: str = ""


class TokenRevoked(msgspec.Struct, frozen=True):
    """Body of ``token_revoked``."""

    id: str
    name: str
    reason: str = ""


class TokenUsed(msgspec.Struct, frozen=True):
    """Body of ``token_used``, written for the first use on a day."""

    id: str


class SignedIn(msgspec.Struct, frozen=True):
    """Body of ``signed_in``. `digest` is of the session cookie; with `token` the roles are those of that token now, with
    OIDC they are `roles`. `name` is the actor of what is done in it."""

    id: str
    name: str
    via: str
    digest: str
    expires_at: float
    token: str = ""
    roles: dict[str, Role] = {}
    address: str = ""


class SignedOut(msgspec.Struct, frozen=True):
    """Body of ``signed_out``; the actor is somebody else than `name` when an admin ended it."""

    id: str
    name: str = ""
    reason: str = ""


@dataclass
class Token:
    """One token. `used_at` is of this process or, coarser, of the journal; None: never used."""

    made: TokenCreated
    created_at: float
    created_by: str
    revoked_at: float | None = None
    used_at: float | None = None
    noted_at: float = 0.0

    def state(self, now: float) -> str:
        """live, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        expires_at = self.made.expires_at
        return "expired" if expires_at is not None and now >= expires_at else "live"


@dataclass
class Session:
    """One sign-in; `seen_at` is its last request, kept in this process only."""

    made: SignedIn
    started_at: float
    seen_at: float


BODIES: dict[str, type[msgspec.Struct]] = {
    "token_created": TokenCreated,
    "token_revoked": TokenRevoked,
    "token_used": TokenUsed,
    "signed_in": SignedIn,
    "signed_out": SignedOut,
}


@dataclass
class AccessState:
    """Tokens by id, sessions by digest, the one seen last at the end."""

    tokens: dict[str, Token] = field(default_factory=dict[str, Token])
    sessions: dict[str, Session] = field(default_factory=dict[str, Session])

    def apply(self, entry: Entry) -> None:
        """What follows from one more entry; kinds of a newer version are passed over."""
        kind = BODIES.get(entry.kind)
        if kind is None:
            return
        match msgspec.convert(entry.body, kind):
            case TokenCreated() as made:
                self.tokens[made.id] = Token(made, entry.at, entry.actor)
            case TokenRevoked() as gone if gone.id in self.tokens:
                self.tokens[gone.id].revoked_at = entry.at
            case TokenUsed() as used if used.id in self.tokens:
                token = self.tokens[used.id]
                token.used_at, token.noted_at = entry.at, entry.at
            case SignedIn() as made:
                self.sessions[made.digest] = Session(made, entry.at, entry.at)
                self._bound()
            case SignedOut() as gone:
                self.sessions = {d: s for d, s in self.sessions.items() if s.made.id != gone.id}
            case _:
                pass

    def session_of_cookie(self, cookie: str) -> Session:
        """The session that was begun with this cookie. Raises KeyError."""
        return self.sessions[digest(cookie)]

    def seen(self, session: Session, now: float) -> None:
        """Note a request in a session."""
        session.seen_at = now
        self.sessions[session.made.digest] = self.sessions.pop(session.made.digest)

    def drop_sessions_before(self, now: float) -> None:
        """Forget the sessions whose time is over."""
        self.sessions = {d: s for d, s in self.sessions.items() if s.made.expires_at > now}

    def _bound(self) -> None:
        while len(self.sessions) > SESSIONS_MAX:
            del self.sessions[next(iter(self.sessions))]


def body_of(made: msgspec.Struct) -> dict[str, Any]:
    """A body as the journal takes it."""
    return msgspec.to_builtins(made)
