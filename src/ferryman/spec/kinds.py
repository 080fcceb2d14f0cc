"""Kinds of single values: how each is read, what a message says when it is wrong, and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, Protocol, cast

import msgspec

from ferryman.model.release import Amount
from ferryman.spec import durations
from ferryman.spec.nodes import BrokenNode, Node, ScalarNode, show
from ferryman.spec.report import Report, did_you_mean

Schema = dict[str, object]

INSTANCES_MAX = 1000
DURATION_MAX_SECONDS = 366 * 86_400.0


class _Bad(Enum):
    BAD = "bad"


BAD: Final = _Bad.BAD
"""What `read` returns for a value that it has reported."""


class Kind(Protocol):
    """A kind of value. `label` is what the reference calls it."""

    @property
    def label(self) -> str: ...

    def read(self, node: Node, path: str, report: Report) -> object:
        """The value for the model, or BAD after reporting why not. `node` is never a `BrokenNode`."""
        ...

    def schema(self) -> Schema: ...


def read(kind: Kind, node: Node, path: str, report: Report) -> object:
    """`kind.read`, unless the value was reported before."""
    return BAD if isinstance(node, BrokenNode) else kind.read(node, path, report)


def wrong_type(node: Node, path: str, report: Report, what: str, hint: str = "") -> _Bad:
    """Report a value of another kind than `what`."""
    report.wrong(node, path, "wrong_type", f"is not {what}", hint)
    return BAD


def scalar(node: Node) -> str | int | float | bool | None:
    """The value of a scalar; None for lists and mappings too."""
    return node.value if isinstance(node, ScalarNode) else None


def items(value: object) -> tuple[object, ...]:
    """A value read as a list; nothing if it is none."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def number(node: Node) -> float | None:
    """The value when it is a number; booleans are none."""
    value = scalar(node)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Text(msgspec.Struct, frozen=True):
    """A text of 1 to `most` characters, matching `pattern` if there is one; `rule` says that in words. A wrong one
    that is `hidden` is never shown."""

    label: str = "text"
    pattern: str = ""
    rule: str = ""
    most: int = 1000
    suggest: Callable[[str], str] | None = None
    hidden: bool = False

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, ScalarNode):
            return wrong_type(node, path, report, "a text", "write one text here")
        if node.value is None:
            return wrong_type(node, path, report, "a text", "give a value, or delete the key")
        if not isinstance(node.value, str):
            shown = self._shown(node)
            hint = f'quote it: "{shown}"' if not self.hidden else f"use {self.label}s of {self.rule}"
            report.add(node.mark, path, shown, "wrong_type", f"`{shown}` is not a text", hint)
            return BAD
        if not node.value:
            report.add(node.mark, path, "", "out_of_range", "an empty text", "give a value, or delete the key")
            return BAD
        if len(node.value) > self.most:
            message = f"`{self._shown(node)}` has {len(node.value)} characters; at most {self.most}"
            report.add(node.mark, path, self._shown(node), "out_of_range", message, "shorten it")
            return BAD
        if self.pattern and not re.fullmatch(self.pattern, node.value):
            hint = self.suggest(node.value) if self.suggest else ""
            shown = self._shown(node)
            message = f"`{shown}` is not allowed: {self.rule}"
            report.add(node.mark, path, shown, "not_allowed", message, hint or f"use {self.label}s of {self.rule}")
            return BAD
        return node.value

    def _shown(self, node: Node) -> str:
        return "(hidden)" if self.hidden else show(node)

    def schema(self) -> Schema:
        shape: Schema = {"type": "string", "minLength": 1, "maxLength": self.most}
        return shape | ({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})


class Duration(msgspec.Struct, frozen=True):
    """A duration from `least` (excluded if `above`) to `most`, in seconds; `words` stand for special values. What
    comes out is in the unit of which there are `per_second`."""

    least: float = 0.0
    most: float = DURATION_MAX_SECONDS
    above: bool = False
    words: Mapping[str, float | None] = {}
    hint: str = ""
    per_second: float = 1.0

    @property
    def label(self) -> str:
        return " or ".join(["duration", *(f"`{word}`" for word in self.words)])

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, ScalarNode):
            return wrong_type(node, path, report, "a duration", "write it as 500ms, 30s, 10m or 1h30m")
        bare = number(node)
        if bare is not None:
            unit = "ms" if self.per_second > 1.0 else "s"
            return wrong_type(
                node, path, report, "a duration: the unit is missing", f"did you mean `{node.text}{unit}`?"
            )
        if node.text in self.words and isinstance(node.value, str):
            return self.words[node.text]
        seconds = durations.parse_duration(node.text)
        if seconds is None or not isinstance(node.value, str):
            return wrong_type(node, path, report, "a duration", self._form(node.text))
        if seconds < self.least or (self.above and seconds <= self.least) or seconds > self.most:
            report.wrong(node, path, "out_of_range", *self._limits(seconds))
            return BAD
        return seconds * self.per_second

    def _limits(self, seconds: float) -> tuple[str, str]:
        """Message and hint for a duration outside the limits."""
        low, high = durations.format_duration(self.least), durations.format_duration(self.most)
        if seconds > self.most:
            return f"is too long: at most {high}", f"write {high} or less"
        bound = f"more than {low}" if self.above else f"at least {low}"
        return f"is too short: it must be {bound}", self.hint or f"write {bound}, such as 1s"

    def _form(self, text: str) -> str:
        tidy = re.sub(r"\s+", "", text.casefold())
        for long, short in (
            ("milliseconds?", "ms"),
            ("seconds?|secs?", "s"),
            ("minutes?|mins?", "m"),
            ("hours?|hrs?", "h"),
        ):
            tidy = re.sub(rf"(?<=\d)(?:{long})\b", short, tidy)
        tidy = re.sub(r"(?<=\d)(?:days?)\b", "d", tidy)
        if durations.parse_duration(tidy) is not None:
            return f"did you mean `{tidy}`?"
        if self.words and text:
            return f"write a duration such as 30s, or one of: {', '.join(self.words)}"
        return "write it as 500ms, 30s, 10m or 1h30m"

    def schema(self) -> Schema:
        shape: Schema = {"type": "string", "pattern": durations.PATTERN}
        return {"anyOf": [shape, {"enum": list(self.words)}]} if self.words else shape


class Number(msgspec.Struct, frozen=True):
    """A number from `least` to `most`, in steps of `step` if that is not 0. `unit` is for people."""

    label: str = "number"
    least: float = 0.0
    most: float = 1e9
    step: float = 0.0

    def read(self, node: Node, path: str, report: Report) -> object:
        value = number(node)
        if value is None:
            return wrong_type(node, path, report, "a number", _number_hint(node))
        if not self.least <= value <= self.most:
            message = f"is outside {self.least:g} to {self.most:g}"
            report.wrong(node, path, "out_of_range", message, f"write a number from {self.least:g} to {self.most:g}")
            return BAD
        steps = value / self.step if self.step else 0.0
        if abs(steps - round(steps)) > 1e-6:
            near = f"{round(steps) * self.step:g}"
            report.wrong(node, path, "out_of_range", f"is not a multiple of {self.step:g}", f"did you mean `{near}`?")
            return BAD
        return round(value, 9)

    def schema(self) -> Schema:
        # No multipleOf: many validators compute it in binary, where 12.3 is no multiple of 0.1.
        return {"type": "number", "minimum": self.least, "maximum": self.most}


class Whole(msgspec.Struct, frozen=True):
    """A whole number from `least` to `most`."""

    least: int = 0
    most: int = INSTANCES_MAX
    label: str = "whole number"

    def read(self, node: Node, path: str, report: Report) -> object:
        value = scalar(node)
        if isinstance(value, bool) or not isinstance(value, int):
            hint = f"did you mean `{value:.0f}`?" if isinstance(value, float) else _number_hint(node)
            return wrong_type(node, path, report, "a whole number", hint)
        if not self.least <= value <= self.most:
            message = f"is outside {self.least} to {self.most}"
            report.wrong(node, path, "out_of_range", message, f"write a number from {self.least} to {self.most}")
            return BAD
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


def _number_hint(node: Node) -> str:
    text = node.text if isinstance(node, ScalarNode) else ""
    bare = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%?\s*", text)
    if not bare:
        return "write a plain number"
    return f"did you mean `{bare.group(1)}`{', without quotes' if bare.group(1) == text else ''}?"


class Percent(msgspec.Struct, frozen=True):
    """A text such as `5%`, from 0 to `most` percent."""

    most: float = 100.0
    label: str = "percent"

    def read(self, node: Node, path: str, report: Report) -> object:
        bare = number(node)
        if bare is not None:
            return wrong_type(node, path, report, "a percentage", f"did you mean `{bare:g}%`?")
        value = scalar(node)
        found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return wrong_type(node, path, report, "a percentage", "write it as 5%")
        percent = float(found.group(1))
        if percent > self.most:
            report.wrong(node, path, "out_of_range", f"is outside 0% to {self.most:g}%", f"at most {self.most:g}%")
            return BAD
        return percent

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}


_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)%")


class Instances(msgspec.Struct, frozen=True):
    """A number of instances: whole, or a percentage of `replicas`; at least one if `some`."""

    some: bool = False
    words: Mapping[str, None] = {}

    @property
    def label(self) -> str:
        return " or ".join(["instances (`3` or `25%`)", *(f"`{word}`" for word in self.words)])

    def read(self, node: Node, path: str, report: Report) -> object:
        value = scalar(node)
        if isinstance(value, str) and value in self.words:
            return self.words[value]
        if isinstance(value, int) and not isinstance(value, bool):
            count = Whole(1 if self.some else 0, INSTANCES_MAX).read(node, path, report)
            return BAD if count is BAD else Amount(float(value))
        if not isinstance(value, str):
            hint = "write a whole number, or a percentage such as 25%"
            return wrong_type(node, path, report, "a number of instances", hint)
        found = _PERCENT.fullmatch(value)
        if found is None:
            whole = re.fullmatch(r"[0-9]+", value)
            hint = f"did you mean `{value}`, without quotes?" if whole else "write 3, or 25%"
            return wrong_type(node, path, report, "a number of instances", hint)
        percent = float(found.group(1))
        if percent > 100.0 or (self.some and percent <= 0.0):
            report.wrong(
                node, path, "out_of_range", "is outside 0% to 100%", "a share of `replicas`: 100% is all of them"
            )
            return BAD
        return Amount(percent, percent=True)

    def schema(self) -> Schema:
        whole: Schema = {"type": "integer", "minimum": int(self.some), "maximum": INSTANCES_MAX}
        shapes: list[Schema] = [whole, {"type": "string", "pattern": f"^{_PERCENT.pattern}$"}]
        return {"anyOf": [*shapes, *([{"enum": list(self.words)}] if self.words else [])]}


class Flag(msgspec.Struct, frozen=True):
    """true or false."""

    label: str = "true or false"

    def read(self, node: Node, path: str, report: Report) -> object:
        value = scalar(node)
        if isinstance(value, bool):
            return value
        meant = _MEANT.get(value.casefold()) if isinstance(value, str) else None
        return wrong_type(
            node, path, report, "true or false", f"did you mean `{meant}`?" if meant else "write true or false"
        )

    def schema(self) -> Schema:
        return {"type": "boolean"}


_MEANT = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"} | {
    "true": "true", "false": "false",
}  # fmt: skip


class Choice(msgspec.Struct, frozen=True):
    """One of `words`."""

    words: tuple[str, ...]

    @property
    def label(self) -> str:
        return ", ".join(f"`{word}`" for word in self.words)

    def read(self, node: Node, path: str, report: Report) -> object:
        value = scalar(node)
        if isinstance(value, str) and value in self.words:
            return value
        hint = did_you_mean(value if isinstance(value, str) else show(node), self.words)
        known = isinstance(node, ScalarNode)
        report.wrong(node, path, "not_allowed" if known else "wrong_type", "is none of " + ", ".join(self.words), hint)
        return BAD

    def schema(self) -> Schema:
        return {"enum": list(self.words)}
