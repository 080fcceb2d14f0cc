"""Values in queries stay values, whatever they are."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from ferryman.analysis.promql import escaped, fill, placeholders, template_fault


@given(st.text())
def test_an_escaped_value_ends_no_string_and_means_itself(value: str) -> None:
    written = escaped(value)
    assert not set(written) & set("\"'`\n{}#")
    # Go and Python read these escapes alike.
    for quote in "\"'":
        assert ast.literal_eval(quote + written + quote) == value


def test_filling_in() -> None:
    template = 'a{v="{{variant}}", f=\'{{ flag }}\'} / on() b{v="{{variant}}"}'
    assert template_fault(template) is None
    assert placeholders(template) == {"variant", "flag"}
    filled = fill(template, {"variant": 'x"} or up{a="', "flag": "it's"})
    hostile = r"x\x22\x7d or up\x7ba\x3d\x22"
    assert filled == f'a{{v="{hostile}", f=\'it\\x27s\'}} / on() b{{v="{hostile}"}}'


def test_what_a_value_brings_is_not_filled_in_again() -> None:
    assert "{{" not in fill('a{v="{{variant}}"}', {"variant": "{{flag}}", "flag": "no"})


def test_faults_say_what_to_do() -> None:
    for template in ("a_{{variant}}", "a{v=`{{variant}}`}", 'a{v="{{version}}"}', 'a{v="{{variant}}}', "a{{}}"):
        found = template_fault(template)
        assert found is not None, template
        assert all(found)
    for template in ("up", 'a{v=~"b.*"} # a note "', "a{v='{{variant}}'}"):
        assert template_fault(template) is None, template
