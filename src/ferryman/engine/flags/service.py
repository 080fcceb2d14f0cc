"""The flags of a controller: written to the journal, served from memory.

Reading needs no store: when it is lost, what was known is served on, and `trouble` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from ferryman.engine.flags.approving import approval_of, check_word, has_enough, open_request, requested
from ferryman.engine.flags.askers import Askers
from ferryman.engine.flags.evaluations import UNTOLD, Evaluations
from ferryman.engine.flags.forms import Forms, Rendered
from ferryman.engine.flags.keeping import Keeping
from ferryman.engine.flags.reading import keep_ledger, read_ledger, recorded
from ferryman.engine.flags.refusals import check_driven, check_parent, needs_rebucket, plain, unwatchable
from ferryman.engine.flags.served import Served
from ferryman.flags.board import Cells, FlagRow, FlagsBoard, flag_rows, flags_board
from ferryman.flags.breaker import BreakerView
from ferryman.flags.check import Finding
from ferryman.flags.definition import DEFAULT_ENVIRONMENT, Flag
from ferryman.flags.drafting import Draft, draft
from ferryman.flags.driving import driven, fenced
from ferryman.flags.ledger import (
    STREAM,
    Change,
    Done,
    Driver,
    Environment,
    Fenced,
    Ledger,
    Overridden,
    Touched,
    Written,
    body_of,
)
from ferryman.flags.plan import ChangePlan
from ferryman.flags.requests import Answered, Request, keys_of
from ferryman.flags.stale import UNASKED_SECONDS, stale
from ferryman.model.errors import Conflict, FerrymanError, StoreError, UsageError
from ferryman.model.settings import FlagApproval
from ferryman.model.world import FlagShare
from ferryman.store.journal import ENTRY_BYTES_MAX, Journal
from ferryman.store.states import JournalStates
from ferryman.store.tallies import Tallies

T = TypeVar("T")
AT_ONCE_MAX = 200
"""Flags that are compiled between two turns of everything else."""

OVERRIDE_DEEDS = {"kill": "flag_killed", "unkill": "flag_unkilled", "trip": "flag_tripped", "recover": "flag_recovered"}

OnChange = Callable[[str, int, frozenset[str]], None]
"""Told environment, config version and the keys of the flags that are served differently. Must be quick and not raise."""

OnEntry = Callable[[frozenset[str]], None]
"""Told the keys of the flags that an entry of the log is about, also where nothing is served differently. Must be quick and
not raise."""

Place = Callable[[Sequence[Finding]], FerrymanError]
"""How findings are told: with their places in a document, where there is one."""


class WriteResult(NamedTuple):
    """What a write did. `version` is 0 when everything was so already, and when it waits for people: then `request` is the
    number under which it does."""

    version: int
    plans: tuple[ChangePlan, ...]
    request: int = 0


class FlagService:
    """All environments of one controller. Writes are one after the other."""

    def __init__(
        self, now: Callable[[], float], approvals: Sequence[FlagApproval] = (), *, asks_prometheus: bool = False
    ) -> None:
        self.ledger = Ledger()
        self.trouble = ""
        self.evaluations = Evaluations()
        self.askers = Askers()
        self._cells: Cells = {}
        self.keeping: Keeping | None = None
        self.breakers: dict[tuple[str, str], BreakerView] = {}
        """How breakers stand, by environment and flag, as they note it who watch them."""
        self._forms = Forms()
        self._now = now
        self._approvals = tuple(approvals)
        self._asks_prometheus = asks_prometheus
        self.drivers: Callable[[], Mapping[tuple[str, str], str]] = dict
        """Which rollout drives which flag now, by environment and key."""
        self._journal: Journal | None = None
        self._states: JournalStates | None = None
        self._kept = 0
        self._served: dict[str, Served] = {}
        self._writing = asyncio.Lock()
        self._listeners: list[OnChange] = []
        self._readers: list[OnEntry] = []

    async def load(self, journal: Journal, states: JournalStates | None = None) -> None:
        """Read what was written before, from what `states` kept of it on. Raises `StoreError`."""
        self._journal, self._states = journal, states
        self.ledger, self._kept = await read_ledger(journal, states)
        for name, environment in self.ledger.environments.items():
            self.served(name).begin(environment)

    async def keep_counts(self, tallies: Tallies, now: Callable[[], float]) -> None:
        """Go on counting where an earlier controller ended; from here on a store keeps the counts. `now` is the clock that
        counts are told by. Raises `StoreError`."""
        self.keeping = Keeping(self.evaluations, tallies, now)
        await self.keeping.start()

    async def close(self) -> None:
        """Keep the last counts, and what the journal adds up to. Never raises."""
        if self._states is not None:
            self._kept = await keep_ledger(self.ledger, self._kept, self._states)
        if self.keeping is not None:
            await self.keeping.close()

    # ------------------------------------------------------------------ reads
    def served(self, environment: str) -> Served:
        """An environment as it is served; one that nothing was written to is empty."""
        found = self._served.get(environment)
        if found is None:
            found = Served(environment)
            if environment in self.ledger.environments:
                self._served[environment] = found
        return found

    def rendered(self, system: str, environment: str) -> Rendered:
        """An environment in the form of another system: ``launchdarkly``, ``unleash`` or ``configcat``."""
        return self._forms.of(system, self.environment(environment))

    def environment(self, name: str) -> Environment:
        """One environment as people see it."""
        return self.ledger.environment(name)

    def stale(self) -> tuple[str, ...] | None:
        """Flags of the environment `prod` that expired or give everybody the same, by key; None where it has no flags."""
        whole = self.environment(DEFAULT_ENVIRONMENT).whole
        if not whole.flags:
            return None
        found = stale(whole, self._today(), DEFAULT_ENVIRONMENT, (), self.unasked(DEFAULT_ENVIRONMENT))
        return tuple(sorted({str(finding.path[1]) for finding in found}))

    def board(self) -> FlagsBoard:
        """Every flag in every environment."""
        return flags_board(self.ledger, self._today(), self._unasked(), self.trouble, self._cells)

    def rows(self, keys: Collection[str]) -> tuple[FlagRow, ...]:
        """Some of it: none for flags that are nowhere."""
        return flag_rows(self.ledger, keys, self._today(), self._unasked(), self._cells)

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._now(), dt.UTC).date()

    def _unasked(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self.unasked(name)) for name in self.ledger.environments}

    def evaluated(self, environment: str) -> dict[str, int]:
        """When (epoch second) programs last said that they evaluated a flag, by key."""
        told = {key: self.evaluations.last(environment, key) for key in self.environment(environment).flags}
        return {key: last for key, last in told.items() if last is not None}

    def unasked(self, environment: str) -> tuple[str, ...]:
        """Flags that no program evaluated for 30 days although it was counted, by key. None while programs ask in a way in
        which nobody learns what they evaluate."""
        bound = self._now() - UNASKED_SECONDS
        first, untold = self.evaluations.first(environment), self.evaluations.last(environment, UNTOLD)
        if first is None or first > bound or (untold is not None and untold >= bound):
            return ()
        here, told = self.environment(environment), self.evaluated(environment)
        return tuple(sorted(key for key in here.flags if told.get(key, 0) < bound and here.created_at(key) < bound))

    def troubles(self) -> tuple[str, ...]:
        """What the store does not do for flags, while they are served on."""
        counts = self.keeping.trouble if self.keeping is not None else ""
        found = (
            f"flags cannot be written: {self.trouble}" if self.trouble else "",
            f"counts of flags are in memory only: {counts}" if counts else "",
        )
        return tuple(filter(None, found))

    def known(self, environment: str, key: str) -> Flag:
        """Raises `UsageError` (``unknown_flag``)."""
        flag = self.ledger.environment(environment).flags.get(key)
        if flag is None:
            elsewhere = [name for name, each in sorted(self.ledger.environments.items()) if key in each.flags]
            hint = f"it is in {', '.join(elsewhere)}" if elsewhere else "see `ferry flags list`"
            raise UsageError("unknown_flag", f"there is no flag {key[:128]!r} in {environment}", hint)
        return flag

    async def version_of(self, environment: str, key: str, version: int) -> Flag | None:
        """A flag as it was written in one config version; None when that version took it away. Raises `UsageError`
        (``unknown_version``), `StoreError`."""
        done = self._written(environment, key, version)
        page = await self.journal.entries(STREAM, after=done.position - 1, limit=1)
        body = msgspec.convert(page[0].body, Written)
        change = next(change for change in body.changes if change.environment == environment and key in change.flags)
        return change.flags[key]

    def _written(self, environment: str, key: str, version: int) -> Done:
        history = self.ledger.environment(environment).history.get(key, [])
        for done in history:
            if done.version == version and done.kind in {"created", "written", "removed"}:
                return done
        known = ", ".join(str(done.version) for done in history[-10:] if done.kind != "killed")
        raise UsageError(
            "unknown_version",
            f"{key[:128]!r} was not written in version {version} of {environment}",
            f"its last: {known}" if known else "see `ferry flags history`",
        )

    @property
    def journal(self) -> Journal:
        """There once it was loaded."""
        assert self._journal is not None, "the flags were not loaded"
        return self._journal

    async def check_store(self) -> str:
        """Look whether the log can be read; what is wrong, "" for nothing."""
        with contextlib.suppress(FerrymanError):
            await self._guarded(self.journal.newest_entries(STREAM, limit=1))
        return self.trouble

    def on_change(self, listener: OnChange) -> Callable[[], None]:
        """Tell of every change that is served; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def on_entry(self, reader: OnEntry) -> Callable[[], None]:
        """Tell of every entry, those of requests too; returns what ends it."""
        self._readers.append(reader)
        return lambda: self._readers.remove(reader)

    # ------------------------------------------------------------------ writes
    async def plan(self, changes: Sequence[Change], refuse: Place | None = None) -> Draft:
        """What a write would do. Raises what `refuse` makes of what forbids it."""
        found = await asyncio.to_thread(draft, self.ledger, changes)
        findings = (*found.findings, *(() if self._asks_prometheus else unwatchable(self.ledger, found.changes)))
        if findings:
            raise (refuse or plain)(findings)
        return found

    async def write(
        self,
        changes: Sequence[Change],
        *,
        parent: int,
        actor: str,
        reason: str = "",
        rebucket: bool = False,
        reverted: int = 0,
        account: str = "",
        refuse: Place | None = None,
    ) -> WriteResult:
        """Write durably, then serve; or ask people first, where the settings say so. `account` is who really asks. Raises `Conflict` (``flag_moved``) when something in it changed after version
        `parent`, `Refused` (``rebucket``) when exposed users would move, `StoreError`, and what `plan` raises."""
        async with self._writing:
            check_parent(self.ledger, changes, parent)
            found = await self.plan(changes, refuse)
            check_driven(self.ledger, self.drivers(), found.changes)
            if found.unsettling and not rebucket:
                raise needs_rebucket(found)
            if not found.changes:
                return WriteResult(0, found.plans)
            body = Written(found.changes, parent, reason, rebucket and bool(found.unsettling), reverted)
            approval = approval_of(self._approvals, body)
            if approval is not None:
                asked = requested(body, approval, account or actor)
                return WriteResult(0, found.plans, await self._append("change_requested", asked, actor))
            return WriteResult(await self._append("flags_written", body, actor), found.plans)

    async def drive(self, share: FlagShare, driver: Driver, *, reason: str) -> None:
        """What a rollout asks of a flag: written at once, whatever people would have to agree to, since they agreed to the
        rollout. Nothing where it is so already, or where there is no such flag. Raises `Stale` for a rollout that wrote in a
        later generation already, `StoreError`."""
        async with self._writing:
            body = driven(self.ledger, share, driver, reason)
            if body is not None:
                await self._append("flags_written", body, driver.rollout)

    async def fence(self, environment: str, key: str, driver: Driver) -> None:
        """From here on no older generation of that service writes to the flag. Raises `Stale` as `drive`, `StoreError`."""
        async with self._writing:
            body = fenced(self.ledger, environment, key, driver)
            if body is not None:
                await self._append("flag_fenced", body, driver.rollout)

    async def approve(self, number: int, digest: str, *, account: str, role: str, reason: str = "") -> Request:
        """Agree to a request; with the last word it is written. Raises what `open_request`, `check_word` and `write` raise: what cannot
        be written any more stays open, to be denied."""
        async with self._writing:
            request = open_request(self.ledger.requests.known.get(number), number, digest)
            check_word(request, account, role, agrees=True)
            if all(given.by != account for given in request.given):
                await self._append("change_approved", Answered(number, role, reason), account)
            if has_enough(request):
                body = msgspec.structs.replace(msgspec.convert(request.asked.write, Written), request=number)
                check_parent(self.ledger, body.changes, body.parent)
                check_driven(self.ledger, self.drivers(), body.changes)
                found = await self.plan(body.changes)
                if found.unsettling and not body.rebucket:
                    raise needs_rebucket(found)
                await self._append("flags_written", body, request.author)
            return request

    async def deny(self, number: int, digest: str, *, account: str, role: str, reason: str = "") -> Request:
        """Refuse a request: one word ends it; the author may take it back. Raises what `open_request` and
        `check_word` raise."""
        async with self._writing:
            request = open_request(self.ledger.requests.known.get(number), number, digest)
            check_word(request, account, role, agrees=False)
            await self._append("change_denied", Answered(number, role, reason), account)
            return request

    async def override(self, deed: str, environment: str, key: str, *, actor: str, reason: str = "") -> int:
        """`kill`, `unkill`, `trip` or `recover`; the config version. Doing it twice changes nothing. Raises `UsageError`
        (``unknown_flag``), `StoreError`."""
        async with self._writing:
            self.known(environment, key)
            kinds = self.ledger.environment(environment).overrides.get(key, {})
            kind = "killed" if deed in {"kill", "unkill"} else "tripped"
            if (kind in kinds) == (deed in {"kill", "trip"}):
                return self.ledger.environment(environment).version
            return await self._append(OVERRIDE_DEEDS[deed], Overridden(environment, key, reason), actor)

    async def _append(self, kind: str, body: msgspec.Struct, actor: str) -> int:
        # A kill waits for no thread.
        encoded, size = (
            _measured(body) if isinstance(body, Overridden | Fenced) else await asyncio.to_thread(_measured, body)
        )
        if size > ENTRY_BYTES_MAX:
            raise UsageError(
                "too_large", f"the write has {size} bytes; at most {ENTRY_BYTES_MAX} go at once", "write it in parts"
            )
        writing = self.journal.write(
            STREAM, at=self._now(), actor=actor, kind=kind, body=encoded, expected_seq=self.ledger.version
        )
        entry = await self._guarded(writing)
        touched = self.ledger.apply(recorded(entry))
        for environment, flags, segments in touched:
            served = self.served(environment)
            here = self.ledger.environment(environment)
            if len(flags) > AT_ONCE_MAX:  # others must not wait for it; writes do, by the lock
                changed = await asyncio.to_thread(served.update, here, flags, segments)
            else:
                changed = served.update(here, flags, segments)
            for listener in tuple(self._listeners):
                listener(environment, entry.seq, changed)
        self._tell_readers(kind, encoded, touched)
        return entry.seq

    def _tell_readers(self, kind: str, body: dict[str, Any], touched: Sequence[Touched]) -> None:
        number = self.ledger.version if kind == "change_requested" else int(body.get("request", 0))
        request = self.ledger.requests.known.get(number)
        keys = frozenset(key for each in touched for key in each.flags)
        keys |= keys_of(request) if request else frozenset[str]()
        for reader in tuple(self._readers):
            reader(keys)

    async def _guarded(self, asked: Awaitable[T]) -> T:
        """Note whether the log answers."""
        try:
            answer = await asked
        except Conflict:
            raise
        except StoreError as error:
            self.trouble = error.message
            raise
        self.trouble = ""
        return answer


def _measured(body: msgspec.Struct) -> tuple[dict[str, Any], int]:
    """A body as the journal takes it, and its size in bytes."""
    encoded = body_of(body)
    return encoded, len(msgspec.json.encode(encoded))
