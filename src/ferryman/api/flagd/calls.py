"""Methods of a gRPC service: bytes in, bytes out, and what goes wrong told as a status."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import grpc

from ferryman.api.flagd.asking import status_of
from ferryman.api.flagd.wire import MalformedError
from ferryman.model.errors import FerrymanError

Method: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
"""A method handler of grpc's."""

Services = Mapping[str, Mapping[str, Method]]
"""Method handlers by service and name."""


def answering(handler: Callable[[bytes, Any], Awaitable[bytes]]) -> Method:
    """A method with one answer."""

    async def call(request: bytes, context: Any) -> bytes:
        async with _told(context):
            return await handler(request, context)
        raise AssertionError("a refusal ends the call")

    return cast("Method", grpc.unary_unary_rpc_method_handler(call))


def streaming(handler: Callable[[bytes, Any], Awaitable[None]]) -> Method:
    """A method that writes its answers to the context."""

    async def call(request: bytes, context: Any) -> None:
        async with _told(context):
            await handler(request, context)

    return cast("Method", grpc.unary_stream_rpc_method_handler(call))


@contextlib.asynccontextmanager
async def _told(context: Any) -> AsyncGenerator[None]:
    try:
        yield
    except MalformedError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the message cannot be read: {error}")
    except FerrymanError as error:
        await context.abort(*status_of(error))
