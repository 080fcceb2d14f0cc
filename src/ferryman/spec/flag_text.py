"""Flags as the text of a flags file: what `ferryman.spec.flags` reads, written."""

from __future__ import annotations

import difflib
from typing import Any

import msgspec

from ferryman.flags.definition import TARGETING_KEY, Flag, FlagSet, Hash, Place, Rollout, Rule
from ferryman.spec.writing import yaml_text


def flags_text(whole: FlagSet) -> str:
    """A whole file."""
    document: dict[str, Any] = {}
    if whole.flags:
        document["flags"] = {key: flag_values(flag) for key, flag in sorted(whole.flags.items())}
    if whole.segments:
        document["segments"] = {key: segment.when for key, segment in sorted(whole.segments.items())}
    return yaml_text(document or {"flags": {}})


def flag_text(flag: Flag) -> str:
    """One flag, as it stands below `flags`."""
    return yaml_text({flag.key: flag_values(flag)}, flat_from=2)


def difference(before: Flag | None, after: Flag | None, names: tuple[str, str]) -> str:
    """Two versions of a flag as a unified diff; "" when they are the same."""
    one, other = (flag_text(flag).splitlines(keepends=True) if flag else list[str]() for flag in (before, after))
    return "".join(difflib.unified_diff(one, other, *names)).rstrip("\n")


def flag_values(flag: Flag) -> dict[str, Any]:
    """The keys and values of one flag; those that are as when left out are left out."""
    written: dict[str, Any] = {
        "kind": flag.kind.value,
        "description": flag.description,
        "owner": flag.owner,
        "expires": flag.expires,
        "state": "" if flag.enabled else "disabled",
    }
    written = {name: value for name, value in written.items() if value}
    written["variants"] = {variant.name: variant.value for variant in flag.variants}
    written["off"] = flag.off
    if flag.default:
        written["default"] = flag.default
    if flag.schema is not None:
        written["schema"] = flag.schema
    if flag.needs:
        written["needs"] = [{"flag": need.flag, "is": need.variant} for need in flag.needs]
    if flag.rules:
        written["rules"] = [_rule(rule) for rule in flag.rules]
    if flag.rollout is not None:
        written["rollout"] = _rollout(flag.rollout)
    if flag.breaker is not None:
        breaker = flag.breaker
        written["breaker"] = {
            **({"query": breaker.query} if breaker.query else {"metric": breaker.metric}),
            "above": _short(breaker.above),
            "for_seconds": _short(breaker.for_seconds),
            "recover_seconds": _short(breaker.recover_seconds),
        }
    if flag.imported is not None:
        written["imported"] = msgspec.to_builtins(flag.imported)
    if flag.environments:
        written["environments"] = {name: _place(place) for name, place in flag.environments.items()}
    return written


def _rule(rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {"allow": list(rule.allow)} if rule.allow else {}
    if rule.when:
        written["when"] = rule.when
    if rule.logic is not None:
        written["logic"] = rule.logic
    return written | {"serve": rule.serve} | ({"driven": True} if rule.driven else {})


def _rollout(rollout: Rollout) -> dict[str, Any]:
    written: dict[str, Any] = {} if rollout.by == TARGETING_KEY else {"by": rollout.by}
    space = rollout.namespace
    if space is not None:
        written["namespace"] = {
            "name": space.name,
            "from": _short(space.start_percent),
            "to": _short(space.end_percent),
        }
    else:
        written["seed"] = rollout.seed
    written["split"] = {share.variant: _short(share.percent) for share in rollout.split}
    written["exposure"] = _short(rollout.exposure_percent)
    return written if rollout.hash is Hash.V3 else written | {"hash": rollout.hash.value}


def _place(place: Place) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if place.enabled is not None:
        written["state"] = "enabled" if place.enabled else "disabled"
    if place.rules is not None:
        written["rules"] = [_rule(rule) for rule in place.rules]
    if place.exposure_percent is not None:
        written["rollout"] = {"exposure": _short(place.exposure_percent)}
    return written | ({"default": place.default} if place.default is not None else {})


def _short(number: float) -> float | int:
    return int(number) if number.is_integer() else number
