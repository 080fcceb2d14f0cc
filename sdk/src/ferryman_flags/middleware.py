"""Binds the context of each request of a web application, and reports how requests went by the variants they were given."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from typing import Any

from ferryman_flags.client import FlagClient
from ferryman_flags.context import NOBODY, Trail, begin, bound, trail

FAILED_FROM = 500
log = logging.getLogger("ferryman_flags")
Message = Mapping[str, Any]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApplication = Callable[[Any, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
MakeContext = Callable[[Any], Mapping[str, Any]]
"""From the ASGI scope or the WSGI environ to the context of the request, `targetingKey` in it. It must be quick."""


def _context(make: MakeContext | None, request: Any) -> Mapping[str, Any]:
    try:
        return make(request) if make else NOBODY
    except Exception:
        log.exception("flags: the context of a request could not be made")
        return NOBODY


def _note(flags: FlagClient, steps: Trail, context: Mapping[str, Any], *, ok: bool, began: float) -> None:
    if steps:
        key = context.get("targetingKey")
        user = key if isinstance(key, str) else None
        flags.evidence.add(steps, user, ok=ok, seconds=time.perf_counter() - began)


class AsgiFlags:
    """ASGI middleware: `AsgiFlags(application, flags, context=lambda scope: {...})`."""

    def __init__(self, application: AsgiApplication, flags: FlagClient, context: MakeContext | None = None) -> None:
        self._application, self._flags, self._make = application, flags, context
        flags.follow()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one connection: of a WebSocket only the context is bound."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        context, began, status = _context(self._make, scope), time.perf_counter(), 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with bound(context), trail() as steps:
            try:
                await self._application(scope, receive, watching)
            except BaseException:
                status = FAILED_FROM
                raise
            finally:
                if scope["type"] == "http":
                    _note(self._flags, steps, context, ok=status < FAILED_FROM, began=began)


class WsgiFlags:
    """WSGI middleware: `WsgiFlags(application, flags, context=lambda environ: {...})`."""

    def __init__(self, application: WsgiApplication, flags: FlagClient, context: MakeContext | None = None) -> None:
        self._application, self._flags, self._make = application, flags, context
        flags.follow()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        return _Answer(self._application, self._flags, _context(self._make, environ), environ, start_response)


class _Answer:
    """The body of an answer. It is made in a context of its own, in which it is also iterated and closed."""

    def __init__(
        self,
        application: WsgiApplication,
        flags: FlagClient,
        context: Mapping[str, Any],
        environ: dict[str, Any],
        start_response: Callable[..., Any],
    ) -> None:
        self._flags, self._own, self._began = flags, context, time.perf_counter()
        self._status, self._is_noted = 0, False
        self._context = copy_context()
        self._steps = self._context.run(begin, context)

        def watching(status: str, *rest: Any) -> Any:
            self._status = int(status[:3])
            return start_response(status, *rest)

        try:
            self._body = self._context.run(application, environ, watching)
            self._pieces: Iterator[bytes] = self._context.run(iter, self._body)
        except BaseException:
            self._end(ok=False)
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return self._context.run(next, self._pieces)
        except StopIteration:
            raise
        except BaseException:
            self._end(ok=False)
            raise

    def close(self) -> None:
        """Called by the server when all is sent, or the client is gone."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._context.run(close)
        finally:
            self._end(ok=self._status < FAILED_FROM)

    def _end(self, *, ok: bool) -> None:
        if not self._is_noted:
            self._is_noted = True
            _note(self._flags, self._steps, self._own, ok=ok, began=self._began)
