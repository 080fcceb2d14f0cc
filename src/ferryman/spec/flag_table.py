"""Every key of a flags file, once: parsing, JSON Schema and reference are made from this table.

Here is the shape alone; what must hold between keys is in `ferryman.flags.check`.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ferryman.flags.breaker import METRICS, RECOVER_SECONDS_MIN
from ferryman.flags.definition import (
    ALLOWED_MAX,
    ENVIRONMENT_PATTERN,
    FLAG_BYTES_MAX,
    FLAGS_MAX,
    KEY_PATTERN,
    RULES_MAX,
    TARGETING_KEY,
    VARIANT_PATTERN,
    VARIANTS_MAX,
    Breaker,
    Flag,
    Hash,
    Imported,
    Kind,
    Namespace,
    Need,
    Place,
    Rollout,
    Rule,
    Segment,
    Share,
    Variant,
)
from ferryman.spec.evidence_source import Query
from ferryman.spec.flag_kinds import AnyValue, Named
from ferryman.spec.kinds import BAD, Choice, Number, Text, items
from ferryman.spec.kinds import Flag as OnOff
from ferryman.spec.shapes import Free, Given, Key, Keys, ListOf

KEY_RULE = "letters, digits and . _ -, at most 128, a letter or digit at either end"
VARIANT_RULE = "letters, digits and _ . -, at most 63"
ENVIRONMENT_RULE = "lower case letters, digits and dashes, at most 40, no dash at either end"

VARIANT = Text(label="variant", pattern=VARIANT_PATTERN, rule=VARIANT_RULE, most=63)
FLAG_KEY = Text(label="key", pattern=KEY_PATTERN, rule=KEY_RULE, most=128)
ATTRIBUTE = Text(label="attribute", pattern=r"[A-Za-z_$][\w$.-]*", rule="names joined by dots", most=200)
PERCENT = Number("percent", 0.0, 100.0)
SECONDS = Number("seconds", 0.0, 31 * 86_400.0)
WHEN = Text(label="[condition](#conditions)", most=8000)


def _all(given: Given, *names: str) -> bool:
    return all(name in given.values for name in names)


def _rule(given: Given) -> object:
    if not _all(given, "serve") or any(given.has(n) and n not in given.values for n in ("allow", "when", "logic")):
        return BAD
    values = given.values
    allow = tuple(str(key) for key in items(values.get("allow")))
    driven = values.get("driven") is True
    return Rule(str(values["serve"]), allow, str(values.get("when", "")), values.get("logic"), driven)


RULE = Keys(
    title="Rules",
    doc="Who meets a variant whatever the rollout says. The first rule that fits decides.",
    keys=(
        Key("allow", ListOf(Text(most=1000), most=ALLOWED_MAX), "Keys of users, one by one."),
        Key("when", WHEN, "A condition on the attributes of the user."),
        Key("logic", Free(), "The condition as JSONLogic instead."),
        Key("serve", VARIANT, "What they get.", required=True),
        Key("driven", OnOff(), "`true`: a rollout put it there, and takes it away again."),
    ),
    build=_rule,
)


def _need(given: Given) -> object:
    return Need(str(given.values["flag"]), str(given.values["is"])) if _all(given, "flag", "is") else BAD


NEED = Keys(
    title="Needs",
    doc="Another flag that must serve a variant to the same user; otherwise this one serves `off`.",
    keys=(
        Key("flag", FLAG_KEY, "The other flag.", required=True),
        Key("is", VARIANT, "The variant that it must serve.", required=True),
    ),
    build=_need,
)


def _namespace(given: Given) -> object:
    if not _all(given, "name", "from", "to"):
        return BAD
    values = cast("dict[str, Any]", given.values)
    return Namespace(str(values["name"]), float(values["from"]), float(values["to"]))


NAMESPACE = Keys(
    title="Namespace",
    doc="Experiments in one namespace share a seed and take ranges of it, so that nobody is in two of them.",
    keys=(
        Key("name", FLAG_KEY, "Its name.", required=True),
        Key("from", PERCENT, "Where the range begins.", required=True),
        Key("to", PERCENT, "Where it ends.", required=True),
    ),
    build=_namespace,
)


def _share(name: str, percent: object) -> object:
    return Share(name, float(cast("float", percent)))


def _rollout(given: Given) -> object:
    """Without seed and split where they are left out: they follow from the flag."""
    if given.has("namespace") and given.has("seed"):
        given.wrong("seed", "exclusive", "`namespace` and `seed` exclude each other", "the namespace is the seed")
    if any(name not in given.values for name in given.node.entries):
        return BAD
    values = cast("dict[str, Any]", given.values)
    space: Namespace | None = values.get("namespace")
    return Rollout(
        seed=space.name if space else str(values.get("seed", "")),
        split=values.get("split", ()),
        exposure_percent=float(values.get("exposure", 100.0)),
        by=str(values.get("by", TARGETING_KEY)),
        hash=Hash(str(values.get("hash", "v3"))),
        namespace=space,
    )


ROLLOUT = Keys(
    title="Rollout",
    doc="How far the flag is rolled out. Growing it never moves a user who was exposed before.",
    keys=(
        Key("by", ATTRIBUTE, "Attribute that decides the side of a user. Who has none gets `off`.", default=TARGETING_KEY),
        Key("seed", FLAG_KEY, "What the users are divided by. Left out: the key of the flag."),
        Key(
            "split", Named(PERCENT, _share, VARIANT_PATTERN, VARIANT_RULE, "variant", VARIANTS_MAX),
            "Shares of the variants among the exposed; they sum to 100. Left out: the one variant that is not `off`.",
        ),
        Key("exposure", PERCENT, "Percent of the users who are exposed; the others get `off`.", default=100),
        Key("hash", Choice(tuple(each.value for each in Hash)), "Generation of the hash.", default="v3"),
        Key("namespace", NAMESPACE, NAMESPACE.doc),
    ),
    build=_rollout,
)  # fmt: skip


def _breaker(given: Given) -> object:
    if not _all(given, "above", "for_seconds", "recover_seconds") or not given.values.keys() & {"metric", "query"}:
        return BAD
    values = cast("dict[str, Any]", given.values)
    numbers = (float(values[name]) for name in ("above", "for_seconds", "recover_seconds"))
    return Breaker(str(values.get("metric", "")), *numbers, query=str(values.get("query", "")))


BREAKER = Keys(
    title="Breaker",
    doc="Trips a flag to `off` when a metric is too high ([how](#breakers)). No data never trips it.",
    keys=(
        Key("metric", Choice(METRICS), "What programs report of the requests that met the flag."),
        Key("query", Query(), "PromQL instead, with one number for an answer; needs `flags.prometheus` in the settings."),
        Key("above", Number("number", -1e15, 1e15), "Above this it trips,", required=True),
        Key("for_seconds", SECONDS, "after so long without a break.", required=True),
        Key(
            "recover_seconds", Number("seconds", RECOVER_SECONDS_MIN, 7 * 86_400.0), "Time until it is tried again.",
            required=True,
        ),
    ),
    exclusive=(("metric",), ("query",)),
    one_of=True,
    build=_breaker,
)  # fmt: skip


def _imported(given: Given) -> object:
    values = given.values
    return Imported(**{name: str(values[name]) for name in values}) if _all(given, "system", "digest", "body") else BAD


IMPORTED = Keys(
    title="Imported",
    doc="The flag as another system had it, written by `ferry flags import`. Clients of that system are sent it until "
    "anything else of the flag is edited.",
    keys=(
        Key("system", Choice(("unleash",)), "Whose it is.", required=True),
        Key("digest", Text(most=64), "Of the rest of the flag as it was imported.", required=True),
        Key("body", Text(most=FLAG_BYTES_MAX), "The flag there, as JSON.", required=True),
    ),
    build=_imported,
)

STATE = Choice(("enabled", "disabled"))
OWN_ROLLOUT = Keys(
    title="Own rollout", doc="", keys=(Key("exposure", PERCENT, "Percent of the users who are exposed."),)
)
RULES = ListOf(RULE, most=RULES_MAX)


def _place(given: Given) -> object:
    if any(name not in given.values for name in given.node.entries if name != "rollout"):
        return BAD
    values = given.values
    exposure = values.get("exposure")
    return Place(
        enabled=values["state"] == "enabled" if "state" in values else None,
        rules=cast("tuple[Rule, ...]", values["rules"]) if "rules" in values else None,
        exposure_percent=exposure if isinstance(exposure, float) else None,
        default=str(values["default"]) if "default" in values else None,
    )


PLACE = Keys(
    title="Environments",
    doc="What an environment has of its own; everything else is as above.",
    keys=(
        Key("state", STATE, "Whether the flag counts there."),
        Key("rules", RULES, "Its own rules, in the place of those above."),
        Key("rollout", OWN_ROLLOUT, "Its own `exposure`."),
        Key("default", VARIANT, "What nobody else decides about."),
    ),
    build=_place,
)


def _variant(name: str, value: object) -> object:
    return Variant(name, value)


def _pair(name: str, value: object) -> object:
    return name, value


FLAG = Keys(
    title="Flag",
    doc="One flag. `off` is what the unexposed get, and everybody when it is killed.",
    keys=(
        Key("kind", Choice(tuple(kind.value for kind in Kind)), "Why there is a flag.", required=True),
        Key("description", Text(most=2000), "For people."),
        Key("owner", Text(most=200), "Who takes it out of the code again. Release flags need one."),
        Key("expires", Text(most=40), "By when that should be done: a date. Release flags need one."),
        Key("state", STATE, "`disabled`: every program takes the default in its own code.", default="enabled"),
        Key(
            "variants", Named(AnyValue(), _variant, VARIANT_PATTERN, VARIANT_RULE, "variant", VARIANTS_MAX),
            "The answers, all of one JSON type.", required=True,
        ),
        Key("off", VARIANT, "The variant that is safe.", required=True),
        Key("default", VARIANT, "What they get about whom no rule decides, without a rollout. Left out: `off`."),
        Key("schema", Free(), "JSON Schema of the values, for flags with objects."),
        Key("needs", ListOf(NEED, most=20), NEED.doc),
        Key("rules", RULES, RULE.doc),
        Key("rollout", ROLLOUT, ROLLOUT.doc),
        Key("breaker", BREAKER, BREAKER.doc),
        Key("imported", IMPORTED, IMPORTED.doc),
        Key(
            "environments", Named(PLACE, _pair, ENVIRONMENT_PATTERN, ENVIRONMENT_RULE, "environment", 100), PLACE.doc,
        ),
    ),
    build=lambda given: given.values if _whole(given) else BAD,
)  # fmt: skip
"""Its `build` hands on the values: the flag is made where its key is known, by `flag_of`."""


def _whole(given: Given) -> bool:
    """Whether everything that was written was read; what is missing or unknown was reported."""
    return _all(given, "kind", "variants", "off") and all(name in given.values for name in given.node.entries)


def flag_of(key: str, given: object) -> object:
    """The flag of a key and the values of its section."""
    values = cast("dict[str, Any]", given)
    variants = cast("tuple[Variant, ...]", values["variants"])
    known = ("description", "owner", "expires", "off", "default", "schema", "needs", "rules", "breaker", "imported")
    return Flag(
        key=key,
        kind=Kind(str(values["kind"])),
        variants=variants,
        enabled=values.get("state", "enabled") == "enabled",
        rollout=_completed(values["rollout"], key, str(values["off"]), variants) if "rollout" in values else None,
        environments=dict(cast("tuple[tuple[str, Place], ...]", values.get("environments", ()))),
        **{name: values[name] for name in known if name in values},
    )


def _completed(rollout: Rollout, key: str, off: str, variants: tuple[Variant, ...]) -> Rollout:
    others = [variant.name for variant in variants if variant.name != off]
    split = rollout.split or (tuple(Share(name, 100.0) for name in others) if len(others) == 1 else ())
    return msgspec.structs.replace(rollout, seed=rollout.seed or key, split=split)


def _segment(name: str, when: object) -> object:
    return Segment(name, str(when))


FLAGS_FILE = Keys(
    title="Flags file",
    doc="Flags and segments by their keys.",
    keys=(
        Key("flags", Named(FLAG, flag_of, KEY_PATTERN, KEY_RULE, "flag", FLAGS_MAX), FLAG.doc),
        Key(
            "segments", Named(WHEN, _segment, KEY_PATTERN, KEY_RULE, "segment"),
            'Named conditions, for `segment("name")` in conditions.',
        ),
    ),
)  # fmt: skip
SECTIONS: tuple[Keys, ...] = (FLAG, RULE, NEED, ROLLOUT, NAMESPACE, BREAKER, IMPORTED, PLACE)
