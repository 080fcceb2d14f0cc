"""Flags file -> flags and segments, with every problem of the document at once, each with its place."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from typing import cast

from ferryman.flags import lint
from ferryman.flags.check import Finding, Path, check_flag, check_when, shown
from ferryman.flags.definition import FILE_CHARACTERS_MAX, Flag, FlagSet, Segment
from ferryman.model.errors import Problem, SpecError
from ferryman.spec.document import Bounds, load
from ferryman.spec.flag_table import FLAGS_FILE
from ferryman.spec.kinds import Schema, items, read
from ferryman.spec.nodes import ListNode, MapNode, Mark, Node, show
from ferryman.spec.report import Report
from ferryman.spec.schema import DIALECT
from ferryman.spec.shapes import Keys, homes

WHAT = "flags file"
BOUNDS = Bounds(characters=FILE_CHARACTERS_MAX, written=1_000_000, nodes=2_000_000, dates_are_texts=True)


class FlagDocument:
    """A flags file that was read: what it defines, and where each part of it stands."""

    def __init__(self, defined: FlagSet, node: Node, file: str) -> None:
        self.defined = defined
        self._node = node
        self._file = file

    def problems(self, findings: Iterable[Finding], severity: str = "error") -> tuple[Problem, ...]:
        """Findings with their places, in document order. What is about a flag that is not in the document has none."""
        found = (_problem(finding, self._node, self._file, severity) for finding in findings)
        return tuple(sorted(found, key=lambda problem: (problem.line, problem.column, problem.path)))

    def warnings(self, today: dt.date) -> tuple[Problem, ...]:
        """What is allowed and likely not meant."""
        return self.problems(lint.lint(self.defined, today), "warning")


def parse_flags(text: str, file: str) -> FlagDocument:
    """The flags and segments that `text` defines. Raises `SpecError` with all that is wrong with each of them; what must
    hold between them is asked of `ferryman.flags.check.check_set`, with those that are there already."""
    report = Report(file, homes(FLAGS_FILE, Keys("", "", ())), WHAT)
    node = load(text, report, BOUNDS)
    values = read(FLAGS_FILE, node, "", report)
    if report.failed or not isinstance(values, dict):
        raise SpecError(report.problems())
    known = cast("dict[str, object]", values)
    flags = {flag.key: flag for flag in items(known.get("flags")) if isinstance(flag, Flag)}
    segments = {each.key: each for each in items(known.get("segments")) if isinstance(each, Segment)}
    document = FlagDocument(FlagSet(flags, segments), node, file)
    findings = [finding for flag in flags.values() for finding in check_flag(flag)]
    findings += [f for each in segments.values() for f in check_when(each.when, ("segments", each.key))]
    if findings:
        raise SpecError(document.problems(findings))
    return document


def _problem(finding: Finding, root: Node, file: str, severity: str) -> Problem:
    mark, value = _place(finding.path, root)
    problem = Problem(
        file, 0, 0, shown(finding.path), value, finding.message, finding.hint, finding.code, severity=severity
    )
    return replace(problem, line=mark.line, column=mark.column) if mark is not None else problem


def _place(path: Path, root: Node) -> tuple[Mark | None, str]:
    """Where a key stands, or the nearest one above it that was written; and its value, if it is that key."""
    node, mark = root, root.mark
    for depth, part in enumerate(path):
        if isinstance(node, MapNode) and part in node.entries:
            entry = node.entries[str(part)]
            node, mark = entry.node, entry.node.mark
            if isinstance(node, MapNode | ListNode):
                mark = entry.mark
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            mark = node.mark
        else:
            return (mark if depth > 1 else None), ""
    return mark, show(node)


def flags_schema_text() -> str:
    """The JSON Schema (draft 2020-12) as the text of its file in docs/reference."""
    schema: Schema = {"$schema": DIALECT, "title": "Ferryman flags file", "description": FLAGS_FILE.doc}
    return json.dumps(schema | FLAGS_FILE.schema(), indent=2, ensure_ascii=False) + "\n"


def flags_example() -> str:
    """The annotated example that comes with the package."""
    return resources.files("ferryman.spec").joinpath("examples", "flags", "flags.yaml").read_text(encoding="utf-8")
