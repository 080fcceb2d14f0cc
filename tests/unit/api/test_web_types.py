"""The dashboard's TypeScript types are those of the wire: generated, and stale ones fail. `--rewrite` renews them."""

import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from ferryman.api import problems, wire
from ferryman.api.access import wire as access
from ferryman.api.flags import wire as flag_wire
from ferryman.api.stream.flags import FlagsNews
from ferryman.engine.flags import askers, evaluations, explain
from ferryman.flags import board, breaker, ledger, plan, requests, sentences
from ferryman.flags import views as flag_views
from ferryman.model import audit, revision, view

FILE = Path(__file__).resolve().parents[3] / "web" / "src" / "api" / "types.ts"
STRUCTS: tuple[type, ...] = (
    view.SideView,
    view.StepView,
    view.GivenView,
    view.ApprovalView,
    view.IncidentView,
    view.RolloutView,
    view.EventView,
    view.InstanceView,
    view.ServiceView,
    view.SideSeries,
    view.MetricSeries,
    view.MeasurementSeries,
    view.AnswerView,
    view.RolloutSummary,
    view.RolloutDetail,
    revision.Run,
    revision.Health,
    revision.Revision,
    audit.AuditLine,
    audit.AuditPage,
    audit.ChainView,
    audit.ChainsView,
    wire.HealthView,
    wire.EventsPage,
    wire.Verified,
    access.TokenView,
    access.TokenMade,
    access.SessionView,
    flag_views.EnvironmentView,
    flag_views.DoneView,
    ledger.Override,
    board.StaleView,
    board.FlagCell,
    board.FlagRow,
    board.FlagsBoard,
    FlagsNews,
    sentences.Sentence,
    board.SlotView,
    board.VariantView,
    breaker.BreakerView,
    board.PlaceView,
    requests.Given,
    plan.Move,
    plan.ChangePlan,
    board.WaitingView,
    board.FlagEverywhere,
    flag_wire.FlagsAnswer,
    flag_wire.FlagDifference,
    explain.Asked,
    explain.Explanation,
    requests.RequestView,
    evaluations.VariantMinute,
    askers.AskerView,
    problems.ProblemDocument,
    problems.Problem,
)
PLAIN: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    Any: "Json",
}
HEAD = """// Made from the views of src/ferryman by tests/unit/api/test_web_types.py --rewrite; not to be edited.
// Times are epoch seconds.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
"""


def typescript(kind: Any) -> str:
    """The TypeScript of an annotation."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " | ".join(f'"{value.value}"' for value in kind)
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(typescript(a) for a in arguments)
    if origin is typing.Annotated:
        return typescript(arguments[0])
    if origin in (tuple, list):
        inner = typescript(arguments[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<string, {typescript(arguments[1])}>"
    assert isinstance(kind, type), kind
    return kind.__name__


def declared(struct: type) -> str:
    hints = typing.get_type_hints(struct, include_extras=True)
    lines = [f"  {name}: {typescript(hints[name])};" for name in hints if not name.startswith("_")]
    return f"export interface {struct.__name__} {{\n" + "\n".join(lines) + "\n}\n"


def named(kind: Any) -> list[type]:
    """The structs that an annotation speaks of."""
    if isinstance(kind, type) and not typing.get_args(kind):
        known = kind in PLAIN or issubclass(kind, StrEnum)
        return [] if known else [kind]
    return [found for argument in typing.get_args(kind) for found in named(argument)]


def everything() -> list[type]:
    """The structs, and those that they are made of before them."""
    found: list[type] = []

    def add(struct: type) -> None:
        for hint in typing.get_type_hints(struct).values():
            for inner in named(hint):
                add(inner)
        if struct not in found:
            found.append(struct)

    for struct in STRUCTS:
        add(struct)
    return found


def test_the_pages_types_are_those_of_the_wire(request: pytest.FixtureRequest) -> None:
    made = "\n".join([HEAD, *(declared(struct) for struct in everything())])
    if request.config.getoption("--rewrite"):
        FILE.write_text(made)
    assert FILE.read_text() == made, "run this test with --rewrite"
