"""Kinds made of other kinds: sections with named keys, lists, and maps of texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import msgspec

from ferryman.spec.document import join
from ferryman.spec.kinds import BAD, Kind, Schema, read, wrong_type
from ferryman.spec.nodes import (
    BrokenNode,
    Entry,
    ListNode,
    MapNode,
    Mark,
    Node,
    ScalarNode,
    plain,
    quote,
    shorten,
    show,
)
from ferryman.spec.report import Report, closest, did_you_mean

LIST_MAX = 200

Values = dict[str, object]
SECRET_NAME = re.compile(r"pass(?:w(?:or)?d|phrase)?|secret|token|api_?key|private_?key|credential", re.IGNORECASE)


class Key(msgspec.Struct, frozen=True):
    """One key of a section. `model` is where its value goes in the model (dotted; empty: the section's `build` takes
    it by `name`); `default` is written as in a release file, None if there is none."""

    name: str
    kind: Kind
    doc: str
    model: str = ""
    default: object = None
    required: bool = False

    @property
    def target(self) -> str:
        """The name under which the value is handed on."""
        return self.model or self.name


class Given(msgspec.Struct, frozen=True):
    """What a section holds. `values` has only what was right; `has` says what was written at all, and `misspelt` which
    keys the unknown ones probably stand for."""

    values: Values
    node: MapNode
    path: str
    report: Report
    misspelt: frozenset[str] = frozenset()

    def lacks(self, name: str) -> bool:
        """Whether the key was neither written nor misspelt: one slip of the pen is one problem."""
        return name not in self.node.entries and name not in self.misspelt

    def has(self, name: str) -> bool:
        """Whether the key was written, right or wrong."""
        return name in self.node.entries

    def entry(self, *names: str) -> Entry | None:
        """The entry at this path of keys, if it was written."""
        entry = None
        node: Node = self.node
        for name in names:
            entry = node.entries.get(name) if isinstance(node, MapNode) else None
            if entry is None:
                return None
            node = entry.node
        return entry

    def wrong(self, name: str, code: str, message: str, hint: str) -> None:
        """Report a problem with the value of the key `name`, which is there."""
        node = self.node.entries[name].node
        self.report.add(node.mark, join(self.path, name), show(node), code, message, hint)

    def missing(self, name: str, message: str, hint: str) -> None:
        """Report a key that is not there."""
        self.report.add(self.node.mark, join(self.path, name), "", "missing", message, hint)


class Keys(msgspec.Struct, frozen=True):
    """A mapping with known keys. `exclusive` lists forms of which only one may be used; with `one_of` one must be.
    `build` turns the values into a model object and checks across keys; without it they are handed on as they are."""

    title: str
    doc: str
    keys: tuple[Key, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: bool = False
    build: Callable[[Given], object] | None = None

    @property
    def label(self) -> str:
        return f"[{self.title}](#{anchor(self.title)})"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, MapNode):
            names = ", ".join(key.name for key in self.keys)
            return wrong_type(node, path, report, "a mapping", f"write keys below it: {names}")
        known = tuple(key.name for key in self.keys)
        misspelt = frozenset(near for name in node.entries if name not in known and (near := closest(name, known)))
        given = Given(self._values(node, path, report), node, path, report, misspelt)
        self._forms(given)
        for key in self.keys:
            if key.required and given.lacks(key.name):
                given.missing(key.name, f"`{key.name}` is missing", f"{key.doc} Add `{key.name}:`.")
        return self.build(given) if self.build else given.values

    def _values(self, node: MapNode, path: str, report: Report) -> Values:
        known = {key.name: key for key in self.keys}
        values: Values = {}
        for name, entry in node.entries.items():
            key = known.get(name)
            if key is None:
                unknown_key(name, entry.mark, path, tuple(known), report)
                continue
            value = read(key.kind, entry.node, join(path, name), report)
            if isinstance(value, dict) and section(key.kind):
                values.update(cast("Values", value))
            elif value is not BAD:
                values[key.target] = value
        return values

    def _forms(self, given: Given) -> None:
        used = [[name for name in form if given.has(name)] for form in self.exclusive]
        used = [names for names in used if names]
        if len(used) > 1:
            first, second = used[0][0], used[1][0]
            entry = max(
                (given.node.entries[first], given.node.entries[second]), key=lambda e: (e.mark.line, e.mark.column)
            )
            message = f"`{first}` and `{second}` exclude each other"
            given.report.add(
                entry.mark, given.path, f"{first}, {second}", "exclusive", message, f"keep `{first}` or `{second}`"
            )
        elif self.one_of and not used and all(given.lacks(name) for form in self.exclusive for name in form):
            names = " or ".join(f"`{form[0]}`" for form in self.exclusive)
            given.report.add(given.node.mark, given.path, "", "missing", f"{names} is missing", f"add {names}")

    def schema(self) -> Schema:
        properties: Schema = {}
        for key in self.keys:
            shape = {"description": key.doc, **key.kind.schema()}
            properties[key.name] = shape if key.default is None else shape | {"default": key.default}
        whole: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
        required = [key.name for key in self.keys if key.required]
        pairs = [
            {"not": {"required": [a, b]}}
            for number, form in enumerate(self.exclusive)
            for other in self.exclusive[number + 1 :]
            for a in form
            for b in other
        ]
        one = [{"anyOf": [{"required": [form[0]]} for form in self.exclusive]}] if self.one_of else []
        return (
            whole | ({"required": required} if required else {}) | ({"allOf": [*pairs, *one]} if pairs or one else {})
        )


def unknown_key(name: str, mark: Mark, path: str, known: tuple[str, ...], report: Report) -> None:
    """Report a key that is not among `known`, with the likeliest one or the section where it belongs."""
    hint = did_you_mean(name, known)
    elsewhere = [where for where in report.homes.get(name, ()) if where != path]
    if elsewhere and not closest(name, known):
        hint = "it belongs under " + " or ".join(f"`{where}`" if where else "the top level" for where in elsewhere[:3])
    report.add(mark, join(path, name), shorten(name), "unknown_field", f"there is no key `{shorten(name)}` here", hint)


def homes(root: Keys, strategy: Keys, path: str = "") -> dict[str, tuple[str, ...]]:
    """In which sections each key lives, so that a misplaced one can be told where to go. The section `strategy` opens
    more than one section, so it is given apart."""
    found: dict[str, tuple[str, ...]] = {}
    for key in root.keys:
        found[key.name] = (*found.get(key.name, ()), path)
        inner = strategy if not path and key.name == "strategy" else section(key.kind)
        below = homes(inner, strategy, f"{path}.{key.name}" if path else key.name) if inner else {}
        for name, places in below.items():
            found[name] = (*found.get(name, ()), *places)
    return found


def section(kind: Kind) -> Keys | None:
    """The section that a key opens, if it opens one."""
    inner = kind.inner if isinstance(kind, Switch) else kind
    return inner if isinstance(inner, Keys) else None


def anchor(title: str) -> str:
    """The fragment that renderers of Markdown give to a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.casefold()).replace(" ", "-")


class ListOf(msgspec.Struct, frozen=True):
    """A list of `item`, at most `most`."""

    item: Kind
    empty: bool = True
    most: int = LIST_MAX

    @property
    def label(self) -> str:
        return f"list of {self.item.label}"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, ListNode):
            return wrong_type(node, path, report, "a list", f"did you mean `[{show(node)}]`?")
        if not node.items and not self.empty:
            report.add(
                node.mark, path, "[]", "out_of_range", "the list is empty", "name at least one, or delete the key"
            )
            return BAD
        if len(node.items) > self.most:
            report.wrong(node, path, "out_of_range", f"is too long: at most {self.most}", "shorten it")
            return BAD
        values = [read(self.item, item, f"{path}[{number}]", report) for number, item in enumerate(node.items)]
        return BAD if any(value is BAD for value in values) else tuple(values)

    def schema(self) -> Schema:
        shape: Schema = {"type": "array", "items": self.item.schema(), "maxItems": self.most}
        return shape if self.empty else shape | {"minItems": 1}


class Environment(msgspec.Struct, frozen=True):
    """Names and text values for the environment of a process. Names in `reserved` are set by Ferryman."""

    reserved: tuple[str, ...]
    label: str = "map of texts"
    name: str = r"[A-Za-z_][A-Za-z0-9_]*"
    most: int = 32_768

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, MapNode):
            return wrong_type(node, path, report, "a mapping", "write `{NAME: text}`")
        values: dict[str, str] = {}
        for name, entry in node.entries.items():
            where = join(path, name)
            if not re.fullmatch(self.name, name):
                hint = "letters, digits and underscores, no digit in front"
                report.add(
                    entry.mark, where, shorten(name), "not_allowed", f"`{shorten(name)}` cannot be a variable", hint
                )
            elif name in self.reserved or name.startswith("FERRYMAN_"):
                hint = "delete it: each instance gets its own value"
                report.add(entry.mark, where, name, "not_allowed", f"`{name}` is set by Ferryman", hint)
            elif (value := self._value(name, entry.node, where, report)) is not None:
                values[name] = value
        return values

    def _value(self, name: str, node: Node, path: str, report: Report) -> str | None:
        """The text, or None after reporting. A value whose name sounds secret is not shown."""
        if isinstance(node, BrokenNode):
            return None
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            if len(node.value) <= self.most:
                return node.value
            report.add(node.mark, path, "", "out_of_range", f"longer than {self.most} characters", "put it into a file")
            return None
        hidden = bool(SECRET_NAME.search(name))
        shown, message = ("(hidden)", "this value") if hidden else (show(node), quote(node))
        if isinstance(node, ScalarNode) and node.value is not None:
            hint = "quote it" if hidden else f'quote it: "{shown}"'
        else:
            hint = 'write "" for an empty text, and texts only'
        report.add(node.mark, path, shown, "wrong_type", f"{message} is not a text; variables are", hint)
        return None

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {
                "pattern": f"^{self.name}$",
                "not": {"pattern": f"^({'|'.join(self.reserved)}|FERRYMAN_.*)$"},
            },
            "additionalProperties": {"type": "string", "maxLength": self.most},
        }


class Free(msgspec.Struct, frozen=True):
    """A mapping that is handed on as it is."""

    label: str = "mapping"

    def read(self, node: Node, path: str, report: Report) -> object:
        return plain(node) if isinstance(node, MapNode) else wrong_type(node, path, report, "a mapping")

    def schema(self) -> Schema:
        return {"type": "object"}


class Switch(msgspec.Struct, frozen=True):
    """true, false, or the keys of a section; `name` is the value that true and false stand for."""

    inner: Keys
    name: str

    @property
    def label(self) -> str:
        return f"true, false or {self.inner.label}"

    def read(self, node: Node, path: str, report: Report) -> object:
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return {self.name: node.value}
        return self.inner.read(node, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "boolean"}, self.inner.schema()]}
