"""Random programs do the same with the flag fixed at a value as without the flag."""

from __future__ import annotations

from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ferryman.cleanup.removal import remove
from ferryman.cleanup.sources import Sources

KEY = "new-checkout"
ASKED = 'flags.bool("new-checkout", False)'
CALLS_MAX = 200

names = st.sampled_from(["a", "b", "c", "d"])
calls = st.integers(0, 9).map(lambda n: f"t({n})")


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda x: f"not {x}"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda x: f"({x[0]}) {x[1]} ({x[2]})"),
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} if {x[1]} else {x[2]})"),
        inner.map(lambda x: f"bool({x})"),
        st.tuples(inner, st.sampled_from(["==", "!=", "is"]), st.sampled_from(["True", "False"])).map(
            lambda x: f"(({x[0]}) {x[1]} {x[2]})"
        ),
        inner.map(lambda x: f"len([y for y in (1, 2) if {x}])"),
    )


expressions = st.recursive(
    st.one_of(st.just(ASKED), st.just(ASKED), names, calls, st.just("True")), larger, max_leaves=5
)
plain = st.one_of(
    calls,
    st.just(ASKED),
    st.tuples(names, st.one_of(expressions, st.just(ASKED))).map(lambda x: f"{x[0]} = {x[1]}"),
    expressions.map(lambda x: f"return {x}"),
    expressions.map(lambda x: f"assert {x}"),
    st.sampled_from(["pass", "continue", "break", "# said"]),
)


def block(statements: list[list[str]]) -> list[str]:
    lines = ["    " + line for statement in statements for line in statement]
    return [*lines, "    pass"] if all(line.lstrip().startswith("#") for line in lines) else lines


def compound(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    body = st.lists(inner, min_size=1, max_size=3).map(block)
    return st.one_of(
        st.tuples(expressions, body).map(lambda x: [f"if {x[0]}:", *x[1]]),
        st.tuples(expressions, body, body).map(lambda x: [f"if {x[0]}:", *x[1], "else:", *x[2]]),
        st.tuples(expressions, body, expressions, body, body).map(
            lambda x: [f"if {x[0]}:", *x[1], f"elif {x[2]}:", *x[3], "else:", *x[4]]
        ),
        st.tuples(expressions, body).map(lambda x: [f"while t(7) and {x[0]}:", *x[1]]),
        st.tuples(expressions, body, body).map(lambda x: [f"while {x[0]}:", "    t(7)", *x[1], "else:", *x[2]]),
        body.map(lambda x: ["for a in (t(1), t(2)):", *x]),
        st.tuples(body, body).map(lambda x: ["try:", *x[0], "finally:", *x[1]]),
        st.tuples(names, expressions, body).map(
            lambda x: [f"def inner({x[0]}=0):", f"    t({x[1]})", *x[2], "inner()"]
        ),
    )


statements = st.recursive(plain.map(lambda line: [line]), compound, max_leaves=12)
programs = st.lists(statements, min_size=1, max_size=5).map(
    lambda found: "\n".join(["def main(c, d):", *block(found), "    return (c, d)"]) + "\n"
)


class TooLong(Exception):
    """The program does not end."""


def run(source: str, value: bool, truths: list[bool]) -> tuple[str, list[Any]]:
    """How the program ends, and what it called in which order."""
    seen: list[Any] = []

    def t(what: Any) -> bool:
        seen.append(what)
        if len(seen) > CALLS_MAX:
            raise TooLong
        return truths[len(seen) % len(truths)]

    class Flags:
        def bool(self, key: str, default: bool) -> bool:
            asked.append(key)
            if len(asked) > CALLS_MAX * 50:
                raise TooLong
            return value

    asked: list[str] = []
    scope: dict[str, Any] = {"t": t, "flags": Flags()}
    exec(compile(source, "program", "exec"), scope)
    try:
        return repr(scope["main"](False, True)), seen
    except Exception as error:  # noqa: BLE001 - any end of the program is one
        return type(error).__name__, seen


def compiles(source: str) -> bool:
    try:
        compile(source, "program", "exec")
    except SyntaxError:  # `break` outside of a loop, and the like
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(programs.filter(compiles), st.booleans(), st.lists(st.booleans(), min_size=1, max_size=7))
def test_the_program_does_the_same(source: str, value: bool, truths: list[bool]) -> None:
    made = remove(Sources({"app.py": source.encode()}), KEY, value)
    if made.obstacles:
        assert all("would read" in each.text for each in made.obstacles)
        return
    after = made.changes[0].after.decode() if made.changes else source
    note(f"{value}\n{source}\n->\n{after}")
    assert KEY not in after
    before = run(source, value, truths)
    if before[0] not in {"UnboundLocalError", "NameError", "TooLong"}:
        assert run(after, value, truths) == before
