"""Tokens of a project whose controller does not run: the first one has to be made before it may listen beyond loopback.

Whoever can write the state folder is the owner of the controller, as over its socket; the folder's lock keeps a controller
that starts meanwhile out.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from ferryman.api.access.access import Access
from ferryman.api.access.making import make_token
from ferryman.api.access.views import all_tokens, token_view
from ferryman.api.access.wire import TokenMade, TokenRequest, TokenView
from ferryman.api.place import state_folder
from ferryman.cli.client import find
from ferryman.engine.folder import StateFolder
from ferryman.engine.settings import load_settings
from ferryman.store.sqlite import SqliteStore

T = TypeVar("T")


class Keeper(Protocol):
    """Who keeps the tokens: a controller, or the files of one that does not run."""

    def tokens(self) -> tuple[TokenView, ...]: ...
    def create_token(self, asked: TokenRequest) -> TokenMade: ...
    def revoke_token(self, which: str, reason: str) -> TokenView: ...


def keeper(project: Path, actor: str) -> Keeper:
    """The running controller of the project, else its files. Raises `ControllerError`."""
    return find(project) or OfflineAccess(project, actor)


class OfflineAccess:
    """Answers as the controller would. Each call holds the state folder meanwhile."""

    def __init__(self, project: Path, actor: str) -> None:
        self._project = project
        self._actor = actor

    def tokens(self) -> tuple[TokenView, ...]:
        """All that were ever made, newest first."""

        async def read(access: Access) -> tuple[TokenView, ...]:
            return all_tokens(access)

        return self._with(read)

    def create_token(self, asked: TokenRequest) -> TokenMade:
        """A new one."""

        async def write(access: Access) -> TokenMade:
            return await make_token(access, asked, self._actor)

        return self._with(write)

    def revoke_token(self, which: str, reason: str) -> TokenView:
        """Take one out of use."""

        async def write(access: Access) -> TokenView:
            return token_view(await access.revoke_token(which, self._actor, reason), access.now())

        return self._with(write)

    def _with(self, use: Callable[[Access], Awaitable[T]]) -> T:
        async def opened() -> T:
            folder = StateFolder(state_folder(self._project))
            folder.open()
            store = SqliteStore(folder.database)
            try:
                await store.open()
                access = Access(store, load_settings(self._project), time.time, secrets.token_bytes)
                await access.load()
                return await use(access)
            finally:
                await store.close()
                folder.close()

        return asyncio.run(opened())
