"""What is told of flags that a circuit breaker turned off or tries again: as long as it is so, or was lately. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ferryman.engine.outbox.outbox import STANDING
from ferryman.flags.breaker import rule_of
from ferryman.flags.ledger import Done, Environment, Ledger, Override
from ferryman.model.notice import Audience, Notice, NoticeKind, Severity
from ferryman.notify.words import clean

RECOVERED_SECONDS = 3600.0
"""A flag that was tried again so long ago is no news any more."""


def flag_notices(ledger: Ledger, now: float) -> Iterator[Notice]:
    """Of all environments. The same trip is the same notice."""
    for environment in ledger.environments.values():
        for key, kinds in environment.overrides.items():
            tripped = kinds.get("tripped")
            if tripped is not None:
                yield _tripped(environment, key, tripped)
                continue
            last = environment.history[key][-1]
            if last.kind == "recovered" and now - last.at < RECOVERED_SECONDS:
                yield _recovered(environment, key, last)


def _tripped(environment: Environment, key: str, override: Override) -> Notice:
    flag = environment.flags.get(key)
    breaker = flag.breaker if flag is not None else None
    return Notice(
        key=f"{STANDING}flags/{environment.name}/{key}/{override.version}",
        kind=NoticeKind.FLAG_TRIPPED,
        severity=Severity.CRITICAL,
        audience=(Audience.OWNERS, Audience.ON_CALL),
        service="",
        at=override.since,
        title=clean(f"flag {key} in {environment.name} was turned off: {override.reason}"),
        actor=override.by,
        reason=clean(override.reason),
        lines=(f"its breaker {rule_of(breaker)}",) if breaker is not None else (),
    )


def _recovered(environment: Environment, key: str, done: Done) -> Notice:
    return Notice(
        key=f"{STANDING}flags/{environment.name}/{key}/{done.version}",
        kind=NoticeKind.FLAG_RECOVERED,
        severity=Severity.INFO,
        audience=(Audience.OWNERS, Audience.ON_CALL),
        service="",
        at=done.at,
        title=clean(f"flag {key} in {environment.name} is served again: {done.reason}"),
        actor=done.actor,
        reason=clean(done.reason),
    )
