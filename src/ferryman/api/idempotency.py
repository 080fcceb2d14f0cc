"""`Idempotency-Key`: what succeeded under a key is not done a second time; its answer is given again.

Kept for 24 hours, in the journal `idempotency`, so a restart does not forget. Only successes are kept: what was refused
changed nothing and may be asked again. Between a success and its entry there is a moment; a controller that dies in it
does the request again when it is repeated, as if it had come without a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from ferryman.model.errors import FerrymanError, StoreError, UsageError
from ferryman.store.journal import Journal

STREAM = "idempotency"
KEEP_SECONDS = 86_400.0
ANSWERS_MAX = 10_000
PAGE = 500
_KEY = re.compile(r"[!-~]{1,200}")


class KeyReused(UsageError):
    """The same key with another request. Answered with 422."""


class Kept(msgspec.Struct, frozen=True):
    """An answer under a key. `asked` is the digest of what was asked, `key` that of who asked under which key."""

    key: str
    asked: str
    at: float
    answer: str


@dataclass(frozen=True)
class Keyed:
    """A request under a key: `key` is of the caller and the key, `asked` of method, path and body."""

    key: str
    asked: str


def keyed(key: str, caller: str, method: str, path: str, body: bytes) -> Keyed:
    """The request as it is compared. Raises `UsageError` (``bad_request``) for a key that is none."""
    if not _KEY.fullmatch(key):
        raise UsageError(
            "bad_request", f"Idempotency-Key is {key[:40]!r}", "1 to 200 printable ASCII characters without spaces"
        )
    return Keyed(_digest(caller.encode(), key.encode()), _digest(method.encode(), path.encode(), body))


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(b"%d:" % len(part) + part)
    return whole.hexdigest()


class Answers:
    """Answers by key, the newest `ANSWERS_MAX` of the last 24 hours."""

    def __init__(self, journal: Journal, now: Callable[[], float]) -> None:
        self._journal = journal
        self._now = now
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._busy: dict[str, asyncio.Lock] = {}
        self._loaded = False
        self._loading = asyncio.Lock()

    async def once(self, request: Keyed, do: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer to `request`: that of the first time, or else of `do`. Who asks meanwhile waits. Raises `KeyReused`,
        and what `do` raises."""
        await self._load()
        lock = self._busy.setdefault(request.key, asyncio.Lock())
        try:
            async with lock:
                kept = self._kept.get(request.key)
                if kept is not None and self._now() - kept.at < KEEP_SECONDS:
                    return _same(kept, request)
                answer = await do()
                await self._keep(Kept(request.key, request.asked, self._now(), answer.decode()))
                return answer
        finally:
            if not lock.locked():
                self._busy.pop(request.key, None)

    async def _keep(self, kept: Kept) -> None:
        self._remember(kept)
        # The deed is done: a full disk must not make it look as if it had failed.
        with contextlib.suppress(StoreError, ValueError):
            await self._journal.write(
                STREAM, at=kept.at, actor="ferryman", kind="answered", body=msgspec.to_builtins(kept)
            )

    def _remember(self, kept: Kept) -> None:
        self._kept[kept.key] = kept
        self._kept.move_to_end(kept.key)
        while len(self._kept) > ANSWERS_MAX or self._now() - next(iter(self._kept.values())).at >= KEEP_SECONDS:
            self._kept.popitem(last=False)
            if not self._kept:
                return

    async def _load(self) -> None:
        """Read back what is still kept, newest page first, once."""
        async with self._loading:
            if self._loaded:
                return
            pages: list[list[Kept]] = []
            before: int | None = None
            with contextlib.suppress(FerrymanError):
                while sum(map(len, pages)) < ANSWERS_MAX:
                    entries = await self._journal.newest_entries(STREAM, limit=PAGE, before=before)
                    pages.append([msgspec.convert(entry.body, Kept) for entry in entries])
                    if len(entries) < PAGE or self._now() - entries[0].at >= KEEP_SECONDS:
                        break
                    before = entries[0].position
            for kept in (kept for page in reversed(pages) for kept in page):
                if self._now() - kept.at < KEEP_SECONDS:
                    self._remember(kept)
            self._loaded = True


def _same(kept: Kept, request: Keyed) -> bytes:
    if kept.asked != request.asked:
        raise KeyReused(
            "key_reused", "this Idempotency-Key was used with another request", "take a new key for each request"
        )
    return kept.answer.encode()
