"""flagd's specification, case by case (`flagd_cases`), in every way there is to ask.

Each case is put to generated code and to closures, to the OpenFeature SDK with our provider, to OFREP, and to
openfeature-flagd-core 2.0.0.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import FlagEvaluationDetails

from ferryman.api.flags.ofrep import evaluated, single_response
from ferryman.engine.flags.served import Served
from ferryman_flags import DefinitionError, Evaluator
from ferryman_flags.kinds import Kind, kind_of
from ferryman_flags.provider import FerrymanProvider
from flagd_cases import AREAS, FOUR, STAFF, Case, divided, document_of, of_the_wrong_type, texts
from flagd_hashes import murmur3_32, v2

Answer = tuple[Any, str, str | None, str | None, dict[str, Any]]


def kind_asked(case: Case) -> Kind:
    """By the type of the code default."""
    kind = kind_of(case.default)
    assert kind is not None
    return kind


def answered(found: Any) -> Answer:
    metadata = dict(getattr(found, "flag_metadata", None) or getattr(found, "metadata", None) or {})
    error = getattr(found, "error_code", None) or getattr(found, "error", None)
    value = json.dumps(found.value, sort_keys=True)
    return value, str(found.reason), found.variant, str(getattr(error, "value", error)) if error else None, metadata


def in_context(case: Case) -> EvaluationContext:
    user = case.context.get("targetingKey")
    attributes = {name: value for name, value in case.context.items() if name != "targetingKey"}
    return EvaluationContext(user, attributes)


def of_flagd(case: Case) -> Answer | None:
    """None where flagd-core 2.0.0 cannot say: the older generation, a boolean as a float, references in shared rules."""
    if case.hash != "v3" or "ferryman.hash" in case.flag.get("metadata", {}):
        return None
    if case.error == "TYPE_MISMATCH" and type(case.default) is float and True in case.flag["variants"].values():
        return None
    if "is_boss" in json.dumps(case.flag):
        return None
    core = FlagdCore()
    core.set_flags(document_of(case))
    try:
        resolve = getattr(core, f"resolve_{kind_asked(case)}_value")
        return answered(resolve(case.key, case.default, in_context(case)))
    except OpenFeatureError as error:
        value = json.dumps(case.default, sort_keys=True)
        return value, "ERROR", None, str(error.error_code.value), {}


def expect(case: Case, found: Answer) -> None:
    value, reason, variant, error, metadata = found
    assert (value, reason, error) == (json.dumps(case.value, sort_keys=True), case.reason, case.error), case
    if case.variant is not None or case.reason in {"ERROR", "DISABLED"}:
        assert variant == case.variant, case
    if case.metadata is not None:
        assert metadata == case.metadata, case


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("openfeature").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def openfeature() -> Iterator[OpenFeatureClient]:
    yield api.get_client("conformance")
    api.clear_providers()


def through_openfeature(client: OpenFeatureClient, evaluator: Evaluator, case: Case) -> FlagEvaluationDetails[Any]:
    api.set_provider_and_wait(FerrymanProvider(evaluator), "conformance")
    ask = getattr(client, f"get_{kind_asked(case)}_details")
    return ask(case.key, case.default, in_context(case))


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.__name__)
def test_conformance(area: Any, openfeature: OpenFeatureClient) -> None:
    cases = list(area())
    assert len({document_of(case) + repr(case.context) + case.hash for case in cases}) > 3
    for case in cases:
        evaluator = Evaluator.from_flagd(document_of(case), hash=case.hash)
        ours = answered(evaluator.details(case.key, case.default, case.context))
        expect(case, ours)
        exact = evaluator.snapshot.evaluate(kind_asked(case), case.key, case.default, case.context)
        assert answered(exact) == ours, case
        call = {bool: evaluator.bool, str: evaluator.string, int: evaluator.int, float: evaluator.float}
        value = call.get(type(case.default), evaluator.object)(case.key, case.default, case.context)
        assert json.dumps(value, sort_keys=True) == ours[0], case
        expect(case, answered(through_openfeature(openfeature, evaluator, case)))
        theirs = of_flagd(case)
        if theirs is not None:
            assert theirs[:4] == ours[:4], case
            assert case.error is not None or theirs[4] == ours[4], case


@pytest.mark.parametrize(
    "area", [area for area in AREAS if area is not of_the_wrong_type], ids=lambda area: area.__name__
)
def test_conformance_of_ofrep(area: Any) -> None:
    """The same answers; a code default is the client's, so it has no value. What type is asked for the client knows alone."""
    for case in area():
        served = Served("prod")
        served.flags = {case.key: case.flag}
        served.evaluator = Evaluator.from_flagd(document_of(case), hash=case.hash)
        answer = single_response(evaluated(served, case.key, case.context))
        body = json.loads(bytes(answer.body))
        assert body["key"] == case.key
        if case.error is not None:
            assert (answer.status_code, body["errorCode"]) == (400, case.error), case
            continue
        assert (answer.status_code, body["reason"]) == (200, case.reason), case
        if case.reason == "DISABLED" or (case.reason == "DEFAULT" and not case.flag.get("defaultVariant")):
            assert (body["variant"], "value" in body) == ("", False), case
        else:
            assert body["value"] == case.value, case
            assert case.flag["variants"][body["variant"]] == case.value, case
        assert case.metadata is None or body["metadata"] == case.metadata, case


def test_the_hash_is_the_published_one() -> None:
    """Values that everybody has for this function and seed."""
    assert [murmur3_32(text) for text in (b"", b"hello", b"hello, world")] == [0, 0x248BFA47, 0x149BBB7F]


@pytest.mark.parametrize("written", ['{"$ref":"is_staff"}', '{"$ref" : "is_staff"}', '{\n "$ref"\t:\n"is_staff" }'])
def test_a_reference_is_one_however_it_is_written(written: str) -> None:
    text = document_of(Case(texts("in", targeting={"if": ["HERE", "in"]}), "")).replace('"HERE"', written)
    found = Evaluator.from_flagd(text).details("the-flag", "code", STAFF)
    assert (found.value, str(found.reason)) == ("in", "TARGETING_MATCH")


def test_from_a_file_and_a_mapping(tmp_path: Path) -> None:
    case = Case(divided(FOUR), "")
    path = tmp_path / "flags.json"
    path.write_text(document_of(case))
    wanted = v2("the-flaguser", FOUR)
    for source in (path, document_of(case), document_of(case).encode(), json.loads(document_of(case))):
        evaluator = Evaluator.from_flagd(source, hash="v2")
        assert evaluator.string("the-flag", "code", {"targetingKey": "user"}) == wanted
    evaluator = Evaluator(hash="v2")
    evaluator.patch({"the-flag": divided(FOUR)})
    assert evaluator.string("the-flag", "code", {"targetingKey": "user"}) == wanted


def test_what_is_no_set_of_flags_is_refused(tmp_path: Path) -> None:
    for source in ("[]", "{", '{"flags": 3}', b"\xff"):
        with pytest.raises(DefinitionError):
            Evaluator.from_flagd(source)
    with pytest.raises(DefinitionError, match="v9"):
        Evaluator.from_flagd("{}", hash="v9")
    with pytest.raises(OSError, match="gone"):
        Evaluator.from_flagd(tmp_path / "gone.json")
