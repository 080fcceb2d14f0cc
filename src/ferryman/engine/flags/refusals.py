"""Why a write of flags is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ferryman.flags.check import Finding, shown
from ferryman.flags.drafting import Draft
from ferryman.flags.driving import disturbs
from ferryman.flags.ledger import Change, Ledger
from ferryman.model.errors import Conflict, FerrymanError, Refused


def check_driven(ledger: Ledger, drivers: Mapping[tuple[str, str], str], changes: Sequence[Change]) -> None:
    """People leave alone what a rollout sees to. Raises `Refused` (``driven``)."""
    for change in changes:
        flags = ledger.environment(change.environment).flags
        for key, after in change.flags.items():
            rollout = drivers.get((change.environment, key))
            if rollout is not None and key in flags and disturbs(flags[key], after):
                raise Refused(
                    "driven",
                    f"{key} in {change.environment} is driven by the rollout {rollout}",
                    hint=f"`ferry abort {rollout.rpartition('-')[0]}` takes it back; `ferry flags kill {key}` stops it at once",
                )


def check_parent(ledger: Ledger, changes: Sequence[Change], parent: int) -> None:
    """What changed since a writer looked is not written over. Raises `Conflict` (``flag_moved``)."""
    for change in changes:
        here = ledger.environment(change.environment)
        for key in change.flags:
            moved = here.versions.get(key, 0)
            if moved > parent:
                by = here.history[key][-1].actor
                raise Conflict(
                    "flag_moved",
                    f"{key!r} of {change.environment} is at version {moved} by {by}, and {parent} was looked at",
                    "look again: `ferry flags diff` shows what changed",
                )


def unwatchable(ledger: Ledger, changes: Sequence[Change]) -> Iterator[Finding]:
    """New breakers with a query, where there is no server to ask."""
    for change in changes:
        flags = ledger.environment(change.environment).flags
        for key, flag in change.flags.items():
            breaker = flag.breaker if flag is not None else None
            if breaker and breaker.query and (key not in flags or flags[key].breaker != breaker):
                message = "this controller has no Prometheus server to ask"
                hint = "name one in the settings (`flags.prometheus`), or use `metric`"
                yield Finding(("flags", key, "breaker", "query"), "not_allowed", message, hint)


def plain(findings: Sequence[Finding]) -> FerrymanError:
    """The first finding and how many more, without places."""
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Refused("flags_invalid", f"{shown(first.path)}: {first.message}{more}", hint=first.hint)


def needs_rebucket(found: Draft) -> Refused:
    """The refusal of what would move exposed users."""
    plan = found.unsettling[0]
    moves = ", ".join(f"{m.before} -> {m.after} {m.users:,}" for m in plan.moves)
    what = f"of 100,000 users {plan.moved:,} of those exposed would change ({moves})" if plan.moved else ""
    what = what or "users met this experiment as it is divided now"
    return Refused(
        "rebucket",
        f"{plan.flag} in {plan.environment}: {what}",
        hint="if that is meant, say so: --rebucket",
    )
