"""The steps of a canary or of a flag: their forms, their order, and what one without words of its own waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec.structs import replace

from ferryman.flags.definition import DEFAULT_ENVIRONMENT, KEY_PATTERN
from ferryman.model.release import (
    Amount,
    Analyse,
    Approval,
    Approve,
    Audience,
    CanaryStep,
    Check,
    Pause,
    Route,
    RunCheck,
    Scale,
    SetFlag,
    SetWeight,
)
from ferryman.spec.document import join
from ferryman.spec.gate_table import APPROVAL, OneObject
from ferryman.spec.kinds import BAD, Duration, Flag, Instances, Number, Schema, Text, items, read, wrong_type
from ferryman.spec.nodes import ListNode, MapNode, Node, ScalarNode, show
from ferryman.spec.report import Report
from ferryman.spec.shapes import Given, Key, Keys, unknown_key
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


def _set_flag(given: Given) -> object:
    values = given.values
    if "key" not in values or "to" not in values:
        return BAD
    return SetFlag(str(values["key"]), float(cast("float", values["to"])), str(values.get("environment", "prod")))


FLAG_STEP = Keys(
    title="Flag step",
    doc="Whom a feature flag is exposed to while the release goes on. Nobody meets it any more when the release goes back.",
    keys=(
        Key(
            "key",
            Text(label="key", pattern=KEY_PATTERN, rule="the key of a flag", most=128),
            "The flag.",
            required=True,
        ),
        Key("to", Number("percent of the users", 0.0, 100.0), "How far it is exposed.", required=True),
        Key("environment", Text(label="environment", most=40), "Where.", default=DEFAULT_ENVIRONMENT),
    ),
    build=_set_flag,
)

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
    Key("flag", OneObject(FLAG_STEP), "Expose a feature flag; it goes back with the release."),
    Key("approve", APPROVAL, "Wait until people agreed; `{}` is one operator."),
)
BESIDE_WEIGHT: tuple[Key, ...] = (
    Key("hold", HOLD, "Hold of this weight, instead of the canary's `hold`."),
    Key("analysis", Flag(), "Whether the judge must pass before the next step."),
)


class Draft(msgspec.Struct, frozen=True):
    """A step as written: `hold_seconds` and `analyse` of a weight are None where nothing was said."""

    step: CanaryStep | Audience
    hold_seconds: float | None = None
    analyse: bool | None = None


class Step(msgspec.Struct, frozen=True):
    """One step: a number, or a mapping with one of the keys of `forms`. `share` is the form that a bare number means,
    `word` the one that a bare text means ("" for none); `beside` are keys that may stand beside a form."""

    label: str = "[step](#steps)"
    forms: tuple[Key, ...] = FORMS
    beside: dict[str, tuple[Key, ...]] = msgspec.field(default_factory=lambda: {"weight": BESIDE_WEIGHT})
    share: str = "weight"
    word: str = ""

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ScalarNode) and not isinstance(node.value, str):
            weight = self._form(self.share).kind.read(node, path, report)
            return Draft(SetWeight(weight)) if isinstance(weight, float) else BAD
        if isinstance(node, ScalarNode) and self.word and not _is_number(node.text):
            found = self._form(self.word).kind.read(node, path, report)
            return BAD if found is BAD else _draft(self.word, {self.word: found})
        if not isinstance(node, MapNode):
            return wrong_type(node, path, report, "a step", self._hint(node))
        used = [key for key in self.forms if key.name in node.entries]
        if len(used) > 1:
            first, second = used[0].name, used[1].name
            message = f"`{first}` and `{second}` are two steps"
            report.add(node.mark, path, show(node), "exclusive", message, "begin each step with a dash of its own")
            return BAD
        beside = self.beside.get(used[0].name, ()) if used else ()
        known = tuple(key.name for key in (used or self.forms)) + tuple(key.name for key in beside)
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

    def _form(self, name: str) -> Key:
        return next(key for key in self.forms if key.name == name)

    def _hint(self, node: Node) -> str:
        if isinstance(node, ScalarNode) and _is_number(node.text):
            return f"did you mean `{node.text.strip().removesuffix('%')}`?"
        text = node.text.strip() if isinstance(node, ScalarNode) else ""
        if text == "pause":
            return "write `pause: {}` to wait for a person, or `pause: 5m`"
        return "write a weight such as 25, or a mapping with one of: " + ", ".join(key.name for key in self.forms)

    def schema(self) -> Schema:
        forms: list[Schema] = [
            {
                "type": "object",
                "additionalProperties": False,
                "required": [key.name],
                "properties": {
                    each.name: {"description": each.doc, **each.kind.schema()}
                    for each in (key, *self.beside.get(key.name, ()))
                },
            }
            for key in self.forms
        ]
        words = [self._form(self.word).kind.schema()] if self.word else []
        return {"oneOf": [self._form(self.share).kind.schema(), *words, *forms]}


def _is_number(text: str) -> bool:
    digits = text.strip().removesuffix("%").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()


def _draft(form: str, values: dict[str, object]) -> Draft:
    value = values[form]
    seconds = value if isinstance(value, float) else None
    if form in ("weight", "percent"):
        hold, analyse = values.get("hold"), values.get("analysis")
        return Draft(
            SetWeight(seconds or 0.0),
            hold if isinstance(hold, float) else None,
            analyse if isinstance(analyse, bool) else None,
        )
    if form in ("segment", "allow"):
        hold = values.get("hold")
        people = Audience(segment=value) if isinstance(value, str) else Audience(allow=tuple(map(str, items(value))))
        return Draft(people, hold if isinstance(hold, float) else None)
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
    if isinstance(value, SetFlag):
        return Draft(value)
    return Draft(Scale(value if isinstance(value, Amount) else None))


class Steps(msgspec.Struct, frozen=True):
    """The list of steps, with the rules of their order."""

    label: str = "list of [steps](#steps)"
    step: Step = Step()
    example: str = "[5, 25, 50, 100]"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, ListNode):
            return wrong_type(node, path, report, "a list of steps", f"write `{self.example}`, or one step a line")
        if not node.items:
            hint = f"write weights such as {self.example}, or delete the key to have just these"
            report.add(node.mark, path, "[]", "out_of_range", "the list of steps is empty", hint)
            return BAD
        if len(node.items) > STEPS_MAX:
            report.wrong(node, path, "out_of_range", f"is too long: at most {STEPS_MAX} steps", "leave some out")
            return BAD
        drafts: list[tuple[Node, str, Draft]] = []
        for number, item in enumerate(node.items):
            where = f"{path}[{number}]"
            draft = read(self.step, item, where, report)
            if isinstance(draft, Draft):
                drafts.append((item, where, draft))
        _check_order(drafts, self.step.share, report)
        return tuple(draft for _, _, draft in drafts) if len(drafts) == len(node.items) else BAD

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": self.step.schema()}


def _check_order(drafts: Sequence[tuple[Node, str, Draft]], share: str, report: Report) -> None:
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
            path = where if isinstance(node, ScalarNode) else f"{where}.{share}"
            mark = node.entries[share].node.mark if isinstance(node, MapNode) else node.mark
            hint = f"write a weight above {before:g}, or leave it out; `ferry abort` goes back"
            report.add(mark, path, f"{weight:g}", "steps_fall", message, hint)
        if weight >= 100.0 and (draft.hold_seconds is not None or draft.analyse):
            name = "hold" if draft.hold_seconds is not None else "analysis"
            inner = node.entries[name].node if isinstance(node, MapNode) else node
            hint = f"delete `{name}`; `bake` is how long it is watched at 100"
            report.add(inner.mark, f"{where}.{name}", show(inner), "not_allowed", f"weight 100 has no `{name}`", hint)
        before = max(before, weight)


def from_weights(weights: Sequence[float]) -> tuple[Draft, ...]:
    """The steps of a plain list of weights."""
    return tuple(Draft(SetWeight(weight)) for weight in weights)


def settle(drafts: Sequence[Draft], hold_seconds: float) -> tuple[CanaryStep | Audience, ...]:
    """Steps for the model. A weight has `hold_seconds` and a verdict, unless it says otherwise or a `pause` or
    `analyse` step follows at once; weight 100 has neither, and is put at the end if it is not there. An audience has the
    hold alone."""
    steps: list[CanaryStep | Audience] = []
    for number, draft in enumerate(drafts):
        if isinstance(draft.step, Audience):
            following = drafts[number + 1].step if number + 1 < len(drafts) else None
            own = draft.hold_seconds if draft.hold_seconds is not None else hold_seconds
            steps.append(replace(draft.step, hold_seconds=None if isinstance(following, Pause) else own))
            continue
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
