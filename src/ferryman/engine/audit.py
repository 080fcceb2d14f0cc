"""The audit: events and journal entries merged by time, read backwards page by page; and the check of all hash chains."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from ferryman.engine.flags.texts import flags_text
from ferryman.engine.texts import TEXT_CHARACTERS_MAX, text_of
from ferryman.model.audit import AuditLine, AuditPage, ChainsView, ChainView
from ferryman.model.errors import StoreError, UsageError
from ferryman.notify.words import clean
from ferryman.store.base import Store, StoredEvent
from ferryman.store.journal import Entry

READ_AT_ONCE = 200
SCANNED_MAX = 20_000
"""Lines looked at for one page; a page may end earlier than its limit, and yet not be the last."""

MACHINE = "ferryman"
"""The actor of what the controller did by itself."""

NOISE = frozenset({"token_used", "answered"})
"""Kinds of entries that are bookkeeping and nobody's deed."""

_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
_END = 10**18 - 1


class Question(msgspec.Struct, frozen=True):
    """Which lines: of one `service`, of one `actor`, from `since` on (epoch seconds), of `people` only, before the cursor
    `before`, at most `limit`."""

    service: str | None = None
    actor: str | None = None
    since: float = 0.0
    people: bool = False
    before: str = ""
    limit: int = 100


class _Found(NamedTuple):
    """A line with the position it has in its table."""

    line: AuditLine
    position: int


class Readable(NamedTuple):
    """Which services, and which journals, the asker may read."""

    service: Callable[[str], bool]
    journal: Callable[[str], bool]


def _yes(_: str) -> bool:
    return True


EVERYTHING = Readable(_yes, _yes)


async def audit(store: Store, asked: Question, readable: Readable = EVERYTHING) -> AuditPage:
    """The last lines that fit, newest last. Raises
    `UsageError` (``bad_request``) for a cursor that is none, `StoreError`."""
    event_before, entry_before = _cursor(asked.before)
    events = (
        _events(store, asked, event_before) if asked.service is None or readable.service(asked.service) else _nothing()
    )
    entries = _entries(store, entry_before, asked.since, readable) if asked.service is None else _nothing()
    heads = [await anext(events, None), await anext(entries, None)]
    found: list[AuditLine] = []
    scanned = 0
    while len(found) < asked.limit and scanned < SCANNED_MAX:
        event, entry = heads
        if event is None and entry is None:
            return AuditPage(tuple(reversed(found)), "")
        scanned += 1
        if entry is None or (event is not None and event.line.at > entry.line.at):
            assert event is not None
            chosen, event_before = event.line, event.position
            heads[0] = await anext(events, None)
        else:
            chosen, entry_before = entry.line, entry.position
            heads[1] = await anext(entries, None)
        if _fits(chosen, asked) and (not chosen.service or readable.service(chosen.service)):
            found.append(chosen)
    more = any(head is not None for head in heads)
    return AuditPage(tuple(reversed(found)), f"{event_before}.{entry_before}" if more else "")


async def check_chains(store: Store, readable: Readable = EVERYTHING) -> ChainsView:
    """Every hash chain that the asker may read, recomputed."""
    chains = [
        await _checked(service, "service", store.verify)
        for service in await store.services()
        if readable.service(service)
    ]
    chains += [await _checked(stream, "journal", store.verify_entries) for stream in await _journals(store, readable)]
    return ChainsView(not any(chain.problem for chain in chains), tuple(chains))


async def _checked(stream: str, kind: str, verify: Callable[[str], Awaitable[int]]) -> ChainView:
    try:
        return ChainView(stream, kind, await verify(stream), "")
    except StoreError as broken:
        return ChainView(stream, kind, 0, broken.message)


def _fits(line: AuditLine, asked: Question) -> bool:
    by_people = line.actor != MACHINE or not asked.people
    return line.kind not in NOISE and by_people and asked.actor in {None, line.actor}


def _cursor(text: str) -> tuple[int, int]:
    if not text:
        return _END, _END
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise UsageError("bad_request", f"before={text[:60]!r} is no cursor", "use the `before` of an answer")
    return int(found[1]), int(found[2])


async def _nothing() -> AsyncGenerator[_Found]:
    return
    yield


async def _events(store: Store, asked: Question, before: int) -> AsyncGenerator[_Found]:
    """Newest first, down to `since`."""
    while page := await store.newest(asked.service, limit=READ_AT_ONCE, before=before):
        for stored in reversed(page):
            if stored.event.at < asked.since:
                return
            yield _Found(_event_line(stored), stored.position)
        before = page[0].position


async def _journals(store: Store, readable: Readable) -> list[str]:
    return [stream for stream in await store.streams() if readable.journal(stream)]


async def _entries(store: Store, before: int, since: float, readable: Readable) -> AsyncGenerator[_Found]:
    streams = await _journals(store, readable)
    only = streams[0] if len(streams) == 1 else None
    while streams and (page := await store.newest_entries(only, limit=READ_AT_ONCE, before=before)):
        for entry in reversed(page):
            if entry.at < since:
                return
            if entry.stream not in streams:
                continue
            yield _Found(_entry_line(entry), entry.position)
        before = page[0].position


def _event_line(stored: StoredEvent) -> AuditLine:
    event = stored.event
    return AuditLine(
        at=event.at,
        actor=event.actor,
        service=event.service,
        rollout=event.rollout,
        stream=event.service,
        seq=event.seq,
        kind=event.kind,
        text=text_of(event),
        reason=str(getattr(event.body, "reason", "") or ""),
        hash=stored.hash,
    )


def _entry_line(entry: Entry) -> AuditLine:
    return AuditLine(
        at=entry.at,
        actor=entry.actor,
        service="",
        rollout="",
        stream=entry.stream,
        seq=entry.seq,
        kind=entry.kind,
        text=clean(_entry_text(entry.kind, entry.body), TEXT_CHARACTERS_MAX),
        reason=str(entry.body.get("reason", "")),
        hash=entry.hash,
    )


def _entry_text(kind: str, body: dict[str, Any]) -> str:
    match kind:
        case "token_created":
            roles = ", ".join(_role(service, role) for service, role in dict(body.get("roles", {})).items())
            what = roles or f"{body.get('program')} of {body.get('environment')}"
            return f"made token {body.get('id')} for {body.get('name')}: {what}"
        case "token_revoked":
            reason = body.get("reason")
            return f"revoked token {body.get('id')} of {body.get('name')}" + (f": {reason}" if reason else "")
        case "token_used":
            return f"used token {body.get('id')}"
        case "signed_in":
            address = body.get("address")
            return f"signed in by {body.get('via')}" + (f" from {address}" if address else "")
        case "link_key_changed":
            return "changed the key of approval links: those that were sent are good no longer"
        case "sent":
            return f"told {body.get('channel')}: notice {body.get('id')}"
        case "given_up" | "dropped":
            return (
                f"notice {body.get('id')} was {kind.replace('_', ' ')}, tries {body.get('tries')}: {body.get('said')}"
            )
        case "signed_out" if body.get("reason"):
            return f"ended the sign-in of {body.get('name')}: {body['reason']}"
        case _:
            return flags_text(kind, body) or kind.replace("_", " ")


def _role(service: object, role: object) -> str:
    return f"{role} of {'all services' if service == '*' else service}"
