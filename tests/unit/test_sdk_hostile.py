"""The evaluator of flags under definitions that are deep, large or look like code, and contexts of any type."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman_flags import DefinitionError, ErrorCode
from ferryman_flags.evaluator import Evaluator
from ferryman_flags.kinds import KINDS
from ferryman_flags.logic import DEPTH_MAX
from flag_worlds import flag, load, targeted


@pytest.mark.parametrize("levels", [60, DEPTH_MAX - 5])
@pytest.mark.parametrize("form", ["not", "then", "else", "or", "cat"])
def test_deep_targeting_works_by_closures(form: str, levels: int) -> None:
    rule: Any = {"var": "x"}
    for _ in range(levels):
        rule = {
            "not": {"!": [{"!": [rule]}]} if _ % 2 else rule,
            "then": {"if": [{"var": "x"}, rule, "off"]},
            "else": {"if": [{"var": "never"}, "off", rule]},
            "or": {"or": [False, {"var": "never"}, rule]},
            "cat": {"cat": [rule]},
        }[form]
    targeting = rule if form in {"then", "else"} else {"if": [rule, "on", "off"]}
    evaluator = load(a=targeted(targeting))
    assert evaluator.details("a", False, {"x": "on"}).value is True


def test_too_deep_targeting_is_an_error_of_its_flag() -> None:
    rule: Any = "on"
    for _ in range(DEPTH_MAX + 2):
        rule = {"!": [rule]}
    evaluator = load(a=targeted(rule), b=flag(True))
    assert evaluator.details("a", False).error is ErrorCode.PARSE_ERROR
    assert evaluator.bool("b", False)


def test_a_long_chain_of_rules() -> None:
    branches: list[Any] = []
    for n in range(3000):
        branches += [{"==": [{"var": "n"}, n]}, "on" if n % 2 else "off"]
    evaluator = load(a=targeted({"if": branches}), b=targeted({"if": [{"if": branches}, {"if": branches}]}))
    for n in (0, 1, 2999, 3001):
        expected = n < 3000 and bool(n % 2)
        assert evaluator.bool("a", not expected, {"n": n}) is expected
        assert evaluator.bool("b", not expected, {"n": n}) is expected


def test_a_definition_of_ten_megabytes() -> None:
    users = [f"user-{n:07d}" for n in range(600_000)]
    document = json.dumps(
        {"flags": {"a": targeted({"if": [{"in": [{"var": "targetingKey"}, users]}, "on"]}), "b": flag(True)}}
    )
    assert len(document) > 9_000_000
    evaluator = Evaluator()
    evaluator.load(document)
    assert evaluator.bool("a", False, {"targetingKey": "user-0599999"})
    assert not evaluator.bool("a", True, {"targetingKey": "user-0600000"})


class Hostile:
    """Everything that can be done to it raises."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("no")

    __eq__ = __hash__ = __str__ = __repr__ = __len__ = __bool__ = __float__ = __getitem__ = __iter__ = _no


RULES = [
    {"if": [{"==": [{"var": "x"}, "a"]}, "on", "off"]},
    {"if": [{"in": [{"var": "x"}, ["a", 1]]}, "on", "off"]},
    {"if": [{"var": "x"}, "on", "off"]},
    {"if": [{"<": [{"var": "x"}, 5]}, "on", "off"]},
    {"fractional": [{"var": "x"}, ["on", 1], ["off", 1]]},
    {"fractional": [{"cat": ["s", {"var": "x"}]}, ["on", 1], ["off", 1]]},
    {"fractional": [["on", 1], ["off", 1]]},
    {"if": [{"starts_with": [{"var": "x.y"}, "a"]}, "on", "off"]},
    {"if": [{"sem_ver": [{"var": "x"}, ">", "1"]}, "on", "off"]},
    {"cat": [{"var": "x"}]},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "value",
    [Hostile(), object(), b"bytes", {1, 2}, 1j, "\ud800", [[]] * 3, {"y": Hostile()}, 10**400, float("nan"), type, ...],
)
def test_a_context_of_any_types_gives_a_value(rule: Any, value: Any) -> None:
    evaluator = load(a=targeted(rule))
    for context in ({"x": value}, {"targetingKey": value}, {value: 1} if value.__class__ in {bytes, str} else {}):
        assert evaluator.bool("a", True, context) in (True, False)
        assert evaluator.details("a", True, context).value in (True, False)


@pytest.mark.parametrize("context", [None, [], "text", 7, Hostile()])
@pytest.mark.parametrize("key", ["a", "", "no/such key", None, 7, [], Hostile()])
def test_a_context_or_a_key_of_another_type_gives_a_value(context: Any, key: Any) -> None:
    evaluator = load(a=targeted({"if": [{"var": "x"}, "on", "off"]}))
    assert evaluator.bool(key, False, context) is False
    assert evaluator.details(key, False, context).value is False
    with evaluator.override(a=True):
        assert evaluator.bool(key, False, context) is (key == "a" if isinstance(key, str) else False)


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(["on", "ENABLED"])
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["if", "var", "fractional", "$ref", "==", "in", "on", "map", "x"]), inner, max_size=2
        )
    ),
    max_leaves=12,
)
nearly = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["ENABLED", "DISABLED"]) | anything,
        "variants": st.just({"on": True, "off": False}) | anything,
        "defaultVariant": st.sampled_from(["on", None]) | anything,
        "targeting": anything,
        "metadata": st.just({}) | anything,
    }
)


@given(st.one_of(nearly, anything), st.dictionaries(st.sampled_from(["x", "on"]), anything, max_size=2), anything)
def test_whatever_is_loaded_gives_values(flag: Any, evaluators: Any, context: Any) -> None:
    evaluator = Evaluator()
    evaluator.load({"flags": {"a": flag}, "$evaluators": evaluators})
    own = {"x": context, "targetingKey": context, "on": context}
    for kind in KINDS:
        found = evaluator.details("a", "code", own, kind=kind)
        assert found.error or found.value is not None or found.variant is None
        exact = evaluator.snapshot.evaluate(kind, "a", "code", own)
        assert (found.variant, found.reason, found.error) == (exact.variant, exact.reason, exact.error)
    assert evaluator.bool("a", True, own) in (True, False)


@given(anything)
def test_whatever_a_document_is_it_is_taken_or_refused(document: Any) -> None:
    evaluator = Evaluator()
    for form in (
        json.dumps(document),
        json.dumps({"flags": document, "metadata": {"x": 1}}),
        json.dumps({"flags": {"a": document}}),
    ):
        try:
            evaluator.load(form)
        except DefinitionError:
            continue
        assert evaluator.bool("a", True) in (True, False)


@given(
    st.text(max_size=20), st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
)
def test_no_text_of_a_definition_becomes_code(key: str, word: str, context: dict[str, Any]) -> None:
    """Names, keys and constants that look like code, quotes or line ends are only ever compared."""
    hard = f"{word}\"\n'\\{{}};raise SystemExit"
    rule = {"if": [{"==": [{"var": hard.replace(".", "")}, hard]}, hard, {"in": [hard, [hard]]}, "on"]}
    evaluator = load(**{key + hard: targeted(rule, {hard: True, "on": False}, "on")})
    assert evaluator.bool(key + hard, True, context) is False
    assert evaluator.bool(key + hard, False, {hard.replace(".", ""): hard}) is True
