"""Which notice goes to which channel. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ferryman.model.notice import Notice
from ferryman.model.notify import Rule


def routed(rules: Iterable[Rule], channels: Iterable[str], notice: Notice) -> tuple[str, ...]:
    """Names of the channels that are told of `notice`, in their order. Without any rule all are told everything."""
    rules, channels = tuple(rules), tuple(channels)
    if not rules:
        return channels
    named = {name for rule in rules if fits(rule, notice) for name in rule.channels or channels}
    return tuple(name for name in channels if name in named)


def reaches(rules: Iterable[Rule], channel: str, service: str) -> bool:
    """Whether a channel may be told anything of a service."""
    rules = tuple(rules)
    return not rules or any(
        (not rule.channels or channel in rule.channels)
        and (not rule.services or any(fnmatchcase(service, pattern) for pattern in rule.services))
        for rule in rules
    )


def fits(rule: Rule, notice: Notice) -> bool:
    """Whether every condition of the rule holds; an empty one always does."""
    return (
        (not rule.kinds or notice.kind in rule.kinds)
        and (not rule.audience or bool(set(rule.audience) & set(notice.audience)))
        and notice.severity.rank >= rule.severity.rank
        and (not rule.services or any(fnmatchcase(notice.service, pattern) for pattern in rule.services))
    )
