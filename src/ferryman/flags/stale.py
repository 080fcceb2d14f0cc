"""Flags that have done their work: what is to be taken out of the code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

from ferryman.flags.check import Finding
from ferryman.flags.definition import Flag, FlagSet, Kind, in_environment

LASTING = frozenset({Kind.OPS, Kind.PERMISSION})
"""Kinds that stay in the code on purpose."""


UNASKED_SECONDS = 30 * 86_400.0
"""A flag that no program evaluates for so long is needed by nobody."""


def stale(
    whole: FlagSet, today: dt.date, environment: str, unused: Collection[str], unasked: Collection[str] = ()
) -> Iterator[Finding]:
    """Findings about flags that should go. Codes: ``expired``; ``decided``: in `environment` everybody gets the same
    variant; ``unused``: the key is one of `unused`, those that stand nowhere in the code; ``unasked``: it is one of
    `unasked`, those that no program evaluated for `UNASKED_SECONDS`."""
    for key, flag in whole.flags.items():
        if flag.expires and dt.date.fromisoformat(flag.expires) < today:
            yield Finding(("flags", key, "expires"), "expired", f"`{key}` expired on {flag.expires}", _way_out(flag))
        variant = decided(in_environment(flag, environment))
        if variant is not None and flag.kind not in LASTING:
            message = f"everybody gets `{variant}` of `{key}` in {environment}"
            yield Finding(("flags", key), "decided", message, _way_out(flag, variant))
        if key in unused:
            yield Finding(("flags", key), "unused", f"`{key}` stands nowhere in the code", f"ferry flags delete {key}")
        if key in unasked:
            days = round(UNASKED_SECONDS / 86_400)
            message = f"no program asked for `{key}` in {environment} for {days} days"
            yield Finding(("flags", key), "unasked", message, _way_out(flag))


def decided(flag: Flag) -> str | None:
    """The variant other than `off` that everybody gets of a flag of one environment, None while users differ."""
    if not flag.enabled or flag.needs:
        return None
    served = {rule.serve for rule in flag.rules}
    rollout = flag.rollout
    if rollout is None:
        served.add(flag.otherwise)
    elif rollout.exposure_percent < 100 or rollout.namespace is not None:
        return None
    else:
        served |= {share.variant for share in rollout.split if share.percent > 0}
    return None if len(served) != 1 or flag.off in served else served.pop()


def _way_out(flag: Flag, variant: str = "") -> str:
    value = (
        "VALUE"
        if not variant
        else str(flag.value(variant)).lower()
        if flag.value(variant) in (True, False)
        else variant
    )
    return f"ferry flags remove {flag.key} --value {value}"
