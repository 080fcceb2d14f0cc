"""Tokens and sessions as they are shown."""

from __future__ import annotations

from ferryman.api.access.access import Access
from ferryman.api.access.credentials import csrf_of
from ferryman.api.access.principal import Principal
from ferryman.api.access.state import Session, Token
from ferryman.api.access.wire import SessionView, SignInView, TokenView


def all_tokens(access: Access) -> tuple[TokenView, ...]:
    """All that were ever made, newest first."""
    tokens = sorted(access.state.tokens.values(), key=lambda token: -token.created_at)
    return tuple(token_view(token, access.now()) for token in tokens)


def token_view(token: Token, now: float) -> TokenView:
    """A token without its text."""
    made = token.made
    return TokenView(
        id=made.id,
        name=made.name,
        roles=made.roles,
        state=token.state(now),
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=made.expires_at,
        revoked_at=token.revoked_at,
        used_at=token.used_at,
        program=made.program,
        environment=made.environment,
    )


def sign_in_view(access: Access, session: Session) -> SignInView:
    """Somebody who is signed in, for admins."""
    made = session.made
    return SignInView(
        id=made.id,
        name=made.name,
        roles=access.roles_of(session),
        via=made.via,
        address=made.address,
        started_at=session.started_at,
        seen_at=session.seen_at,
        expires_at=made.expires_at,
    )


def session_view(access: Access, principal: Principal, cookie: str) -> SessionView:
    """What a page is told of who asks; `cookie` is that of the session, if it is asked in one."""
    session = access.session_of(principal)
    known = bool(principal.roles)
    return SessionView(
        name=principal.name if known else "",
        roles=principal.roles,
        via=principal.via if known else "none",
        csrf=csrf_of(cookie) if session is not None else "",
        expires_at=session.made.expires_at if session is not None else None,
        oidc=access.settings.oidc is not None,
    )
