"""All who follow flags: each change is encoded once and handed to everybody in its environment.

A client that does not keep up gets everything anew as soon as it reads again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from enum import StrEnum

from ferryman.api.flags.messages import (
    CONNECTED,
    both,
    change_message,
    current_message,
    launchdarkly_message,
    put_message,
    refetch_message,
    unleash_message,
)
from ferryman.api.stream.messages import HEARTBEAT, Piece
from ferryman.api.stream.subscriber import StillAllowed, Subscriber
from ferryman.engine.flags.service import FlagService
from ferryman.model.errors import ControllerError, FerrymanError

CLIENTS_MAX = 20_000
HEARTBEAT_SECONDS = 15.0


class Form(StrEnum):
    """What a client is sent."""

    DEFINITIONS = "definitions"
    """put, patch, delete."""
    REFETCH = "refetch"
    """That something changed, and no more."""
    LAUNCHDARKLY = "launchdarkly"
    """Everything, whenever something changed."""
    UNLEASH = "unleash"
    """The same."""


class FlagHub:
    """Of one controller. Works while somebody listens."""

    def __init__(self, service: FlagService, now: Callable[[], float] = time.time) -> None:
        self._service = service
        self._now = now
        self._clients: dict[tuple[str, Form], set[Subscriber]] = {}
        self._count = 0
        self._end: Callable[[], None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._closed = False

    def join(self, environment: str, form: Form, still_allowed: StillAllowed | None = None) -> Subscriber:
        """A new client, who gets what changes from now on. Raises `ControllerError` (``too_many_streams``,
        ``stopping``)."""
        if self._closed:
            raise ControllerError("stopping", "the controller is about to end", "connect again when it runs again")
        if self._count >= CLIENTS_MAX:
            raise ControllerError(
                "too_many_streams", f"{CLIENTS_MAX} clients follow already", "poll /v1/flags/definitions"
            )
        if self._end is None:
            self._end = self._service.on_change(self._changed)
            self._beating = asyncio.create_task(self._beat(), name="heartbeat of flags")
        client = Subscriber(None, self._service.served(environment).version, still_allowed)
        self._clients.setdefault((environment, form), set()).add(client)
        self._count += 1
        return client

    def leave(self, environment: str, form: Form, client: Subscriber) -> None:
        """This client is gone; with the last one the work ends."""
        there = self._clients.get((environment, form), set())
        if client in there:
            there.discard(client)
            self._count -= 1
        if not self._count:
            self._stop()

    def close(self) -> None:
        """End every stream, and take no new one."""
        self._closed = True
        for client in self._everybody():
            client.close()
        self._stop()

    def whole(self, environment: str, form: Form) -> Piece:
        """The message that puts a client right."""
        served = self._service.served(environment)
        if form is Form.REFETCH:
            return refetch_message(served.version, self._now())
        if form is Form.LAUNCHDARKLY:
            return launchdarkly_message(self._service.rendered(form.value, environment).body)
        if form is Form.UNLEASH:
            return unleash_message(
                "unleash-updated", served.version, self._service.rendered(form.value, environment).body
            )
        return put_message(served.version, served.encoded())

    def since(self, environment: str, form: Form, version: int | None) -> Piece:
        """What a client that has `version` is told first: that it missed nothing, what it missed, or everything."""
        served = self._service.served(environment)
        if form is Form.REFETCH:
            return CONNECTED if version in {None, served.version} else self.whole(environment, form)
        if form is Form.UNLEASH:
            body = self._service.rendered(form.value, environment).body
            return unleash_message("unleash-connected", served.version, body)
        if form is Form.LAUNCHDARKLY:
            return self.whole(environment, form)
        missed = served.since(version) if version is not None else None
        if missed is None:
            return self.whole(environment, form)
        current = current_message(served.version)
        if not missed:
            return current
        return both(change_message(served.version, missed, served.flags, served.encoded), current)

    # ------------------------------------------------------------------ the work
    def _changed(self, environment: str, version: int, keys: frozenset[str]) -> None:
        definitions = self._clients.get((environment, Form.DEFINITIONS))
        if definitions:
            served = self._service.served(environment)
            piece = change_message(version, keys, served.flags, served.encoded)
            for client in definitions:
                client.put(piece)
        for form in (Form.REFETCH, Form.LAUNCHDARKLY, Form.UNLEASH) if keys else ():
            clients = self._clients.get((environment, form))
            if clients:
                piece = self.whole(environment, form)
                for client in clients:
                    client.put(piece)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for client in self._everybody():
                if client.still_allowed is not None and not await self._allowed(client.still_allowed):
                    client.close()
                client.beat(HEARTBEAT)

    @staticmethod
    async def _allowed(ask: StillAllowed) -> bool:
        with contextlib.suppress(FerrymanError):
            return await ask()
        return False

    def _everybody(self) -> list[Subscriber]:
        return [client for there in self._clients.values() for client in there]

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
