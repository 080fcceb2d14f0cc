"""`flagd.evaluation.v1.Service` and `flagd.evaluation.v2.Service`: flags evaluated here, and the word that some changed.

What v1 cannot say, that the default in the program's own code counts, it says as flagd did: NOT_FOUND.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Literal

import grpc

from ferryman.api.context import Api
from ferryman.api.flagd.asking import Asking
from ferryman.api.flagd.calls import Method, Services, answering, streaming
from ferryman.api.flagd.following import Followers
from ferryman.api.flagd.messages import (
    all_resolved,
    any_flag,
    changed,
    event,
    read_asked,
    read_context,
    resolved,
)
from ferryman.api.flags.counting import count_one, count_untold
from ferryman.engine.flags.served import Served
from ferryman_flags.details import Details
from ferryman_flags.errors import ErrorCode
from ferryman_flags.kinds import Kind

Version = Literal["v1", "v2"]
KINDS: Mapping[str, Kind] = {
    "ResolveBoolean": "boolean",
    "ResolveString": "string",
    "ResolveFloat": "float",
    "ResolveInt": "integer",
    "ResolveObject": "object",
}
FAILURES = {
    ErrorCode.FLAG_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.TYPE_MISMATCH: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.PARSE_ERROR: grpc.StatusCode.DATA_LOSS,
    ErrorCode.GENERAL: grpc.StatusCode.UNKNOWN,
}


class Evaluation:
    """Of one controller."""

    def __init__(self, api: Api, asking: Asking, followers: Followers) -> None:
        self._flags = api.controller.flags
        self._asking = asking
        self._followers = followers

    def services(self) -> Services:
        """What is served, by version."""
        first, second = self._methods("v1"), self._methods("v2")
        return {_service("v1"): {**first, "ResolveAll": answering(self.resolve_all)}, _service("v2"): second}

    def _methods(self, version: Version) -> dict[str, Method]:
        methods = {name: self._resolving(version, name, kind) for name, kind in KINDS.items()}
        return {**methods, "EventStream": self._events(version)}

    def _resolving(self, version: Version, name: str, kind: Kind) -> Method:
        method = f"/{_service(version)}/{name}"

        async def resolve(request: bytes, context: Any) -> bytes:
            asked = read_asked(request)
            principal, environment = await self._asking.asker(context, method, rules=True)
            found = self._flags.served(environment).evaluator.details(asked.key, None, asked.context, kind=kind)
            if found.error is not None:
                await context.abort(FAILURES[found.error], found.message or str(found.error))
            if found.variant is None and version == "v1":
                await context.abort(
                    grpc.StatusCode.NOT_FOUND, f"the flag {asked.key[:128]!r} is {found.reason.lower()}"
                )
            if isinstance(found.value, list):
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the value is a list, which has no place here")
            try:
                answer = resolved(kind, found)
            except OverflowError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
                raise
            count_one(self._flags, environment, principal.name, asked.key, found.variant, time.time())
            return answer

        return answering(resolve)

    async def resolve_all(self, request: bytes, context: Any) -> bytes:
        """Every flag that has a value for one user, lists apart, for which there is no field."""
        user = read_context(request)
        environment = (await self._asking.asker(context, f"/{_service('v1')}/ResolveAll", rules=False)).environment
        count_untold(self._flags, environment, time.time())
        served = self._flags.served(environment)
        found = {key: _any(served.evaluator.details(key, None, user)) for key in sorted(served.flags)}
        return all_resolved({key: flag for key, flag in found.items() if flag is not None})

    def _events(self, version: Version) -> Method:
        method = f"/{_service(version)}/EventStream"

        async def follow(_: bytes, context: Any) -> None:
            async def still_allowed() -> bool:
                return (await self._asking.asker(context, method, rules=False)).environment == environment

            environment = (await self._asking.asker(context, method, rules=False)).environment
            seen: int | None = None
            async with contextlib.aclosing(self._followers.turns(environment, still_allowed)) as turns:
                async for _turn in turns:
                    if seen is None:
                        await context.write(event("provider_ready", {}))
                    served = self._flags.served(environment)
                    keys, seen = self._changed(served, seen), served.version
                    if keys:
                        present = sorted(keys & served.flags.keys())
                        await context.write(changed(present, sorted(keys - served.flags.keys())))

        return streaming(follow)

    def _changed(self, served: Served, seen: int | None) -> frozenset[str]:
        """Keys of what changed since a version; of all that there ever was for who may have kept anything."""
        since = served.since(seen) if seen is not None else None
        if since is not None:
            return since
        return frozenset(self._flags.environment(served.environment).history) | served.flags.keys()


def _service(version: Version) -> str:
    return f"flagd.evaluation.{version}.Service"


def _any(found: Details) -> bytes | None:
    if found.error is not None or found.variant is None or isinstance(found.value, list):
        return None
    with contextlib.suppress(OverflowError):
        return any_flag(found)
    return None
