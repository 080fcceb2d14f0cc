"""Kinds of values that only flags have: mappings whose keys are names, and values of any JSON type."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from ferryman.spec.document import join
from ferryman.spec.kinds import BAD, Kind, Schema, read, wrong_type
from ferryman.spec.nodes import BrokenNode, MapNode, Node, plain, shorten
from ferryman.spec.report import Report

NAMED_MAX = 2000


class Named(msgspec.Struct, frozen=True):
    """A mapping from names to values of one kind, read as a tuple of what `make` makes of each name and value, in the
    order written."""

    item: Kind
    make: Callable[[str, object], object]
    pattern: str
    rule: str
    what: str
    most: int = NAMED_MAX

    @property
    def label(self) -> str:
        return f"map of {self.item.label}"

    def read(self, node: Node, path: str, report: Report) -> object:
        if not isinstance(node, MapNode):
            return wrong_type(node, path, report, "a mapping", f"write the {self.what}s as keys below it")
        if len(node.entries) > self.most:
            report.wrong(node, path, "out_of_range", f"has more than {self.most} keys", "divide the file")
            return BAD
        values: list[object] = []
        for name, entry in node.entries.items():
            where = join(path, name)
            if not re.fullmatch(self.pattern, name):
                message = f"`{shorten(name)}` cannot be the name of a {self.what}"
                report.add(entry.mark, where, shorten(name), "not_allowed", message, self.rule)
                values.append(BAD)
                continue
            value = read(self.item, entry.node, where, report)
            values.append(BAD if value is BAD else self.make(name, value))
        return BAD if any(value is BAD for value in values) else tuple(values)

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.pattern})$"},
            "additionalProperties": self.item.schema(),
            "maxProperties": self.most,
        }


class AnyValue(msgspec.Struct, frozen=True):
    """A value of any JSON type; a broken one inside was reported."""

    label: str = "any value"

    def read(self, node: Node, path: str, report: Report) -> object:
        return BAD if isinstance(node, BrokenNode) else plain(node)

    def schema(self) -> Schema:
        return {}
