"""What a flag of one environment serves to whom, in words: a line for each thing that is asked, in the order of asking."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from ferryman.flags.definition import TARGETING_KEY, Flag, Rollout, Rule
from ferryman.flags.wording import in_words

NAMED_MAX = 5
LOGIC_CHARACTERS_MAX = 300


class Sentence(msgspec.Struct, frozen=True):
    """`who` gets the variant `serves`; "" is the default in the program's own code."""

    who: str
    serves: str


def sentences(flag: Flag) -> tuple[Sentence, ...]:
    """All of one flag, kills and trips apart. The last is for everybody who is left."""
    if not flag.enabled:
        return (Sentence("everybody, for it is disabled", ""),)
    return tuple(_sentences(flag))


def _sentences(flag: Flag) -> Iterator[Sentence]:
    rollout = flag.rollout
    by = rollout.by if rollout else TARGETING_KEY
    for need in flag.needs:
        yield Sentence(f"who does not get {need.variant} of {need.flag}", flag.off)
    for rule in flag.rules:
        yield Sentence(_rule(rule, by), rule.serve)
    more = "everybody else" if flag.needs or flag.rules else "everybody"
    if rollout is None:
        yield Sentence(more, flag.otherwise)
        return
    for share in rollout.split:
        exposed = share.percent * rollout.exposure_percent / 100
        if exposed > 0:
            yield Sentence(f"{_percent(exposed)} of {_whom(rollout)}", share.variant)
    everybody = rollout.exposure_percent == 100 and rollout.namespace is None
    yield Sentence(f"who has no {rollout.by}" if everybody else "everybody else", flag.off)


def _rule(rule: Rule, by: str) -> str:
    said: list[str] = []
    if rule.allow:
        named = ", ".join(rule.allow[:NAMED_MAX])
        left = len(rule.allow) - NAMED_MAX
        said.append(f"{by} is {named}" if len(rule.allow) == 1 else f"{by} is one of {named}")
        said[-1] += f" and {left} more" if left > 0 else ""
    condition = rule.when or (in_words(rule.logic) or json.dumps(rule.logic) if rule.logic is not None else "")
    if len(condition) > LOGIC_CHARACTERS_MAX:
        condition = condition[:LOGIC_CHARACTERS_MAX] + "…"
    said += [condition] if condition else []
    return f"where {' and '.join(said)}" if said else "everybody"


def _whom(rollout: Rollout) -> str:
    space = rollout.namespace
    users = "the users" if rollout.by == TARGETING_KEY else f"the users, chosen by {rollout.by}"
    if space is None:
        return users
    return f"{users}, between {_percent(space.start_percent)} and {_percent(space.end_percent)} of {space.name}"


def _percent(number: float) -> str:
    return f"{round(number, 3):g} %"
