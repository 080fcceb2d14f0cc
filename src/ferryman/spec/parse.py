"""Release file -> `Release`, with every problem of the document at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace as replace_problem
from typing import cast

from msgspec.structs import replace

from ferryman.model.errors import Problem, SpecError
from ferryman.model.release import Analysis, Approvals, Deadlines, FlagExposure, Limits, Release, Routing
from ferryman.spec import lint
from ferryman.spec.document import load
from ferryman.spec.durations import format_duration
from ferryman.spec.kinds import read
from ferryman.spec.nodes import ListNode, MapNode, Node, show
from ferryman.spec.report import Report, closest
from ferryman.spec.shapes import Given, Values
from ferryman.spec.table import HOMES, ROOT

KEYS = tuple(key.name for key in ROOT.keys)
NO_TRAFFIC = Routing(router="none")
NOT_OF_A_FLAG = ("run", "replicas", "health", "traffic", "capacity")
DEFAULTS = Release(service="", label=None, command=(), replicas=1)


def parse_release(text: str, file: str) -> Release:
    """The release that `text` describes. Raises `SpecError` with all that is wrong with it; messages call it `file`."""
    return _parse(text, file)[0]


def parse_release_with_warnings(text: str, file: str) -> tuple[Release, tuple[Problem, ...]]:
    """The same, and what is allowed but likely not meant (see `lint`), with places."""
    release, node = _parse(text, file)
    return release, _in_order(lint.lint(release), node, file)


def placed(problems: Iterable[Problem], text: str, file: str) -> tuple[Problem, ...]:
    """Problems that were found elsewhere in the release of `text`, by their path, each with its place; in document
    order. Raises `SpecError` when `text` does not parse."""
    return _in_order(problems, _parse(text, file)[1], file)


def _in_order(problems: Iterable[Problem], node: Node, file: str) -> tuple[Problem, ...]:
    found = (_place(problem, node, file) for problem in problems)
    return tuple(sorted(found, key=lambda p: (p.line, p.column, p.path)))


def _parse(text: str, file: str) -> tuple[Release, Node]:
    report = Report(file, HOMES)
    node = load(text, report)
    values = read(ROOT, node, "", report)
    if isinstance(values, dict) and isinstance(node, MapNode):
        near = frozenset(closest(name, KEYS) or "" for name in node.entries if name not in KEYS)
        _across_sections(Given(cast("Values", values), node, "", report, near))
    if report.failed or not isinstance(values, dict):
        raise SpecError(report.problems())
    return _build(cast("Values", values)), node


def _across_sections(given: Given) -> None:
    _what_runs(given)
    if given.has("traffic") and (given.has("health") or given.lacks("health")):
        _need_health(given)
    ready = given.values.get("min_ready_seconds", DEFAULTS.min_ready_seconds)
    progress = given.values.get("deadlines.progress_seconds", Deadlines().progress_seconds)
    if isinstance(ready, float) and isinstance(progress, float) and ready >= progress:
        where, path = (given.entry("deadlines", "progress"), "deadlines.progress")
        if where is None:
            where, path = given.entry("health", "minReady"), "health.minReady"
        assert where is not None
        message = (
            f"an instance is available after {format_duration(ready)}, but {format_duration(progress)} is the deadline"
        )
        hint = "give `deadlines.progress` more time than `health.minReady`"
        given.report.add(where.node.mark, path, show(where.node), "out_of_range", message, hint)
    if given.values.get("routing.router", "none") == "none":
        _no_matches(given)


def _what_runs(given: Given) -> None:
    """A release of a flag runs nothing; every other one does."""
    if not isinstance(given.values.get("strategy"), FlagExposure):
        if given.lacks("run"):
            given.missing("run", "`run` is missing", "What to run. Add `run:`.")
        return
    for name in NOT_OF_A_FLAG:
        if given.has(name):
            hint = f"delete `{name}`; the code itself is deployed by a release of its own, with the flag off"
            given.wrong(name, "not_allowed", f"a release of a flag has no `{name}`: nothing is started or routed", hint)


def _need_health(given: Given) -> None:
    entry = given.node.entries.get("health")
    hint = "without a check nobody knows when an instance can serve; write `health: {http: /healthz}` or `{tcp: true}`"
    if entry is None:
        mark = given.node.entries["traffic"].mark
        given.report.add(mark, "health", "", "missing", "a service with traffic has no health check", hint)
    elif isinstance(entry.node, MapNode):
        written = entry.node.entries
        if "http" not in written and ("tcp" not in written or given.values.get("health_tcp") is False):
            message = "the health check says neither `http` nor `tcp: true`"
            given.report.add(entry.node.mark, "health", "", "missing", message, hint)


def _no_matches(given: Given) -> None:
    """Steps by header or cookie need somebody who reads headers."""
    steps = given.entry("strategy", "canary", "steps")
    for number, item in enumerate(steps.node.items if steps and isinstance(steps.node, ListNode) else ()):
        for name in ("header", "cookie"):
            if isinstance(item, MapNode) and name in item.entries:
                message = f"a `{name}` step needs a router, and this service has none"
                hint = "delete the step, or add `traffic` with a port"
                path = f"strategy.canary.steps[{number}].{name}"
                given.report.add(item.entries[name].mark, path, name, "not_allowed", message, hint)


def _build(values: Values) -> Release:
    groups: dict[str, Values] = {}
    for target, value in values.items():
        group, _, name = target.rpartition(".")
        groups.setdefault(group, {})[name] = value
    strategy = groups[""].get("strategy")
    if isinstance(strategy, FlagExposure):
        groups[""] |= {"replicas": 0, "strategy": replace(strategy, key=strategy.key or str(groups[""]["service"]))}
    limits = replace(Limits(), **groups.get("analysis.limits", {}))
    return replace(
        DEFAULTS,
        routing=replace(Routing(), **groups["routing"]) if "routing" in groups else NO_TRAFFIC,
        analysis=replace(Analysis(), limits=limits, **groups.get("analysis", {})),
        approvals=replace(Approvals(), **groups.get("approvals", {})),
        deadlines=replace(Deadlines(), **groups.get("deadlines", {})),
        **groups[""],
    )


def _place(problem: Problem, root: Node, file: str) -> Problem:
    """`problem` with the place of its path, or of the nearest key above it that was written."""
    node, mark = root, root.mark
    for part in re.findall(r"[^.\[\]]+", problem.path):
        if isinstance(node, MapNode) and part in node.entries:
            node = node.entries[part].node
        elif isinstance(node, ListNode) and part.isdigit() and int(part) < len(node.items):
            node = node.items[int(part)]
        else:
            break
        mark = node.mark
    return replace_problem(problem, file=file, line=mark.line, column=mark.column)
