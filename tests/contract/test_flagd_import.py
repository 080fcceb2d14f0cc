"""Flags of flagd, imported, decide as they did: the cases of its specification, by our definitions of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ferryman.flags.check import check_set
from ferryman.flags.compile import compile_all
from ferryman.flags.definition import FlagSet, in_environment
from ferryman.flags.importing.base import DRAWN_ANEW, Choice
from ferryman.flags.importing.readers import import_flags
from ferryman.spec.flags import parse_flags
from ferryman_flags import Evaluator
from flagd_cases import Case, compared_as_texts, compared_as_versions, divided_oddly, document_of, reasoned, targeted

UNSAID = ("is not known here", DRAWN_ANEW)
"""Remarks with which an import says that it is not the same."""


def is_sayable(case: Case) -> bool:
    """Our flags have a default of their own, and a value for everybody."""
    has_default = case.flag.get("defaultVariant") in case.flag["variants"]
    return case.error is None and has_default and case.key == "the-flag" and case.flag["state"] == "ENABLED"


@pytest.mark.parametrize(
    ("area", "least"),
    [(targeted, 10), (compared_as_texts, 20), (compared_as_versions, 25), (reasoned, 25), (divided_oddly, 10)],
)
def test_the_same_values(area: Callable[[], Iterator[Case]], least: int) -> None:
    same = 0
    for case in filter(is_sayable, area()):
        made = import_flags(json.loads(document_of(case)), Choice("shop", "2027-03-31"))
        defined = parse_flags(json.dumps(made.document), "imported.yaml").defined
        whole = FlagSet({key: in_environment(flag, "prod") for key, flag in defined.flags.items()}, defined.segments)
        assert list(check_set(whole, "prod")) == [], case
        if any(told in note for note in made.notes for told in UNSAID):
            continue
        evaluator = Evaluator()
        evaluator.load({"flags": compile_all(whole, {})})
        found: Any = evaluator.details(case.key, case.default, case.context)
        assert found.value == case.value, (case, made.document)
        same += 1
    assert same >= least
