"""The least that evaluates remotely in this language: openfeature-flagd-core behind one route of Starlette, on uvicorn.

Nothing else is in it: no tokens, no counters, no metadata of its own, no limits. Arguments: a port, and what uvicorn is to
speak HTTP and to loop with.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

core = FlagdCore()


async def evaluate(request: Request) -> JSONResponse:
    context: dict[str, Any] = (await request.json())["context"]
    key = request.path_params["key"]
    user = context.pop("targetingKey", None)
    found = core.resolve_boolean_value(key, False, EvaluationContext(user, context))
    told = {"key": key, "value": found.value, "reason": found.reason, "variant": found.variant}
    return JSONResponse({**told, "metadata": found.flag_metadata})


def main() -> None:
    core.set_flags(json.loads(sys.stdin.read()))
    routes = [Route("/ofrep/v1/evaluate/flags/{key}", evaluate, methods=["POST"])]
    http, loop = sys.argv[2:]
    port = int(sys.argv[1])
    uvicorn.run(Starlette(routes=routes), port=port, http=http, loop=loop, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
