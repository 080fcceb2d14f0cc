"""A new token as it was asked for."""

from __future__ import annotations

from ferryman.api.access.access import Access
from ferryman.api.access.views import token_view
from ferryman.api.access.wire import TokenMade, TokenRequest
from ferryman.model.errors import UsageError


async def make_token(access: Access, asked: TokenRequest, actor: str) -> TokenMade:
    """Make it. Raises `UsageError` (``bad_usage``, ``bad_name``), `StoreError`."""
    if asked.program:
        if asked.role is not None:
            raise UsageError("bad_usage", "a token of a program has no role", "leave out the role, or the program")
        token, text = await access.create_program_token(
            asked.name, asked.program, asked.environment, asked.expires_seconds, actor
        )
    elif asked.role is None or asked.environment:
        raise UsageError("bad_usage", "a token needs a role, or a program and its environment", "say which")
    else:
        token, text = await access.create_token(asked.name, asked.role, asked.service, asked.expires_seconds, actor)
    return TokenMade(text, token_view(token, access.now()))
