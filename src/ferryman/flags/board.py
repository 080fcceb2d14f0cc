"""Every flag in every environment at one glance, and one flag in all of them: plain values, ready for JSON. Times are
epoch seconds."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ferryman.flags.breaker import BreakerView, rule_of, what_of
from ferryman.flags.definition import DEFAULT_ENVIRONMENT, Flag
from ferryman.flags.ledger import Environment, Ledger, Override, Written
from ferryman.flags.plan import ChangePlan
from ferryman.flags.requests import Given, Request, keys_of
from ferryman.flags.sentences import Sentence, sentences
from ferryman.flags.slots import BUCKETS, division
from ferryman.flags.stale import stale
from ferryman.flags.views import DoneView, EnvironmentView, environment_view, flag_view, summary

Unasked = Mapping[str, frozenset[str]]
"""Environment -> keys of the flags that no program asked for of late."""


Cells = dict[tuple[str, str], "FlagCell"]
"""Cells by environment and key, kept from one look to the next: of ten thousand flags few have changed."""


class StaleView(msgspec.Struct, frozen=True):
    """Why a flag should go. `code`: expired, decided or unasked; `command` takes it out of code, `since` is when it was
    changed the last time."""

    code: str
    environment: str
    message: str
    command: str
    since: float


class FlagCell(msgspec.Struct, frozen=True):
    """One flag in one environment. `serves` is the variant of everybody whom no rule decides about, "" where they are
    divided or where it is the default of the programs; `rules` counts what is asked before."""

    environment: str
    state: str
    serves: str
    exposed_percent: float
    rules: int
    version: int
    changed_at: float
    changed_by: str


class FlagRow(msgspec.Struct, frozen=True):
    """One flag: a cell for each environment that it is in, none while it is only asked for. Owner, expiry (YYYY-MM-DD) and
    description are those of `prod`, or of the first environment; `requests` counts changes of it that wait for people."""

    key: str
    kind: str
    owner: str
    expires: str
    description: str
    cells: tuple[FlagCell, ...]
    stale: tuple[StaleView, ...] = ()
    requests: int = 0


class FlagsBoard(msgspec.Struct, frozen=True):
    """All of them, by key, as of the config version `version`."""

    version: int
    environments: tuple[EnvironmentView, ...]
    flags: tuple[FlagRow, ...]
    trouble: str = ""


class SlotView(msgspec.Struct, frozen=True):
    """A part of the users whom no rule decides about, in the order of the buckets."""

    variant: str
    percent: float
    exposed: bool


class VariantView(msgspec.Struct, frozen=True):
    """One answer of a flag."""

    name: str
    value: Any


class PlaceView(msgspec.Struct, frozen=True):
    """One flag in one environment. `exposure_percent` is None where it has no rollout; `rules` are what is asked in turn, in
    words; `history` are the last things done to it, oldest first; `driver` is the release that sees to it now, `watched` how its
    breaker stands."""

    cell: FlagCell
    exposure_percent: float | None
    by: str
    breaker: str
    override: Override | None
    rules: tuple[Sentence, ...]
    slots: tuple[SlotView, ...]
    history: tuple[DoneView, ...]
    needed_by: tuple[str, ...]
    driver: str = ""
    watched: BreakerView | None = None


class WaitingView(msgspec.Struct, frozen=True):
    """A change that waits for people: what it would do as things are now, or in `trouble` why it cannot be made any more."""

    number: int
    at: float
    author: str
    summary: str
    reason: str
    needed: int
    role: str
    digest: str
    given: tuple[Given, ...]
    plans: tuple[ChangePlan, ...] = ()
    trouble: str = ""


class FlagEverywhere(msgspec.Struct, frozen=True):
    """One flag in all its environments, as of the config version `version`."""

    version: int
    row: FlagRow
    variants: tuple[VariantView, ...]
    off: str
    places: tuple[PlaceView, ...]
    requests: tuple[WaitingView, ...]
    trouble: str = ""


def flags_board(ledger: Ledger, today: dt.date, unasked: Unasked, trouble: str, cells: Cells) -> FlagsBoard:
    """The whole of it. Changes that come meanwhile may be in it or not: it says to be of the version before them."""
    version = ledger.version
    environments = [each for _, each in sorted(ledger.environments.items())]
    keys = {key for each in environments for key in each.flags} | _proposed(ledger).keys()
    views = tuple(environment_view(each, trouble) for each in environments)
    return FlagsBoard(version, views, flag_rows(ledger, keys, today, unasked, cells), trouble)


def flag_rows(
    ledger: Ledger, keys: Iterable[str], today: dt.date, unasked: Unasked, cells: Cells
) -> tuple[FlagRow, ...]:
    """The rows of these flags; none for those that are nowhere, not even in a request."""
    waiting = [each for each in list(ledger.requests.known.values()) if each.state == "open"]
    asked = Counter(key for each in waiting for key in keys_of(each))
    kept, everywhere = frozenset(keys), [each for _, each in sorted(ledger.environments.items())]
    old, proposed = _stale(ledger, kept, today, unasked), _proposed(ledger)
    found: list[FlagRow] = []
    for key in sorted(kept):
        there = [each for each in everywhere if key in each.flags]
        first = next((each for each in there if each.name == DEFAULT_ENVIRONMENT), there[0] if there else None)
        flag = first.flags[key] if first else proposed.get(key)
        if flag is None:
            continue
        found.append(
            FlagRow(
                key=key,
                kind=flag.kind.value,
                owner=flag.owner,
                expires=flag.expires,
                description=flag.description,
                cells=tuple(_known_cell(each, key, cells) for each in there),
                stale=old.get(key, ()),
                requests=asked[key],
            )
        )
    return tuple(found)


def flag_everywhere(
    ledger: Ledger,
    row: FlagRow,
    requests: tuple[WaitingView, ...],
    trouble: str,
    drivers: Mapping[tuple[str, str], str],
    breakers: Mapping[tuple[str, str], BreakerView],
) -> FlagEverywhere:
    """One of them. `drivers` names the rollouts that see to flags now, `breakers` says how those of flags stand; both by
    environment and key."""
    places = [ledger.environments[cell.environment] for cell in row.cells]
    one = places[0].flags[row.key] if places else _proposed(ledger)[row.key]
    variants = tuple(VariantView(each.name, each.value) for each in one.variants)
    names = [(each.name, row.key) for each in places]
    shown = tuple(
        _place(each, each.flags[row.key], drivers.get(name, ""), breakers.get(name))
        for each, name in zip(places, names, strict=True)
    )
    return FlagEverywhere(ledger.version, row, variants, one.off, shown, requests, trouble)


def waiting_view(request: Request, plans: tuple[ChangePlan, ...], trouble: str) -> WaitingView:
    """A change that waits."""
    asked = request.asked
    reason, given = str(asked.write.get("reason", "")), tuple(request.given)
    return WaitingView(
        request.number, request.at, request.author, asked.summary, reason, asked.needed, asked.role, asked.digest, given,
        plans, trouble,
    )  # fmt: skip


def _proposed(ledger: Ledger) -> dict[str, Flag]:
    """The flags of changes that wait for people, as they would be."""
    waiting = [each for each in list(ledger.requests.known.values()) if each.state == "open"]
    changes = [change for each in waiting for change in msgspec.convert(each.asked.write, Written).changes]
    return {key: flag for change in changes for key, flag in change.flags.items() if flag is not None}


def _known_cell(environment: Environment, key: str, cells: Cells) -> FlagCell:
    """Whatever happens to a flag is in its history."""
    known = cells.get((environment.name, key))
    if known is None or known.version != environment.history[key][-1].version:
        known = cells[environment.name, key] = _cell(environment, environment.flags[key])
    return known


def _cell(environment: Environment, flag: Flag) -> FlagCell:
    one = summary(environment, flag)
    divided = division(flag)
    serves = divided[0].variant if len(divided) == 1 and flag.enabled else ""
    return FlagCell(
        environment=environment.name,
        state=one.state,
        serves=flag.off if one.state in {"killed", "tripped"} else serves,
        exposed_percent=one.exposed_percent,
        rules=len(flag.rules) + len(flag.needs),
        version=one.version,
        changed_at=one.changed_at,
        changed_by=one.changed_by,
    )


def _place(environment: Environment, flag: Flag, driver: str, watched: BreakerView | None) -> PlaceView:
    view = flag_view(environment, flag, {})
    rollout = flag.rollout
    slots = tuple(SlotView(each.variant, each.size * 100.0 / BUCKETS, each.exposed) for each in division(flag))
    return PlaceView(
        cell=_cell(environment, flag),
        exposure_percent=None if rollout is None else rollout.exposure_percent,
        by="" if rollout is None else rollout.by,
        breaker=f"{what_of(flag.breaker)} {rule_of(flag.breaker)}" if flag.breaker else "",
        override=view.override,
        rules=sentences(flag),
        slots=slots,
        history=view.history,
        needed_by=view.needed_by,
        driver=driver,
        watched=watched,
    )


def _stale(ledger: Ledger, keys: frozenset[str], today: dt.date, unasked: Unasked) -> dict[str, tuple[StaleView, ...]]:
    """Of `prod`; where it has no flags, of the only environment that has some."""
    there = [each for each in ledger.environments.values() if each.flags]
    here = next((each for each in there if each.name == DEFAULT_ENVIRONMENT), there[0] if len(there) == 1 else None)
    if here is None:
        return {}
    found: dict[str, tuple[StaleView, ...]] = {}
    some = msgspec.structs.replace(here.whole, flags={key: flag for key, flag in here.flags.items() if key in keys})
    for finding in stale(some, today, here.name, (), unasked.get(here.name, frozenset())):
        key = str(finding.path[1])
        since = here.history[key][-1].at
        view = StaleView(finding.code, here.name, finding.message.replace("`", ""), finding.hint, since)
        found[key] = (*found.get(key, ()), view)
    return found
