"""Random flags and contexts: our evaluator says what openfeature-flagd-core says, and so do generated code and closures."""

import copy
import json
import logging
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from ferryman_flags import Details, ErrorCode, Evaluator
from ferryman_flags.kinds import KINDS
from flag_worlds import EVALUATORS, contexts, flags, targeting_keys

DEFAULTS: dict[str, Any] = {"boolean": True, "string": "code", "integer": -5, "float": -5.5, "object": {"code": 1}}
KEYS = ["flag", "with space/and slash", "ключ"]
Answer = tuple[Any, str | None, str, str | None]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("openfeature.contrib").setLevel(logging.CRITICAL)


def plain(value: Any) -> Any:
    """A form in which NaN equals itself, and 1, 1.0 and True differ."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return json.dumps(value, sort_keys=True)


def of_flagd(core: FlagdCore, kind: str, key: str, context: dict[str, Any], user: str | None) -> Answer:
    resolve = getattr(core, f"resolve_{kind}_value")
    try:
        found = resolve(key, DEFAULTS[kind], EvaluationContext(user, context))
    except OpenFeatureError as error:
        return plain(DEFAULTS[kind]), None, "ERROR", str(error.error_code)
    except Exception:  # noqa: BLE001 - what escapes there becomes GENERAL in the client
        return plain(DEFAULTS[kind]), None, "ERROR", "GENERAL"
    return plain(found.value), found.variant, str(found.reason), None


def as_answer(found: Details) -> Answer:
    return plain(found.value), found.variant, str(found.reason), str(found.error) if found.error else None


def is_known_difference(kind: str, theirs: Answer, ours: Answer) -> bool:
    """A boolean asked for as a float: the flagd testbed wants TYPE_MISMATCH, which flagd-core 2.0.0 does not give."""
    return kind == "float" and theirs[0] in {"1.0", "0.0"} and ours[3] == ErrorCode.TYPE_MISMATCH


@settings(max_examples=400)
@given(flags(), contexts, targeting_keys, st.sampled_from(KEYS))
def test_no_difference(flag: tuple[str, dict[str, Any]], context: dict[str, Any], user: str | None, key: str) -> None:
    document = {"flags": {key: flag[1]}, "$evaluators": EVALUATORS, "metadata": {"set": "one"}}
    core, evaluator = FlagdCore(), Evaluator()
    core.set_flags(json.dumps(document))
    evaluator.load(json.dumps(document))
    own = {**context, "targetingKey": user}
    for kind in KINDS:
        before = copy.deepcopy(own)
        theirs = of_flagd(core, kind, key, context, user)
        exact = as_answer(evaluator.snapshot.evaluate(kind, key, DEFAULTS[kind], own))
        generated = as_answer(evaluator.details(key, DEFAULTS[kind], own, kind=kind))
        call = {"boolean": "bool", "integer": "int"}.get(kind, kind)
        value = getattr(evaluator, call)(key, DEFAULTS[kind], own)
        assert generated == exact, document
        assert plain(value) == exact[0]
        assert exact == theirs or is_known_difference(kind, theirs, exact), document
        assert own == before or plain(own) == plain(before)
