"""A flag under a rollout: what the rollout asks of it, and what people may not change meanwhile.

Whom a rollout lets in before any percentage stands in rules of its own, in front of the others, marked `driven`: they go when
it asks for something else.
"""

from __future__ import annotations

from msgspec.structs import replace

from ferryman.flags.definition import Flag, FlagSet, Rollout, Rule
from ferryman.flags.ledger import Change, Driver, Fenced, Ledger, Written
from ferryman.model.errors import Stale
from ferryman.model.world import FlagShare


def exposed_variants(flag: Flag) -> tuple[str, ...]:
    """The variants that the exposed meet, in the order of their slots."""
    split = flag.rollout.split if flag.rollout is not None else ()
    return tuple(share.variant for share in split if share.variant != flag.off and share.percent > 0)


def share_of(flag: Flag, environment: str) -> FlagShare:
    """How far a flag that has a rollout is exposed."""
    driven = [rule for rule in flag.rules if rule.driven]
    segments = tuple(_segment(rule) for rule in driven if rule.when)
    allow = tuple(key for rule in driven for key in rule.allow)
    percent = flag.rollout.exposure_percent if flag.rollout is not None else 0.0
    return FlagShare(environment, flag.key, percent, segments, allow)


def exposed_to(flag: Flag, share: FlagShare) -> Flag:
    """The flag with that exposure and everything else as it is. `undrivable` says whether that can be."""
    assert flag.rollout is not None
    own = [rule for rule in flag.rules if not rule.driven]
    people: list[Rule] = []
    if share.segments or share.allow:
        variant = exposed_variants(flag)[0]
        people = [Rule(variant, when=f'segment("{name}")', driven=True) for name in share.segments]
        people += [Rule(variant, allow=share.allow, driven=True)] if share.allow else []
    rollout = replace(flag.rollout, exposure_percent=share.exposure_percent)
    return replace(flag, rules=(*people, *own), rollout=rollout)


def driven(ledger: Ledger, share: FlagShare, driver: Driver, reason: str) -> Written | None:
    """What a rollout writes to expose a flag like that; None where it is so already, or where there is no such flag. Raises
    `Stale` for an older generation of the same service than one that wrote or fenced."""
    here = ledger.environment(share.environment)
    check_generation(here.drivers.get(share.key, {}).get(driver.service), share.key, driver)
    flag = here.flags.get(share.key)
    if flag is None or flag.rollout is None or share_of(flag, share.environment) == share:
        return None
    change = Change(share.environment, {share.key: exposed_to(flag, share)})
    return Written((change,), ledger.version, reason, driver=driver)


def fenced(ledger: Ledger, environment: str, key: str, driver: Driver) -> Fenced | None:
    """What a controller writes that takes a rollout over, so that whoever carried it before writes to the flag no more; None
    where its fence stands already. Raises `Stale` as `driven`."""
    last = ledger.environment(environment).drivers.get(key, {}).get(driver.service)
    check_generation(last, key, driver)
    stands = last is not None and last.generation.fence == driver.generation.fence
    return None if stands else Fenced(environment, key, driver)


def check_generation(last: Driver | None, key: str, driver: Driver) -> None:
    """Raises `Stale` when `driver` is of an older generation than `last`, both of one service."""
    if last is not None and last.generation > driver.generation:
        message = f"{key} was written by {last.rollout} in {last.generation}; {driver.generation} is older"
        raise Stale("stale_generation", message)


def undrivable(flag: Flag, whole: FlagSet, shares: tuple[FlagShare, ...]) -> tuple[str, str]:
    """Why the flag cannot be exposed like that, and what to do about it; ("", "") when it can."""
    if flag.rollout is None:
        return f"{flag.key} has no `rollout` to be exposed by", "give it one with `exposure: 0`"
    if not flag.enabled:
        return (
            f"{flag.key} is disabled, so programs take the default in their own code",
            "set its `state: enabled` first",
        )
    variants = exposed_variants(flag)
    if not variants:
        return f"the split of {flag.key} gives everybody `{flag.off}`", "put another variant into `split`"
    people = any(share.segments or share.allow for share in shares)
    if people and len(variants) > 1:
        names = ", ".join(variants)
        return f"{flag.key} has the variants {names}: a step by people cannot tell which", "leave those steps out"
    missing = sorted({name for share in shares for name in share.segments if name not in whole.segments})
    if missing:
        known = ", ".join(sorted(whole.segments)) or "none"
        return f"there is no segment {missing[0]!r}", f"known: {known}; see `ferry flags set`"
    return "", ""


def disturbs(before: Flag, after: Flag | None) -> bool:
    """Whether a change would interfere with the rollout that drives the flag. Rules of its own may change."""
    if after is None or not after.enabled or share_of(before, "") != share_of(after, ""):
        return True
    return _kept(before.rollout) != _kept(after.rollout) or (before.off, before.variants) != (after.off, after.variants)


def _kept(rollout: Rollout | None) -> Rollout | None:
    return replace(rollout, exposure_percent=0.0) if rollout is not None else None


def _segment(rule: Rule) -> str:
    return rule.when.removeprefix('segment("').removesuffix('")')
