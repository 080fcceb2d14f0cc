"""Settings of a judge in a release file: the judge itself says which there are and what they may be."""

from __future__ import annotations

from typing import cast

from ferryman.analysis.options import HeaderError
from ferryman.analysis.registry import DEFAULT, JUDGES, check_spec
from ferryman.model.evidence import Header, StagePlan
from ferryman.spec.document import join
from ferryman.spec.nodes import BrokenNode, MapNode, show
from ferryman.spec.shapes import Given

JUDGE, OPTIONS = "analysis.judge", "analysis.options"
BOUNDS_MS = (1.0, 10.0, 100.0, 1000.0)


def check_options(given: Given) -> object:
    """The values of the analysis section as they are, after the judge has looked at its options."""
    options, entry = given.values.get(OPTIONS), given.entry("options")
    known = JUDGE in given.values or not given.has("judge")
    if not isinstance(options, dict) or entry is None or not isinstance(entry.node, MapNode) or not known:
        return given.values
    name = str(given.values.get(JUDGE, DEFAULT))
    spec = {"judge": name} | {key: value for key, value in cast("dict[str, object]", options).items() if key != "judge"}
    problems = {problem.name: problem for problem in check_spec(spec)}
    where = join(given.path, "options")
    for key, inner in entry.node.entries.items():
        if key == "judge":
            message = "the judge is not one of its own options"
            given.report.add(inner.mark, join(where, key), key, "unknown_field", message, "it belongs under `analysis`")
        elif key in problems and not isinstance(inner.node, BrokenNode):
            problem, unknown = problems[key], key not in JUDGES[name].options
            mark, code = (inner.mark, "unknown_field") if unknown else (inner.node.mark, "not_allowed")
            given.report.add(mark, join(where, key), show(inner.node), code, problem.message, problem.hint)
    if not problems and not given.report.failed:
        _start(name, spec, given, entry.node)
    return given.values


def _start(name: str, spec: dict[str, object], given: Given, node: MapNode) -> None:
    """What only shows when the judge begins, such as a condition that reads a figure which is not there."""
    header = Header(rollout="check", bounds_ms=BOUNDS_MS, stages=(StagePlan(50.0),), counters="cumulative", spec=spec)
    try:
        JUDGES[name].start(header)
    except HeaderError as error:
        hint = error.hint or f"`ferry spec --markdown` lists the options of the judge {name}"
        given.report.add(node.mark, join(given.path, "options"), show(node), "not_allowed", error.message, hint)
