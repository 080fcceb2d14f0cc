"""`flagd.sync.v1.FlagSyncService`: all flags of an environment as flagd JSON, for clients that evaluate in their own process."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import msgspec

from ferryman.api.context import Api
from ferryman.api.flagd.asking import Asking
from ferryman.api.flagd.calls import Method, Services, answering, streaming
from ferryman.api.flagd.following import Followers
from ferryman.api.flagd.messages import flag_configuration, read_selector, sync_metadata
from ferryman.api.flags.counting import count_untold

SERVICE = "flagd.sync.v1.FlagSyncService"
CLIENT_BYTES_MAX = 4 * 1024 * 1024
"""Clients of grpc take no larger message unless they are told to."""

log = logging.getLogger("ferryman.flags")
_encode = msgspec.json.Encoder(order="sorted").encode


class Sync:
    """Of one controller. A message is made once for each version and sent to everybody."""

    def __init__(self, api: Api, asking: Asking, followers: Followers) -> None:
        self._flags = api.controller.flags
        self._asking = asking
        self._followers = followers
        self._made: dict[str, tuple[int, bytes]] = {}

    def services(self) -> Services:
        """What is served."""
        methods: dict[str, Method] = {
            "SyncFlags": streaming(self.follow),
            "FetchAllFlags": answering(self.fetch),
            "GetMetadata": answering(self.metadata),
        }
        return {SERVICE: methods}

    async def follow(self, request: bytes, context: Any) -> None:
        """Everything, and everything again after each change."""
        selector = read_selector(request)

        async def still_allowed() -> bool:
            return await self._recognised(context, "SyncFlags", selector) == environment

        environment = await self._recognised(context, "SyncFlags", selector)
        async with contextlib.aclosing(self._followers.turns(environment, still_allowed)) as turns:
            async for _ in turns:
                await context.write(self._message(environment))

    async def fetch(self, request: bytes, context: Any) -> bytes:
        """Everything, once."""
        return self._message(await self._recognised(context, "FetchAllFlags", read_selector(request)))

    async def metadata(self, request: bytes, context: Any) -> bytes:
        """Nothing, at once: clients call it first, and wait without an end."""
        await self._asking.asker(context, f"/{SERVICE}/GetMetadata", rules=True)
        return sync_metadata()

    async def _recognised(self, context: Any, method: str, selector: str) -> str:
        """The environment that somebody gets, who does not tell which flags they use. Raises `FerrymanError`."""
        asker = await self._asking.asker(context, f"/{SERVICE}/{method}", selector, rules=True)
        count_untold(self._flags, asker.environment, time.time())
        return asker.environment

    def _message(self, environment: str) -> bytes:
        served = self._flags.served(environment)
        made = self._made.get(environment)
        if made is None or made[0] != served.version:
            made = (served.version, flag_configuration(_encode({"flags": served.flags})))
            if len(made[1]) > CLIENT_BYTES_MAX:
                log.warning("the flags of %s have %d bytes: see bounds in flagd.md", environment, len(made[1]))
            if served.version:  # one that is not there is not kept: anybody can name any number of them
                self._made[environment] = made
        return made[1]
