"""Flags for tests of the evaluator: short to write, or random (everything the public operators take, sane or not)."""

from typing import Any

from hypothesis import strategies as st

from ferryman_flags import Evaluator

ON_OFF = {"on": True, "off": False}


def flag(on: bool, **more: Any) -> dict[str, Any]:
    """A boolean flag whose default is on or off."""
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if on else "off",
        **more,
    }


def load(**flags: Any) -> Evaluator:
    evaluator = Evaluator()
    evaluator.load({"flags": flags})
    return evaluator


def targeted(targeting: Any, variants: Any = None, default: Any = "off", **more: Any) -> dict[str, Any]:
    variants = ON_OFF if variants is None else variants
    return {"state": "ENABLED", "variants": variants, "defaultVariant": default, "targeting": targeting, **more}


NAMES = ["targetingKey", "country", "plan", "age", "email", "version", "tags", "user", "user.name", "tags.0", "none.x"]
WORDS = ["", "de", "at", "pro", "free", "a@x.com", "1", "1.2.3", "v2", "2.0.0-rc.1", "on", "off", "true", "ä€😀", " 7 "]
NUMBERS = [0, 1, -1, 2, 7, 18, 65, 0.0, 0.5, 1.0, -3.25, 1e21, 2**63, 2**70]

scalars = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.text(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "0", "a"]), inner, max_size=2),
    max_leaves=4,
)
contexts = st.dictionaries(
    st.sampled_from(["country", "plan", "age", "email", "version", "tags", "user", "x y/z"]), values, max_size=6
)
targeting_keys = st.one_of(st.none(), st.sampled_from(["", "user-1", "ä€😀", "x" * 300]), st.text(max_size=30))

VARIANTS: dict[str, dict[str, Any]] = {
    "boolean": {"on": True, "off": False, "true": True, "false": False},
    "string": {"on": "yes", "off": "", "true": "t", "1": "one"},
    "integer": {"on": 1, "off": 0, "true": 7},
    "float": {"on": 0.5, "off": 2, "1.0": 3.5},
    "object": {"on": {"a": [1, 2]}, "off": [], "true": {}},
    "mixed": {"on": True, "off": "text", "true": 1, "false": None},
}


def variables() -> st.SearchStrategy[Any]:
    name = st.sampled_from([*NAMES, "", "$flagd.flagKey", 0, 1.0])
    return st.one_of(
        name.map(lambda key: {"var": key}),
        st.tuples(name, scalars).map(lambda pair: {"var": list(pair)}),
    )


def _calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def call(names: list[str], low: int, high: int) -> st.SearchStrategy[Any]:
        return st.tuples(st.sampled_from(names), st.lists(inner, min_size=low, max_size=high)).map(
            lambda pair: {pair[0]: pair[1]}
        )

    weights = st.one_of(st.integers(-2, 60), st.sampled_from([0, 100, 2**31, 1.5, None, True]))
    slot = st.one_of(
        st.tuples(st.sampled_from(["on", "off", "true", None, True]), weights).map(list),
        st.sampled_from([["on"], ["off"], [], "on", ["on", 1, 2]]),
        st.tuples(inner, st.integers(0, 9)).map(list),
    )
    sane_slot = st.tuples(st.sampled_from(["on", "off", "true"]), st.integers(0, 50)).map(list)
    slots = st.one_of(st.lists(sane_slot, min_size=1, max_size=4), st.lists(slot, max_size=3))
    seed = st.one_of(variables(), variables().map(lambda key: {"cat": ["seed", ".", key]}), inner)
    versions = st.one_of(variables(), st.sampled_from(WORDS))
    compares = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~", "?"])
    literal = st.lists(scalars, max_size=4)
    return st.one_of(
        call(["==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "-", "/", "%"], 1, 3),
        call(["and", "or", "if", "?:", "cat", "merge", "+", "*", "min", "max"], 0, 4),
        call(["!", "!!", "missing", "starts_with", "ends_with", "substr", "missing_some"], 0, 3),
        call(["map", "filter", "all", "some", "none", "reduce"], 0, 3),
        st.tuples(st.sampled_from(["==", "!=", "<", ">=", "in", "starts_with"]), variables(), scalars).map(
            lambda t: {t[0]: [t[1], t[2]]}
        ),
        st.tuples(variables(), literal).map(lambda pair: {"in": list(pair)}),
        slots.map(lambda some: {"fractional": some}),
        st.tuples(seed, slots).map(lambda pair: {"fractional": [pair[0], *pair[1]]}),
        st.tuples(versions, compares, versions).map(lambda t: {"sem_ver": list(t)}),
        st.tuples(st.sampled_from(["!", "!!", "nonsense", "$ref"]), inner).map(lambda pair: {pair[0]: pair[1]}),
        st.sampled_from([{"$ref": "staff"}, {"$ref": "paid"}, {"$ref": "nobody"}]),
        st.lists(inner, max_size=3),
    )


logic = st.recursive(st.one_of(scalars, variables()), _calls, max_leaves=14)
EVALUATORS = {
    "staff": {"ends_with": [{"var": "email"}, "@x.com"]},
    "paid": {"in": [{"var": "plan"}, ["pro", "plus"]]},
}


@st.composite
def flags(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """(what type its values have, the flag)."""
    kind = draw(st.sampled_from(list(VARIANTS)))
    decision = st.tuples(logic, st.sampled_from(["on", "off", None]), logic).map(lambda t: {"if": list(t)})
    flag: dict[str, Any] = {
        "state": draw(st.sampled_from(["ENABLED"] * 9 + ["DISABLED"])),
        "variants": VARIANTS[kind],
        "defaultVariant": draw(st.sampled_from(["on", "off", "true", None, "gone", "", True, False])),
    }
    if draw(st.integers(0, 9)):
        flag["targeting"] = draw(st.one_of(decision, logic.filter(lambda rule: isinstance(rule, dict))))
    if draw(st.booleans()):
        flag["metadata"] = {"owner": "payments", "n": 1}
    return kind, flag
