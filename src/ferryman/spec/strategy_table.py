"""The keys of the strategies, and the rules between them."""

from __future__ import annotations

import msgspec

from ferryman.model.release import BlueGreen, Canary, FlagExposure, Recreate, Rolling, Strategy
from ferryman.spec.flag_strategy import FLAG_STRATEGY
from ferryman.spec.kinds import BAD, Choice, Duration, Flag, Instances, Kind, Number, Schema, Whole, items, read
from ferryman.spec.nodes import MapNode, Node, ScalarNode, show
from ferryman.spec.report import Report, did_you_mean
from ferryman.spec.shapes import Given, Key, Keys, unknown_key
from ferryman.spec.special import Checks
from ferryman.spec.steps import HOLD, PRESETS, Draft, Steps, from_weights, settle

ACCEPTANCE = "i-accept-downtime"
KEEP_OLD_MAX = 10
HOLD_DEFAULT_SECONDS = 600.0
MINIMUM_DEFAULT_PERCENT, MAXIMUM_DEFAULT_PERCENT = 100.0, 200.0

_BAKE = Key(
    "bake", Duration(), "Watch the new version this long at 100 %, old one ready to take over.", "bake_seconds", "60s"
)
_SCALE_DOWN = Key(
    "scaleDownDelay",
    Duration(words={"never": None, "immediately": 0.0}),
    "How long the old version stays up after the release, for an instant way back.",
    "scale_down_delay_seconds",
    "30s",
)
_KEEP_OLD = Key(
    "keepOld", Whole(0, KEEP_OLD_MAX), "Old versions kept up at most; the oldest stops first.", "keep_old", 1
)
_SURGE = Key(
    "maxSurge", Instances(), "Instances beyond `replicas` at any time; a percentage is rounded up.", "max_surge", "25%"
)
_UNAVAILABLE = Key(
    "maxUnavailable",
    Instances(),
    "Instances of `replicas` that may be unavailable at any time; a percentage is rounded down.",
    "max_unavailable",
    0,
)


def _rolling(given: Given) -> object:
    values = dict(given.values)
    if given.has("minimumHealthyPercent") or given.has("maximumPercent"):
        values.setdefault("minimum_healthy_percent", MINIMUM_DEFAULT_PERCENT)
        values.setdefault("maximum_percent", MAXIMUM_DEFAULT_PERCENT)
        values |= {"max_surge": None, "max_unavailable": None}
    return msgspec.structs.replace(Rolling(), **values)


ROLLING = Keys(
    title="Rolling",
    doc=(
        "Replaces instances in small groups; both versions serve meanwhile, each its share of ready instances. The "
        "bounds are given in one of two forms, never both: `maxSurge` and `maxUnavailable`, or "
        "`minimumHealthyPercent` and `maximumPercent`."
    ),
    keys=(
        _SURGE,
        _UNAVAILABLE,
        Key(
            "minimumHealthyPercent",
            Number("percent", 0.0, 100.0),
            "Instances available at any time, in percent of `replicas`, rounded up. 100 if only `maximumPercent` is given.",
            "minimum_healthy_percent",
        ),
        Key(
            "maximumPercent",
            Number("percent", 100.0, 1000.0),
            "Instances up at any time, in percent of `replicas`, rounded down. 200 if only `minimumHealthyPercent` is given.",
            "maximum_percent",
        ),
        Key(
            "bake",
            Duration(),
            "Watch the new version this long after the last instance was replaced.",
            "bake_seconds",
            "0s",
        ),
    ),
    exclusive=(("maxSurge", "maxUnavailable"), ("minimumHealthyPercent", "maximumPercent")),
    build=_rolling,
)


def _blue_green(given: Given) -> object:
    if given.values.get("auto_promote") is False and given.has("autoPromoteAfter"):
        message = "`autoPromoteAfter` has no effect while `autoPromote` is false"
        given.wrong("autoPromoteAfter", "exclusive", message, "delete one of the two")
    return msgspec.structs.replace(BlueGreen(), **given.values)


BLUE_GREEN = Keys(
    title="Blue-green",
    doc=(
        "Brings the new version up beside the old one, checks it on the preview port, then moves all traffic in one "
        "step. The old version stays ready to take over."
    ),
    keys=(
        Key(
            "previewReplicas",
            Instances(some=True),
            "Instances of the new version before the switch.",
            "preview_replicas",
            "100%",
        ),
        Key("autoPromote", Flag(), "Switch without a person. `false` waits for `ferry promote`.", "auto_promote", True),
        Key(
            "autoPromoteAfter",
            Duration(),
            "Switch only after the preview was up this long.",
            "auto_promote_after_seconds",
            "0s",
        ),
        Key("checksBefore", Checks(), "Must pass on the preview before the switch.", "checks_before", []),
        Key("checksAfter", Checks(), "Must pass after the switch; a fail switches back.", "checks_after", []),
        _BAKE,
        _SCALE_DOWN,
        _KEEP_OLD,
    ),
    build=_blue_green,
)


def _canary(given: Given) -> object:
    values = dict(given.values)
    hold = values.pop("hold", HOLD_DEFAULT_SECONDS)
    preset = values.pop("preset", "standard")
    drafts = values.pop("steps", None)
    drafts = items(drafts) or from_weights(PRESETS[str(preset)])
    steps = settle(
        [d for d in drafts if isinstance(d, Draft)], hold if isinstance(hold, float) else HOLD_DEFAULT_SECONDS
    )
    return msgspec.structs.replace(Canary(), steps=steps, **values)


CANARY = Keys(
    title="Canary",
    doc=(
        "Gives the new version a small share of the traffic and more with each step, as long as the judge finds it no "
        "worse than the old one."
    ),
    keys=(
        Key(
            "steps",
            Steps(),
            "What happens in which order; 100 is put at the end if it is not there.",
            default=[5, 25, 50, 100],
        ),
        Key("preset", Choice(tuple(PRESETS)), "A known list of weights instead of `steps`."),
        Key("hold", HOLD, "Hold of each weight that has none of its own.", default="10m"),
        Key(
            "stable",
            Choice(("full", "dynamic")),
            "`full` keeps all old instances while the new ones grow; `dynamic` stops them as their share falls.",
            "stable",
            "full",
        ),
        Key(_SURGE.name, _SURGE.kind, f"{_SURGE.doc} Only without a router.", _SURGE.model, _SURGE.default),
        Key(_UNAVAILABLE.name, _UNAVAILABLE.kind, f"{_UNAVAILABLE.doc} Only without a router.", _UNAVAILABLE.model, 0),
        Key(
            "weightTolerance",
            Number("percentage points", 0.0, 100.0),
            "How far the share that instances can give may be from the weight asked for, without a router.",
            "weight_tolerance_percent",
            5,
        ),
        _BAKE,
        _SCALE_DOWN,
        _KEEP_OLD,
    ),
    exclusive=(("steps",), ("preset",)),
    build=_canary,
)


class Acceptance(msgspec.Struct, frozen=True):
    """The words that accept a release with downtime."""

    label: str = f"`{ACCEPTANCE}`"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ScalarNode) and node.value == ACCEPTANCE:
            return Recreate()
        message = (
            "recreate stops every instance before the new version starts: users see downtime, all of them meet the new "
            "version at once, and going back takes just as long"
        )
        hint = f"use rolling, blueGreen or canary; if downtime is fine, write `recreate: {ACCEPTANCE}`"
        report.add(node.mark, path, show(node), "big_bang", message, hint)
        return BAD

    def schema(self) -> Schema:
        return {"const": ACCEPTANCE}


KINDS: tuple[Key, ...] = (
    Key("rolling", ROLLING, ROLLING.doc),
    Key("blueGreen", BLUE_GREEN, BLUE_GREEN.doc),
    Key("canary", CANARY, CANARY.doc),
    Key("flag", FLAG_STRATEGY, FLAG_STRATEGY.doc),
    Key("recreate", Acceptance(), "Stops the old version, then starts the new one: a big bang, with downtime."),
)
BARE: dict[str, Strategy] = {
    "rolling": Rolling(),
    "blueGreen": BlueGreen(),
    "canary": Canary(),
    "flag": FlagExposure(key=""),
}


class StrategyKind(msgspec.Struct, frozen=True):
    """The name of a strategy, or a mapping with that name as its only key."""

    label: str = "[strategy](#strategy)"

    def read(self, node: Node, path: str, report: Report) -> object:
        names = tuple(key.name for key in KINDS)
        if isinstance(node, ScalarNode) and node.value == "recreate":
            return Acceptance().read(node, path, report)
        if isinstance(node, ScalarNode):
            if isinstance(node.value, str) and node.value in BARE:
                return BARE[node.value]
            hint = did_you_mean(node.text, names)
            report.wrong(node, path, "not_allowed", "is no strategy", hint)
            return BAD
        if not isinstance(node, MapNode):
            report.wrong(node, path, "wrong_type", "is no strategy", "write one of: " + ", ".join(names))
            return BAD
        return self._mapping(node, path, report, names)

    def _mapping(self, node: MapNode, path: str, report: Report, names: tuple[str, ...]) -> object:
        results: list[object] = []
        first = ""
        for name, entry in node.entries.items():
            key = next((k for k in KINDS if k.name == name), None)
            if key is None:
                unknown_key(name, entry.mark, path, names, report)
                continue
            if results:
                message = f"`{first}` and `{name}` exclude each other: a release has one strategy"
                report.add(entry.mark, path, f"{first}, {name}", "exclusive", message, f"keep `{first}` or `{name}`")
            first = first or name
            results.append(self._one(key.kind, entry.node, f"{path}.{name}", report))
        if not node.entries:
            report.wrong(node, path, "missing", "names no strategy", "write one of: " + ", ".join(names))
        return results[0] if results else BAD

    def _one(self, kind: Kind, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ScalarNode) and node.value is None and isinstance(kind, Keys):
            return read(kind, MapNode({}, node.mark, 1, 1), path, report)
        return read(kind, node, path, report)

    def schema(self) -> Schema:
        forms: list[Schema] = [
            {
                "type": "object",
                "additionalProperties": False,
                "required": [key.name],
                "properties": {key.name: self._or_nothing(key)},
            }
            for key in KINDS
        ]
        return {"oneOf": [{"enum": list(BARE)}, *forms]}

    def _or_nothing(self, key: Key) -> Schema:
        shape = key.kind.schema()
        either: Schema = {"anyOf": [{"type": "null"}, shape]} if isinstance(key.kind, Keys) else shape
        return {"description": key.doc, **either}
