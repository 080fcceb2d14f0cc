"""YAML text -> nodes with their places, by the events of ruamel.yaml's round-trip parser.

Composing from events instead of loading reports every duplicate key rather than the first, and never recurses into
what the text decides: depth and size are bounded before anything is built on them.
"""

from __future__ import annotations

import re

import msgspec

from ferryman.spec.events import Event, YamlSyntaxError, events
from ferryman.spec.nodes import START, BrokenNode, Entry, ListNode, MapNode, Mark, Node, ScalarNode, shorten
from ferryman.spec.report import Report, did_you_mean
from ferryman.spec.scalars import ScalarError, resolve

DEPTH_MAX = 64


class Bounds(msgspec.Struct, frozen=True):
    """How large a document may be: in characters, in values written, and with its aliases expanded. With
    `dates_are_texts` a plain date is a text; elsewhere it has to be quoted."""

    characters: int = 128 * 1024
    written: int = 20_000
    nodes: int = 100_000
    dates_are_texts: bool = False


BOUNDS = Bounds()

# Outside the set that YAML calls printable (chapter 5.1): the parser refuses them with a byte offset for a place.
BAD_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BAD_IN_TEXT = re.compile("[\x00\ud800-\udfff]")
_MERGE = "<<"


class _GiveUpError(Exception):
    """What follows cannot be understood; the reason is in the report."""


def load(text: str, report: Report, bounds: Bounds = BOUNDS) -> Node:
    """The one document in `text`; everything wrong with it as YAML goes to `report`."""
    text = text.removeprefix("\ufeff")
    if len(text) > bounds.characters:
        message = f"the file has {len(text)} characters; the limit is {bounds.characters}"
        report.add(START, "", "", "too_large", message, "is this the right file?")
        return BrokenNode(START)
    bad = BAD_CHARACTER.search(text)
    if bad:
        mark = _mark_at(text, bad.start())
        message = f"the character U+{ord(bad.group()):04X} cannot be in a {report.what}"
        report.add(mark, "", f"U+{ord(bad.group()):04X}", "bad_character", message, "save the file as UTF-8 text")
        return BrokenNode(mark)
    try:
        return _Composer(text, report, bounds).document()
    except _GiveUpError:
        pass
    except YamlSyntaxError as error:
        report.add(error.mark, "", "", "syntax", error.message, error.hint)
    return BrokenNode(START)


def _mark_at(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


class _Composer:
    """Builds nodes from parser events. Anchors are known once their value is complete."""

    def __init__(self, text: str, report: Report, bounds: Bounds) -> None:
        self._events = events(text)
        self._report = report
        self._bounds = bounds
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()
        self._written = 0
        self._nodes = 0

    def _next(self) -> Event:
        return next(self._events)

    def document(self) -> Node:
        """The first document; a second one is a problem."""
        self._next()
        event = self._next()
        if event.kind == "StreamEnd":
            self._empty()
            return BrokenNode(START)
        self._directives(event)
        node = self._node(self._next(), "", 1)
        if isinstance(node, ScalarNode) and node.value is None:
            self._empty()
            return BrokenNode(START)
        self._next()
        event = self._next()
        if event.kind == "DocumentStart":
            message = f"a second document begins here; a {self._report.what} is one document"
            self._report.add(event.mark, "", "---", "several_documents", message, "put it into a file of its own")
        return node

    def _empty(self) -> None:
        hint = "`ferry init` writes a commented one to start from"
        self._report.add(START, "", "", "empty", f"the {self._report.what} is empty", hint)

    def _directives(self, event: Event) -> None:
        version = event.version
        if version is not None and version != (1, 2):
            name = "%YAML " + ".".join(map(str, version))
            message = f"`{name}` asks for another version of YAML than 1.2"
            self._report.add(START, "", name, "yaml_version", message, "delete that line")

    def _node(self, event: Event, path: str, depth: int) -> Node:
        mark = event.mark
        self._written += 1
        self._count(mark, path, 1, depth)
        if event.kind == "Alias":
            return self._alias(event.anchor, mark, path, depth)
        if event.anchor:
            self._open.add(event.anchor)
        if event.kind == "Scalar":
            node = self._scalar(event, mark, path)
        elif event.kind == "SequenceStart":
            node = self._tagged(event, mark, path, self._sequence(mark, path, depth))
        else:
            assert event.kind == "MappingStart"
            node = self._tagged(event, mark, path, self._mapping(mark, path, depth))
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node
        return node

    def _count(self, mark: Mark, path: str, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if depth > DEPTH_MAX:
            message = f"nested more than {DEPTH_MAX} levels deep"
            self._report.add(mark, "", "", "too_deep", message, "look for brackets that are never closed")
            raise _GiveUpError
        bounds = self._bounds
        if self._nodes > bounds.nodes or self._written > bounds.written:
            written = self._written > bounds.written
            limit = f"{bounds.written} values" if written else f"{bounds.nodes} values with its aliases expanded"
            message = f"the document has more than {limit}"
            self._report.add(mark, shorten(path), "", "too_large", message, "is this the right file?")
            raise _GiveUpError

    def _alias(self, name: str, mark: Mark, path: str, depth: int) -> Node:
        if name in self._open:
            message = f"the alias `*{name}` stands inside the value that it names"
            self._report.add(mark, path, f"*{name}", "recursive_alias", message, "write the value out")
            return BrokenNode(mark)
        if name not in self._anchors:
            message = f"the alias `*{name}` names no anchor above it"
            hint = did_you_mean(name, self._anchors) if self._anchors else f"quote it if it is a text: '*{name}'"
            self._report.add(mark, path, f"*{name}", "unknown_alias", message, hint)
            return BrokenNode(mark)
        node = self._anchors[name]
        self._count(mark, path, node.size, depth + node.height - 1)
        return node

    def _tagged(self, event: Event, mark: Mark, path: str, node: Node) -> Node:
        tag = event.tag
        if not tag:
            return node
        tag = tag.replace("tag:yaml.org,2002:", "!!", 1)
        message = f"the tag `{shorten(tag)}` is not used in {self._report.what}s"
        self._report.add(mark, path, shorten(tag), "tag", message, "delete the tag; quote the value if it is a text")
        return BrokenNode(mark)

    def _scalar(self, event: Event, mark: Mark, path: str) -> Node:
        text = event.value
        node = self._tagged(event, mark, path, ScalarNode(text, text, mark))
        if isinstance(node, BrokenNode):
            return node
        bad = _BAD_IN_TEXT.search(text)
        if bad:
            message = f"the text holds U+{ord(bad.group()):04X}, which no program accepts"
            self._report.add(mark, path, f"U+{ord(bad.group()):04X}", "bad_character", message, "delete that character")
            return BrokenNode(mark)
        if not event.plain:
            return node
        try:
            return ScalarNode(resolve(text), text, mark)
        except ScalarError as error:
            if error.code == "unquoted_date" and self._bounds.dates_are_texts:
                return ScalarNode(text, text, mark)
            shown = shorten(text)
            self._report.add(mark, path, shown, error.code, f"`{shown}` {error.message}", error.hint)
            return BrokenNode(mark)

    def _sequence(self, mark: Mark, path: str, depth: int) -> ListNode:
        items: list[Node] = []
        while (event := self._next()).kind != "SequenceEnd":
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return ListNode(
            tuple(items), mark, 1 + sum(i.size for i in items), 1 + max((i.height for i in items), default=0)
        )

    def _mapping(self, mark: Mark, path: str, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        while (event := self._next()).kind != "MappingEnd":
            merge = event.kind == "Scalar" and event.value == _MERGE and event.plain
            key_mark = event.mark
            key = self._node(event, path, depth + 1)
            name = self._key_name(key, key_mark, path)
            value = self._node(self._next(), join(path, name or "?"), depth + 1)
            if merge:
                self._merge(value, key_mark, path, merged)
            elif name is None:
                continue
            elif name in entries:
                self._duplicate(name, entries[name].mark, key_mark, path)
            else:
                entries[name] = Entry(key_mark, value)
        whole = {**merged, **entries}
        nodes = [entry.node for entry in whole.values()]
        size = 1 + 2 * len(nodes) + sum(n.size for n in nodes)
        return MapNode(whole, mark, size, 1 + max((n.height for n in nodes), default=0))

    def _key_name(self, key: Node, mark: Mark, path: str) -> str | None:
        if isinstance(key, ScalarNode) and isinstance(key.value, str):
            return key.value
        if isinstance(key, ScalarNode):
            shown = shorten(key.text) or "nothing"
            self._report.add(
                mark, path, shown, "wrong_type", f"the key `{shown}` is not text", f'quote it: "{key.text}"'
            )
        elif not isinstance(key, BrokenNode):
            message = "a key is a list or a mapping; keys are texts"
            self._report.add(mark, path, "", "wrong_type", message, "quote it if it is a text")
        return None

    def _merge(self, value: Node, mark: Mark, path: str, merged: dict[str, Entry]) -> None:
        """Take over the keys of one mapping or several; keys that stand in the mapping itself win, then earlier ones."""
        for source in value.items if isinstance(value, ListNode) else (value,):
            if isinstance(source, MapNode):
                for name, entry in source.entries.items():
                    merged.setdefault(name, entry)
            elif not isinstance(source, BrokenNode):
                message = "`<<` takes over the keys of a mapping, and this is none"
                self._report.add(mark, path, _MERGE, "wrong_type", message, "give it an alias of a mapping")

    def _duplicate(self, name: str, first: Mark, second: Mark, path: str) -> None:
        shown = shorten(name)
        message = f"the key `{shown}` stands twice: in line {first.line} and again in line {second.line}"
        self._report.add(second, join(path, name), shown, "duplicate_key", message, "keep one of them")


def join(path: str, name: str) -> str:
    """The path of a key below `path`."""
    return f"{path}.{shorten(name)}" if path else shorten(name)
