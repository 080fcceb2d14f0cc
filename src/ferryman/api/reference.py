"""docs/reference/api.md, made from the route table. A test fails when the file is stale."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import msgspec

from ferryman.api.endpoint import AnyEndpoint, Nothing, Scoped
from ferryman.api.requests import Foreign
from ferryman.api.routes import GROUPS

HEAD = """\
# HTTP API of the controller

Made from the route table; do not edit. `ferry` itself uses nothing else. JSON over HTTP on the unix socket named in
`.ferryman/controller.json` (`{"pid", "started_at", "socket", "url", "version", "project"}`), which only its owner can
open:

    curl --unix-socket .ferryman/controller.sock http://localhost/v1/services

Whoever opens the socket is admin. Over TCP (`listen` in the [settings file](settings.md), or `ferry serve --listen`) a
request carries a token, `Authorization: Bearer fy_...`, or the cookie of a browser's [session](../access.md); as long as no
token was made, reading is open to this machine. The controller answers to loopback names, IP addresses and its `publicUrl`.

The shapes of answers are the structs in `ferryman.model.view` and `ferryman.api.wire`. Times are epoch seconds,
durations seconds, shares percent. Bodies are JSON of at most 1 MiB and have no unknown fields; neither has a query.

The column "needs" is the permission, and on what: a service, any service (the answer is about those that the caller may
read, or the service stands in the body), or the controller.
"""

TAIL = """\
## Repeating, remembering, paging

`Idempotency-Key` (1 to 200 printable ASCII characters) on whatever steers a service, deploy too: what succeeded under a
key is not done again for 24 hours, its first answer comes back; the same key with another request is 422 `key_reused`.
The keys are in the journal `idempotency`, so a restart does not forget them. What was refused changed nothing and may be
asked again.

Answers to reads have a weak `ETag`, which stays the same while nothing but the time of the look changes; with
`If-None-Match` the answer is then 304. Lists take `limit` and `after`, and name the next part in `Link`, `rel="next"`.
`/v1/openapi.json` describes all of this to programs.

## Errors

Errors are problem documents (RFC 9457, `application/problem+json`):

    {"type": "urn:ferryman:refused", "title": "Not possible now; nothing was changed", "status": 409,
     "code": "not_running", "detail": "cannot abort: shop-2 is promoted", "hint": "legal now: deploy, undo, restart",
     "legal": ["deploy", "undo", "restart"], "problems": []}

`code` is stable. 400 is a request that makes no sense, 401 a caller that is not known, 403 one that may not (`forbidden`), asks by a foreign
name (`wrong_host`) or from a foreign page (`csrf`), 404 an
unknown service, rollout or path, 405 a method that the path does not have, 408 a body that came too slowly, 409 a refusal
or a lost race, 413 a body that is too large, 429 too many wrong tokens
(`Retry-After`), 422 a release file with errors (`problems` has each with file, line, column
and path), 503 a store, router or target that failed.
"""

_ON = {Scoped.SERVICE: "the service", Scoped.SOMEWHERE: "any service", Scoped.EVERYWHERE: "the controller"}


def api_markdown() -> str:
    """The whole document."""
    parts = [HEAD]
    for group, rows in GROUPS.items():
        parts.append(f"## {group.capitalize()}\n")
        parts.append("| | needs | what |\n|---|---|---|\n" + "".join(_row(row) for row in rows))
    return "\n".join([*parts, TAIL])


def _row(row: AnyEndpoint) -> str:
    needs = f"{row.permission.value} {_ON[row.scope]}" if row.permission is not None else "nothing"
    said = [f"{row.summary}."]
    if row.query is not Nothing:
        said.append(f"Query: {_fields(row.query)}.")
    if row.body is not Nothing:
        said.append("Body: as that protocol has it." if row.body is Foreign else f"Body: {_fields(row.body)}.")
    said.append(f"Answer: {_answer(row)}.")
    if row.detail:
        said.append(row.detail)
    return f"| `{row.method} {row.path}` | {needs} | {' '.join(said)} |\n"


def _fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{f.encode_name}{'' if f.required else '?'}`" for f in msgspec.structs.fields(kind))


def _answer(row: AnyEndpoint) -> str:
    if row.media != "application/json":
        return f"`{row.media}`"
    return _type_name(row.answer)


def _type_name(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is tuple:
        return f"a list of {_type_name(get_args(kind)[0])}"
    if origin is dict:
        return "an object by name"
    return f"`{kind.__name__}`"
