"""Who asks: tokens and sessions of one controller, kept in the journal `access`, and how a request is recognised by them."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request

from ferryman.api.access.accounts import account_name
from ferryman.api.access.attempts import Attempts, address_key
from ferryman.api.access.credentials import (
    RandomBytes,
    attempted_id,
    csrf_of,
    digest,
    is_cookie,
    mint_cookie,
    mint_token,
    same,
    token_id,
)
from ferryman.api.access.hosts import SAFE_METHODS, Hosts, host_name, local_uid
from ferryman.api.access.links import Links
from ferryman.api.access.oidc.flow import Flow
from ferryman.api.access.principal import (
    EVERY_SERVICE,
    Forbidden,
    Principal,
    Role,
    Unauthenticated,
    owner,
    too_many,
)
from ferryman.api.access.state import (
    STREAM,
    AccessState,
    Session,
    SignedIn,
    SignedOut,
    Token,
    TokenCreated,
    TokenRevoked,
    TokenUsed,
    body_of,
)
from ferryman.flags.definition import ENVIRONMENT_PATTERN
from ferryman.model.errors import StoreError, UsageError
from ferryman.model.role import RESERVED_NAMES
from ferryman.model.settings import LOOPBACK_HOSTS, Settings
from ferryman.store.journal import Journal

SESSION_PATH = "/v1/session"
LINK = "link"
"""How a session began that no token stands behind: by a link of the owner."""

CSRF_HEADER = "x-csrf-token"
USE_NOTED_SECONDS = 86_400.0
"""A token's use is written down at most this often."""

JOURNAL_PAGE = 1000
_NAME = re.compile(r"[\w.@+-]{1,100}")
_SERVICE = re.compile(r"\*|[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_log = logging.getLogger("ferryman.access")


@dataclass
class Access:
    """Of one controller. `loopback`: it listens on loopback only, or not at all. `flow` is its sign-in by OIDC."""

    journal: Journal
    settings: Settings
    now: Callable[[], float]
    random_bytes: RandomBytes
    loopback: bool = True
    flow: Flow | None = None
    state: AccessState = field(default_factory=AccessState)
    attempts: Attempts = field(default_factory=Attempts)

    def __post_init__(self) -> None:
        self.links = Links(self.random_bytes)
        self.hosts = Hosts(self.settings.public_url, tls=self.settings.tls is not None)

    async def load(self) -> None:
        """Read what was written before. Raises `StoreError`."""
        after = 0
        while page := await self.journal.entries(STREAM, after=after, limit=JOURNAL_PAGE):
            for entry in page:
                self.state.apply(entry)
            after = page[-1].position
        self.state.drop_sessions_before(self.now())
        for session in self.state.sessions.values():
            session.seen_at = self.now()

    # ------------------------------------------------------------------ who asks
    async def authenticate(self, request: Request) -> Principal:
        """Who asks. Raises `Unauthenticated`, `Forbidden` (``wrong_host``, ``csrf``), `TooManyAttempts`."""
        self.check_host(request)
        uid = local_uid(request)
        header = request.headers.get("authorization")
        key = request.headers.get("x-api-key")
        if header is None and key is not None:
            header = f"Bearer {key}"  # how clients of OFREP say it
        if header is not None:
            return await self._bearer(header, request)
        if uid is not None:
            return owner(account_name(uid))
        cookie = request.cookies.get(self.cookie_name(request))
        if cookie is not None:
            session = self._session(cookie)
            self._check_csrf(request, cookie)
            return self._principal(session)
        if self.reads_are_open and request.method in SAFE_METHODS and host_name(request) in LOOPBACK_HOSTS:
            return Principal("anonymous", {EVERY_SERVICE: Role.VIEWER}, via="loopback")
        raise Unauthenticated(
            "no_credential",
            f"{request.method} {request.url.path} needs a token or a sign-in",
            "send `Authorization: Bearer TOKEN`; `ferry token create` makes one, beside the controller",
        )

    def check_host(self, request: Request) -> None:
        """Raises `Forbidden` (``wrong_host``) for what came over TCP by a name that is not ours."""
        if local_uid(request) is None:
            self.hosts.check(request)

    @property
    def reads_are_open(self) -> bool:
        """Whether anybody on this machine may read: as long as nobody has made a token or another way to sign in, and
        nothing in front hands on requests from elsewhere."""
        closed = any(token.revoked_at is None for token in self.state.tokens.values())
        return self.loopback and not closed and self.settings.oidc is None and not self.settings.public_url

    def cookie_name(self, request: Request) -> str:
        """With the prefix that browsers keep to HTTPS and to this very host, where there is HTTPS. Cookies do not know
        ports: controllers of several projects on one machine need names of their own."""
        name = f"ferry-{digest(self.settings.folder)[:8]}"
        return f"__Host-{name}" if self.hosts.is_secure(request) else name

    async def token(self, text: str, request: Request) -> Token:
        """The live token of this text. Raises `Unauthenticated` (``bad_token``, ``token_expired``, ``token_revoked``) or
        `TooManyAttempts`."""
        token = self.state.tokens.get(token_id(text) or "")
        if token is None or not same(token.made.digest, digest(text)):
            self.count_failure(request, attempted_id(text))
            raise Unauthenticated("bad_token", "this token is not known here", "is it whole, and of this controller?")
        state = token.state(self.now())
        if state != "live":
            raise Unauthenticated(f"token_{state}", f"this token of {token.made.name} is {state}", "ask for a new one")
        await self._note_use(token)
        return token

    async def _bearer(self, header: str, request: Request) -> Principal:
        scheme, _, text = header.partition(" ")
        if not text and token_id(scheme):
            scheme, text = "bearer", scheme  # how clients of LaunchDarkly and Unleash say it
        if scheme.lower() != "bearer":
            raise Unauthenticated("bad_token", f"the scheme {scheme[:20]!r} is not known here", "send `Bearer TOKEN`")
        return await self.by_token(text.strip(), request)

    async def by_token(self, text: str, request: Request) -> Principal:
        """Who has this token. Raises as `token` does."""
        made = (await self.token(text, request)).made
        return Principal(made.name, made.roles, "token", made.id, made.program, made.environment)

    def count_failure(self, request: Request, named: str = "", what: str = "token") -> None:
        """Somebody gave a wrong token or link. Raises `TooManyAttempts` when that was too often."""
        address = address_key(request.client.host) if request.client and request.client.host else "socket"
        now = self.now()
        waits = [self.attempts.failed(f"address {address}", now)]
        if named:
            waits.append(self.attempts.failed(f"token {named}", now))
        if max(waits) > 0:
            raise too_many(max(waits), address)
        _log.warning("a wrong %s from %s", what, address)  # within the limits only: guessing must not fill the log

    async def _note_use(self, token: Token) -> None:
        now = self.now()
        token.used_at = now
        if now - token.noted_at < USE_NOTED_SECONDS:
            return
        token.noted_at = now
        with contextlib.suppress(StoreError):  # a full disk must not lock out who could mend it
            await self._write(token.made.name, "token_used", TokenUsed(token.made.id))

    def _session(self, cookie: str) -> Session:
        """The session of a cookie, alive and seen. Raises `Unauthenticated` (``session_over``)."""
        session = self.state.sessions.get(digest(cookie)) if is_cookie(cookie) else None
        now = self.now()
        if session is not None and self._alive(session, now):
            self.state.seen(session, now)
            return session
        if session is not None:
            del self.state.sessions[session.made.digest]
        raise Unauthenticated("session_over", "the sign-in is over", "sign in again")

    def _alive(self, session: Session, now: float) -> bool:
        made, idle = session.made, self.settings.sessions.idle_seconds
        if now >= made.expires_at or now - session.seen_at >= idle:
            return False
        if not made.token:
            return made.via == LINK or self.settings.oidc is not None
        token = self.state.tokens.get(made.token)
        return token is not None and token.state(now) == "live"

    def _principal(self, session: Session) -> Principal:
        return Principal(session.made.name, self.roles_of(session), "session", session.made.id)

    def roles_of(self, session: Session) -> dict[str, Role]:
        """Those of its token now, or those given at the sign-in."""
        made = session.made
        return self.state.tokens[made.token].made.roles if made.token else made.roles

    def _check_csrf(self, request: Request, cookie: str) -> None:
        if request.method in SAFE_METHODS:
            return
        self.check_origin(request, required=True)
        if request.url.path == SESSION_PATH and request.method == "POST":
            return  # the token in the body is the proof
        if not same(request.headers.get(CSRF_HEADER, ""), csrf_of(cookie)):
            raise Forbidden(
                "csrf", f"{CSRF_HEADER} is missing or not that of this session", f"GET {SESSION_PATH} tells it"
            )

    def check_origin(self, request: Request, *, required: bool) -> None:
        """Raises `Forbidden` (``csrf``) for a page of another site, or of none when `required`."""
        origin = request.headers.get("origin")
        if (origin is None and not required) or (origin is not None and origin.lower() == self.hosts.origin(request)):
            return
        raise Forbidden(
            "csrf", f"the request came from {(origin or 'nowhere')[:100]!r}", "use the page of this controller"
        )

    # ------------------------------------------------------------------ tokens
    async def create_token(
        self, name: str, role: Role, service: str, expires_seconds: float | None, actor: str
    ) -> tuple[Token, str]:
        """A new token and its text, which is known here and now only. Raises `UsageError` (``bad_name``), `StoreError`."""
        if not _SERVICE.fullmatch(service):
            raise UsageError("bad_name", f"{service[:100]!r} cannot be a service", "a service's name, or * for all")
        return await self._mint(actor, expires_seconds, name=name, roles={service: role})

    async def create_program_token(
        self, name: str, program: str, environment: str, expires_seconds: float | None, actor: str
    ) -> tuple[Token, str]:
        """The same for a program that asks for the flags of an environment."""
        if not re.fullmatch(ENVIRONMENT_PATTERN, environment):
            raise UsageError("bad_name", f"{environment[:100]!r} cannot be an environment", "such as prod, or staging")
        return await self._mint(actor, expires_seconds, name=name, roles={}, program=program, environment=environment)

    async def _mint(self, actor: str, expires_seconds: float | None, *, name: str, **facts: Any) -> tuple[Token, str]:
        if not _NAME.fullmatch(name) or name.lower() in RESERVED_NAMES:
            raise UsageError(
                "bad_name",
                f"{name[:100]!r} cannot be the name of who acts",
                "letters, digits and . _ @ + -, at most 100",
            )
        minted = mint_token(self.random_bytes)
        expires_at = None if expires_seconds is None else self.now() + expires_seconds
        made = TokenCreated(id=minted.id, name=name, digest=minted.digest, expires_at=expires_at, **facts)
        await self._write(actor, "token_created", made)
        return self.state.tokens[minted.id], minted.text

    async def revoke_token(self, which: str, actor: str, reason: str) -> Token:
        """Take a token out of use, by its id or by a name that only one has. Sessions by it end. Raises `UsageError`:
        ``unknown_token``, ``ambiguous_token``; `StoreError`."""
        token = self.find_token(which)
        if token.revoked_at is None:
            await self._write(actor, "token_revoked", TokenRevoked(token.made.id, token.made.name, reason))
        return token

    def find_token(self, which: str) -> Token:
        """By id, or by the name of the one that is not revoked."""
        if which in self.state.tokens:
            return self.state.tokens[which]
        named = [t for t in self.state.tokens.values() if t.made.name == which and t.revoked_at is None]
        if len(named) > 1:
            ids = ", ".join(token.made.id for token in named)
            raise UsageError("ambiguous_token", f"{which} has {len(named)} tokens", f"say which one: {ids}")
        if not named:
            raise UsageError("unknown_token", f"there is no token {which[:100]!r}", "`ferry token list` shows them")
        return named[0]

    @property
    def has_live_token(self) -> bool:
        """Whether anybody could come in by a token now; a program's opens nothing but flags."""
        return any(token.state(self.now()) == "live" and token.made.roles for token in self.state.tokens.values())

    # ------------------------------------------------------------------ sessions
    async def sign_in(self, name: str, via: str, address: str, *, token: str = "", roles: dict[str, Role]) -> str:
        """A new session; the value of its cookie."""
        now = self.now()
        self.state.drop_sessions_before(now)
        minted = mint_cookie(self.random_bytes)
        expires_at = now + self.settings.sessions.lifetime_seconds
        made = SignedIn(minted.id, name, via, minted.digest, expires_at, token, roles, address)
        await self._write(name, "signed_in", made)
        return minted.text

    async def sign_in_by_link(self, text: str, request: Request) -> str:
        """The cookie of a session of who made the link, with every right: only the owner can make one. Raises
        `Unauthenticated` (``link_over``), `TooManyAttempts`."""
        name = self.links.take(text, self.now())
        if name is None:
            self.count_failure(request, what="link")
            raise Unauthenticated(
                "link_over", "this link was used already, or is too old", "`ferry dashboard` makes one"
            )
        address = request.client.host if request.client else ""
        return await self.sign_in(name, LINK, address, roles={EVERY_SERVICE: Role.ADMIN})

    async def sign_out(self, principal: Principal) -> None:
        """End the session of who asks; nothing happens without one."""
        if principal.via == "session":
            await self._write(principal.name, "signed_out", SignedOut(principal.credential, principal.name))

    def live_sessions(self) -> tuple[Session, ...]:
        """Who is signed in now, the one seen last first."""
        now = self.now()
        return tuple(session for session in reversed(self.state.sessions.values()) if self._alive(session, now))

    async def end_session(self, which: str, actor: str, reason: str) -> Session:
        """End somebody's session, by its id. Raises `UsageError` (``unknown_session``), `StoreError`."""
        found = next((session for session in self.live_sessions() if session.made.id == which), None)
        if found is None:
            raise UsageError(
                "unknown_session", f"there is no session {which[:100]!r}", "`ferry session list` shows them"
            )
        await self._write(actor, "signed_out", SignedOut(found.made.id, found.made.name, reason))
        return found

    def session_of(self, principal: Principal) -> Session | None:
        """The session of who asks, if they ask in one."""
        found = (s for s in self.state.sessions.values() if s.made.id == principal.credential)
        return next(found, None) if principal.via == "session" else None

    async def _write(self, actor: str, kind: str, made: msgspec.Struct) -> None:
        entry = await self.journal.write(STREAM, at=self.now(), actor=actor, kind=kind, body=body_of(made))
        self.state.apply(entry)
