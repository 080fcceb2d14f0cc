"""Conditions become JSONLogic, and what cannot be read says where."""

from typing import Any

import pytest

from ferryman.flags.expression import NESTED_MAX, ExpressionError, parse_when


@pytest.mark.parametrize(
    ("text", "logic"),
    [
        ('country == "de"', {"==": [{"var": "country"}, "de"]}),
        ('country in ["de", "at"]', {"in": [{"var": "country"}, ["de", "at"]]}),
        ('country not in ["de"]', {"!": [{"in": [{"var": "country"}, ["de"]]}]}),
        ('"x" in user.email', {"in": ["x", {"var": "user.email"}]}),
        ("age >= 18", {">=": [{"var": "age"}, 18]}),
        ("score < -1.5e3", {"<": [{"var": "score"}, -1500.0]}),
        ("beta", {"var": "beta"}),
        ("not beta", {"!": [{"var": "beta"}]}),
        ("not not beta", {"!!": [{"var": "beta"}]}),
        ("a and b or c", {"or": [{"and": [{"var": "a"}, {"var": "b"}]}, {"var": "c"}]}),
        ("a and (b or c)", {"and": [{"var": "a"}, {"or": [{"var": "b"}, {"var": "c"}]}]}),
        ("not a == 1", {"!": [{"==": [{"var": "a"}, 1]}]}),
        ('segment("staff")', {"$segment": "staff"}),
        ('ends_with(email, "@x.org")', {"ends_with": [{"var": "email"}, "@x.org"]}),
        ('sem_ver(app, ">=", "1.2.3")', {"sem_ver": [{"var": "app"}, ">=", "1.2.3"]}),
        ("has(plan)", {"!=": [{"var": "plan"}, None]}),
        ('var("odd key", 1) == true', {"==": [{"var": ["odd key", 1]}, True]}),
        (r'name == "a \"b\" \\ c"', {"==": [{"var": "name"}, 'a "b" \\ c']}),
        ("name == 'it'", {"==": [{"var": "name"}, "it"]}),
        ("inside == 1", {"==": [{"var": "inside"}, 1]}),
    ],
)
def test_what_a_condition_means(text: str, logic: Any) -> None:
    assert parse_when(text) == logic


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("", 0, "the condition is empty"),
        ("country ==", 10, "a value should stand here, and the condition ends"),
        ("country = 1", 8, "`=` is not understood here"),
        ('country in ["de"', 16, "`,` should stand here, and the condition ends"),
        ('country in ["de" "at"]', 17, '`,` should stand here, not `"at"`'),
        ("(a or b", 7, "`)` should stand here, and the condition ends"),
        ("a b", 2, "the condition should end here, not `b`"),
        ("and a", 0, "a value should stand here, not `and`"),
        ("matches(a, b)", 0, "there is no function `matches`"),
        ('starts_with("a")', 0, "`starts_with` takes 2 values, not 1"),
        ("segment(staff)", 0, "a segment is named by a text"),
        ('name == "open', 8, '`"` is not understood here'),
        ("a == 1 == 2", 7, "the condition should end here, not `==`"),
        ("(" * (NESTED_MAX + 1) + "a", NESTED_MAX, f"nested more than {NESTED_MAX} deep"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, at: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_when(text)
    assert (caught.value.message, caught.value.at) == (message, at)


def test_brackets_of_hostile_depth_are_refused() -> None:
    for text in ("(" * 7000, "not " * 2000, "[" * 7000, "has(" * 1500):
        with pytest.raises(ExpressionError):
            parse_when(text)
