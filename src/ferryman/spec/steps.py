"""The steps of a canary: their forms, their order, and what a weight without words of its own waits for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ferryman.model.release import (
    Amount,
    Analyse,
    Approval,
    Approve,
    CanaryStep,
    Check,
    Pause,
    Route,
    RunCheck,
    Scale,
    SetWeight,
)
from ferryman.spec.document import join
from ferryman.spec.gate_table import APPROVAL
from ferryman.spec.kinds import BAD, Duration, Flag, Instances, Number, Schema, read, wrong_type
from ferryman.spec.nodes import ListNode, MapNode, Node, ScalarNode, show
from ferryman.spec.report import Report
from ferryman.spec.shapes import Key, unknown_key
from ferryman.spec.special import CHECK, COOKIE_NAME, HEADER_NAME, RouteStep

STEPS_MAX = 200
DEFAULT_WEIGHTS = (5.0, 25.0, 50.0, 100.0)
PRESETS: dict[str, tuple[float, ...]] = {
    "standard": DEFAULT_WEIGHTS,
    "netflix": (1.0, 5.0, 10.0, 25.0, 50.0, 100.0),
}
WEIGHT = Number(label="percent of the traffic", least=0.1, most=100.0, step=0.1)
NO_HOLD_HINT = "give it some time, such as 30s; to wait for evidence or a person only, follow the weight by an `analyse` or `pause` step"
HOLD = Duration(above=True, hint=NO_HOLD_HINT)


class Wait(msgspec.Struct, frozen=True):
    """A duration, or `{}`; `of_empty` is what `{}` means."""

    of_empty: float | None
    means: str

    @property
    def label(self) -> str:
        return f"duration, or `{{}}` {self.means}"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, MapNode):
            if not node.entries:
                return self.of_empty
            hint = "write a duration such as 5m, or {}"
            report.wrong(node, path, "not_allowed", "takes no keys here", hint)
            return BAD
        if isinstance(node, ScalarNode) and node.value is None:
            return wrong_type(node, path, report, "a duration", f"write a duration such as 5m, or {{}} {self.means}")
        return Duration(above=True).read(node, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "object", "maxProperties": 0}, Duration(above=True).schema()]}


FORMS: tuple[Key, ...] = (
    Key("weight", WEIGHT, "Give the candidate this share of the traffic. The number alone means the same."),
    Key("pause", Wait(None, "for a person"), "Wait that long, or until a person promotes."),
    Key("analyse", Wait(0.0, "for as long as it takes"), "Wait for a pass of the judge, at least that long."),
    Key(
        "scale",
        Instances(words={"match": None}),
        "Run this many candidate instances whatever the weight, until `match` follows the weight again.",
    ),
    Key("header", RouteStep("header", HEADER_NAME), "Send requests with this header to the candidate."),
    Key("cookie", RouteStep("cookie", COOKIE_NAME), "Send requests with this cookie to the candidate."),
    Key("check", CHECK, "Run a check against the candidate; a fail takes it back."),
    Key("approve", APPROVAL, "Wait until people agreed; `{}` is one operator."),
)
BESIDE_WEIGHT: tuple[Key, ...] = (
    Key("hold", HOLD, "Hold of this weight, instead of the canary's `hold`."),
    Key("analysis", Flag(), "Whether the judge must pass before the next step."),
)


class Draft(msgspec.Struct, frozen=True):
    """A step as written: `hold_seconds` and `analyse` of a weight are None where nothing was said."""

    step: CanaryStep
    hold_seconds: float | None = None
    analyse: bool | None = None


class Step(msgspec.Struct, frozen=True):
    """One step: a number, or a mapping with one of the keys of FORMS."""

    label: str = "[step](#steps)"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ScalarNode) and not isinstance(node.value, str):
            weight = WEIGHT.read(node, path, report)
            return Draft(SetWeight(weight)) if isinstance(weight, float) else BAD
        if not isinstance(node, MapNode):
            return wrong_type(node, path, report, "a step", self._hint(node))
        used = [key for key in FORMS if key.name in node.entries]
        if len(used) > 1:
            first, second = used[0].name, used[1].name
            message = f"`{first}` and `{second}` are two steps"
            report.add(node.mark, path, show(node), "exclusive", message, "begin each step with a dash of its own")
            return BAD
        beside = BESIDE_WEIGHT if used and used[0].name == "weight" else ()
        known = tuple(key.name for key in (used or FORMS)) + tuple(key.name for key in beside)
        for name, entry in node.entries.items():
            if name not in known:
                unknown_key(name, entry.mark, path, known, report)
        if not used:
            if not node.entries:
                report.wrong(node, path, "missing", "is no step", self._hint(node))
            return BAD
        values = {
            key.name: read(key.kind, node.entries[key.name].node, join(path, key.name), report)
            for key in (*used, *beside)
            if key.name in node.entries
        }
        return BAD if BAD in values.values() else _draft(used[0].name, values)

    def _hint(self, node: Node) -> str:
        text = node.text.strip().removesuffix("%") if isinstance(node, ScalarNode) else ""
        if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
            return f"did you mean `{text}`?"
        if text == "pause":
            return "write `pause: {}` to wait for a person, or `pause: 5m`"
        return "write a weight such as 25, or a mapping with one of: " + ", ".join(key.name for key in FORMS)

    def schema(self) -> Schema:
        beside = {key.name: {"description": key.doc, **key.kind.schema()} for key in BESIDE_WEIGHT}
        forms: list[Schema] = [
            {
                "type": "object",
                "additionalProperties": False,
                "required": [key.name],
                "properties": {key.name: {"description": key.doc, **key.kind.schema()}}
                | (beside if key.name == "weight" else {}),
            }
            for key in FORMS
        ]
        return {"oneOf": [WEIGHT.schema(), *forms]}


def _draft(form: str, values: dict[str, object]) -> Draft:
    value = values[form]
    seconds = value if isinstance(value, float) else None
    if form == "weight":
        hold, analyse = values.get("hold"), values.get("analysis")
        return Draft(
            SetWeight(seconds or 0.0),
            hold if isinstance(hold, float) else None,
            analyse if isinstance(analyse, bool) else None,
        )
    if form == "pause":
        return Draft(Pause(seconds))
    if form == "analyse":
        return Draft(Analyse(seconds or 0.0))
    if isinstance(value, Route):
        return Draft(value)
    if isinstance(value, Check):
        return Draft(RunCheck(value))
    if isinstance(value, Approval):
        return Draft(Approve(value))
    return Draft(Scale(value if isinstance(value, Amount) else None))


class Steps(msgspec.Struct, frozen=True):
    """The list of steps, with the rules of their order."""

    label: str = "list of [steps](#steps)"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, ListNode):
            return wrong_type(node, path, report, "a list of steps", "write `[5, 25, 50, 100]`, or one step a line")
        if not node.items:
            hint = "write weights such as [5, 25, 50, 100], or delete the key to have just these"
            report.add(node.mark, path, "[]", "out_of_range", "the list of steps is empty", hint)
            return BAD
        if len(node.items) > STEPS_MAX:
            report.wrong(node, path, "out_of_range", f"is too long: at most {STEPS_MAX} steps", "leave some out")
            return BAD
        drafts: list[tuple[Node, str, Draft]] = []
        for number, item in enumerate(node.items):
            where = f"{path}[{number}]"
            draft = read(Step(), item, where, report)
            if isinstance(draft, Draft):
                drafts.append((item, where, draft))
        _check_order(drafts, report)
        return tuple(draft for _, _, draft in drafts) if len(drafts) == len(node.items) else BAD

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": Step().schema()}


def _check_order(drafts: Sequence[tuple[Node, str, Draft]], report: Report) -> None:
    before = 0.0
    for node, where, draft in drafts:
        if before >= 100.0:
            message = "comes after weight 100, which is the last step"
            report.wrong(node, where, "not_allowed", message, "put it before 100; `bake` watches the time after")
            return
        if not isinstance(draft.step, SetWeight):
            continue
        weight = draft.step.percent
        if weight <= before:
            message = f"weights rise: {weight:g} comes after {before:g}"
            path = where if isinstance(node, ScalarNode) else f"{where}.weight"
            mark = node.entries["weight"].node.mark if isinstance(node, MapNode) else node.mark
            hint = f"write a weight above {before:g}, or leave it out; `ferry abort` goes back"
            report.add(mark, path, f"{weight:g}", "steps_fall", message, hint)
        if weight >= 100.0 and (draft.hold_seconds is not None or draft.analyse):
            name = "hold" if draft.hold_seconds is not None else "analysis"
            inner = node.entries[name].node if isinstance(node, MapNode) else node
            hint = f"delete `{name}`; the canary's `bake` is how long it is watched at 100"
            report.add(inner.mark, f"{where}.{name}", show(inner), "not_allowed", f"weight 100 has no `{name}`", hint)
        before = max(before, weight)


def from_weights(weights: Sequence[float]) -> tuple[Draft, ...]:
    """The steps of a plain list of weights."""
    return tuple(Draft(SetWeight(weight)) for weight in weights)


def settle(drafts: Sequence[Draft], hold_seconds: float) -> tuple[CanaryStep, ...]:
    """Steps for the model. A weight has `hold_seconds` and a verdict, unless it says otherwise or a `pause` or
    `analyse` step follows at once; weight 100 has neither, and is put at the end if it is not there."""
    steps: list[CanaryStep] = []
    for number, draft in enumerate(drafts):
        if not isinstance(draft.step, SetWeight):
            steps.append(draft.step)
            continue
        following = drafts[number + 1].step if number + 1 < len(drafts) else None
        bare = isinstance(following, Pause | Analyse) or draft.step.percent >= 100.0
        hold = draft.hold_seconds if draft.hold_seconds is not None else (None if bare else hold_seconds)
        analyse = draft.analyse if draft.analyse is not None else not bare
        steps.append(SetWeight(draft.step.percent, hold, analyse))
    if not (steps and isinstance(steps[-1], SetWeight) and steps[-1].percent >= 100.0):
        steps.append(SetWeight(100.0, None, analyse=False))
    return tuple(steps)
