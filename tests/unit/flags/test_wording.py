"""JSONLogic in words: what is said is read back as the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.flags.expression import parse_when
from ferryman.flags.wording import in_words

names = st.sampled_from(["country", "app.version", "targetingKey", "plan"]).map(lambda name: {"var": name})
odd = st.sampled_from(["odd name", "in", "e-mail!", ""]).map(lambda name: {"var": [name]})
texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)
constants = st.one_of(
    texts, st.integers(-1000, 1000), st.booleans(), st.none(), st.floats(-10, 10).map(lambda x: round(x, 3))
)
values = st.one_of(names, odd, constants)
leaves = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), values, values).map(lambda x: {x[0]: [x[1], x[2]]}),
    st.tuples(values, st.lists(constants, max_size=3)).map(lambda x: {"in": [x[0], x[1]]}),
    st.tuples(st.sampled_from(["starts_with", "ends_with"]), names, texts).map(lambda x: {x[0]: [x[1], x[2]]}),
    names.map(lambda name: {"sem_ver": [name, ">=", "1.2.3"]}),
    st.just({"$segment": "staff"}),
    names,
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(lambda x: {x[0]: x[1]}),
        inner.map(lambda x: {"!": [x]}),
        inner.map(lambda x: {"!!": [x]}),
        st.tuples(inner, constants).map(lambda x: {"==": [x[0], x[1]]}),
    )


@given(st.recursive(leaves, larger, max_leaves=8))
def test_what_is_said_is_read_back(logic: Any) -> None:
    words = in_words(logic)
    if words is None:  # a value alone that no condition can be, and what the reader writes otherwise
        return
    assert parse_when(words) == logic


@pytest.mark.parametrize(
    "text",
    [
        'country in ["de", "at"] and not segment("staff")',
        'plan == "business" or seats >= 50',
        'ends_with(email, "@example.com") and sem_ver(app.version, ">=", "2.3.0")',
        'a == 1 or b == 2 and c not in ["x"]',
        "(a == 1 or b == 2) and c == 3",
        'var("odd name") == "a\\"b"',
        "not (role == null)",
        "not not staff",
    ],
)
def test_conditions_as_people_write_them(text: str) -> None:
    assert in_words(parse_when(text)) == text


@pytest.mark.parametrize(
    "logic",
    [
        {"regex": [{"var": "a"}, "x"]},
        {"in": ["a", "b\nc"]},
        {"if": [1, 2]},
        {"a": 1, "b": 2},
        {"==": [{"+": [1, 2]}, 3]},
    ],
)
def test_no_words(logic: Any) -> None:
    assert in_words(logic) is None
