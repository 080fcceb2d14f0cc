"""What is wrong with flags that are well formed, each with the path of the key."""

from typing import Any

import pytest
from msgspec.structs import replace

from ferryman.flags.check import check_flag, check_set, shown
from ferryman.flags.definition import (
    Flag,
    FlagSet,
    Hash,
    Imported,
    Kind,
    Namespace,
    Need,
    Place,
    Rule,
    Segment,
    Variant,
    in_environment,
    is_as_imported,
    with_digest,
)
from ferryman.flags.references import Dependants, cycle, users_of_flag, users_of_segment
from flagkit import experiment, release, rollout


def found(flag: Flag) -> list[tuple[str, str]]:
    return [(shown(finding.path).removeprefix(f"flags.{flag.key}."), finding.message) for finding in check_flag(flag)]


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"owner": ""}, "owner", "a release flag needs an `owner`"),
        ({"expires": ""}, "expires", "a release flag needs `expires`"),
        ({"expires": "2027-02-30"}, "expires", "`2027-02-30` is no date"),
        ({"kind": Kind.OPS}, "expires", "a flag of kind ops does not expire"),
        ({"kind": Kind.PERMISSION, "expires": ""}, "rollout", "a permission flag has no rollout"),
        ({"off": "no"}, "off", "there is no variant `no`"),
        ({"default": "on"}, "default", "`default` has no effect beside `rollout`, which decides about everybody"),
        (
            {"variants": (Variant("on", 1), Variant("off", False))},
            "variants.off",
            "`off` is a boolean and `on` a number",
        ),
        ({"variants": (Variant("on", None), Variant("off", None))}, "variants.on", "`on` is null"),
        ({"rules": (Rule("maybe", allow=("a",)),)}, "rules[0].serve", "there is no variant `maybe`"),
        (
            {"rules": (Rule("on", when="country =="),)},
            "rules[0].when",
            "a value should stand here, and the condition ends (character 11)",
        ),
        ({"rules": (Rule("on", logic={"roll": [1]}),)}, "rules[0].logic", "there is no operator `roll`"),
        ({"rules": (Rule("on", logic={"$ref": "x"}),)}, "rules[0].logic", "there is no operator `$ref`"),
        (
            {"rules": (Rule("on", logic={"a": 1, "b": 2}),)},
            "rules[0].logic",
            "an object must have exactly one key, its operator",
        ),
        (
            {"rules": (Rule("on"), Rule("off", allow=("a",)))},
            "rules[0]",
            "this rule fits everybody: those below it are never reached",
        ),
        ({"rollout": rollout(10, ("on", 90))}, "rollout.split", "the split sums to 90, not to 100"),
        ({"rollout": rollout(10.0005)}, "rollout.exposure", "finer than 0.001 %"),
        (
            {"rollout": rollout(10, namespace=Namespace("n", 0, 50))},
            "rollout.namespace",
            "a flag of kind release has no namespace",
        ),
        (
            {"rollout": None, "environments": {"dev": Place(exposure_percent=5.0)}},
            "environments.dev.rollout",
            "the flag has no rollout to be exposed by",
        ),
    ],
)
def test_what_is_wrong_with_a_flag(changes: dict[str, Any], path: str, message: str) -> None:
    assert (path, message) in found(release(**changes))


def test_a_right_flag_has_no_finding() -> None:
    assert not found(release())


def test_a_flag_is_at_most_64_kib() -> None:
    rules = tuple(Rule("on", allow=tuple(f"user-{n:06}" for n in range(4000))) for _ in range(2))
    assert any("at most 65536" in message for _, message in found(release(rules=rules)))


def test_logic_is_not_nested_too_deeply() -> None:
    logic: Any = {"var": "a"}
    for _ in range(31):
        logic = {"!": [logic]}
    assert not found(release(rules=(Rule("on", logic=logic),)))
    assert found(release(rules=(Rule("on", logic={"!": [logic]}),))) == [
        ("rules[0].logic", "operators are nested 33 deep; at most 32")
    ]


# ---------------------------------------------------------------------- together
def together(*flags: Flag, segments: dict[str, str] | None = None) -> list[tuple[str, str]]:
    named = {key: Segment(key, when) for key, when in (segments or {}).items()}
    whole = FlagSet({flag.key: flag for flag in flags}, named)
    return [(shown(finding.path), finding.message) for finding in check_set(whole, "prod")]


def needing(key: str, *others: str, **changes: Any) -> Flag:
    return release(key, needs=tuple(Need(other, "on") for other in others), **changes)


def test_needs_in_a_circle_are_named_with_their_way() -> None:
    assert together(needing("a", "b"), needing("b", "c"), needing("c", "a")) == [
        ("flags.a.needs", "flags refer to each other in a circle: a -> b -> c -> a")
    ]
    assert together(needing("a", "a")) == [("flags.a.needs", "flags refer to each other in a circle: a -> a")]


def test_segments_in_a_circle_are_named_with_their_way() -> None:
    assert together(segments={"x": 'segment("y")', "y": 'a or segment("x")'}) == [
        ("segments.x", "segments refer to each other in a circle: x -> y -> x")
    ]


def test_what_is_not_there_is_named() -> None:
    assert together(needing("a", "b")) == [("flags.a.needs[0].flag", "there is no flag `b`")]
    assert together(release("a", needs=(Need("b", "maybe"),)), release("b")) == [
        ("flags.a.needs[0].is", "there is no variant `maybe`")
    ]
    assert together(release("a", rules=(Rule("on", when='segment("s")'),))) == [
        ("flags.a.rules", "there is no segment `s`")
    ]


def test_a_need_on_a_division_by_its_own_key_is_refused() -> None:
    logic = {"fractional": [["on", 50], ["off", 50]]}
    other = release("b", rules=(Rule("on", logic={"==": [logic, "on"]}),))
    assert "divides users by its own key" in together(needing("a", "b"), other)[0][1]
    seeded = {"fractional": [{"var": "email"}, ["on", 50], ["off", 50]]}
    assert not together(needing("a", "b"), release("b", rules=(Rule("on", logic={"==": [seeded, "on"]}),)))


def test_one_evaluator_knows_one_generation_of_the_hash() -> None:
    old = release("b", rollout=rollout(10, hash=Hash.V2))
    assert together(needing("a", "b"), old)[0][0] == "flags.a.needs"
    assert not together(needing("a", "b", rollout=None), old)


def test_a_long_chain_of_needs_is_refused_and_a_wide_one_bounded() -> None:
    chain = [needing(f"f{n}", *([f"f{n - 1}"] if n else []), rollout=rollout(50)) for n in range(20)]
    assert "operators are nested" in together(*chain)[0][1]
    wide = [
        needing(f"g{n}", *([f"g{n - 1}"] * 12 if n else []), rollout=rollout(50), rules=(Rule("on", allow=("a",)),))
        for n in range(8)
    ]
    assert any("parts" in message for _, message in together(*wide))


def test_ranges_of_a_namespace_do_not_overlap() -> None:
    def of(key: str, start: float, end: float) -> Flag:
        return experiment(("a", "b"), rollout(10, ("a", 50), ("b", 50), namespace=Namespace("n", start, end)), key)

    assert not together(of("x", 0, 50), of("y", 50, 100))
    assert together(of("x", 0, 50), of("y", 49, 100))[0][0] == "flags.y.rollout.namespace"


def test_who_uses_what() -> None:
    flags = {f.key: f for f in (release("a"), needing("b", "a"), needing("c", "b"))}
    flags["d"] = release("d", rules=(Rule("on", when='segment("x")'),))
    whole = FlagSet(flags, {"x": Segment("x", 'segment("y")'), "y": Segment("y", "beta")})
    assert users_of_flag("a", flags.values()) == ("b",)
    assert users_of_segment("y", whole) == ("x",)
    uses = Dependants()
    for key, flag in flags.items():
        uses.put_flag(key, flag)
    for key, segment in whole.segments.items():
        uses.put_segment(key, segment)
    assert uses.of(["a"]) == {"a", "b", "c"}
    assert uses.of([], ["y"]) == {"d"}
    uses.put_flag("b", release("b"))
    uses.put_segment("x", None)
    assert uses.of(["a"], ["y"]) == {"a"}


def test_a_cycle_is_found_among_many() -> None:
    edges = {f"n{i}": {f"n{i + 1}", f"n{i + 2}"} for i in range(500)}
    assert cycle(edges) == ()
    assert cycle(edges | {"n501": {"n400"}})[0] == cycle(edges | {"n501": {"n400"}})[-1]


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(", "a" * 600])
def test_a_pattern_that_no_evaluator_would_use_is_refused_at_its_place(pattern: str) -> None:
    asked = {"regex": [{"var": "mail"}, pattern]}
    rules = (Rule("on", logic={"and": [True, asked]}), Rule("on", when="a == 1"))
    (finding,) = check_flag(release(rules=rules))
    assert finding.path == ("flags", "new-checkout", "rules", 0, "logic")
    assert finding.message.startswith("the pattern `")


def test_a_pattern_that_repeats_in_itself_is_fine() -> None:
    asked = {"regex": [{"var": "mail"}, r"^[\w.+-]+@(?:[\w-]+\.)+\w{2,}$"]}
    assert list(check_flag(release(rules=(Rule("on", logic=asked),)))) == []


def test_an_imported_flag_is_so_until_it_is_edited() -> None:
    def imported(**changes: object) -> Flag:
        return replace(release(), imported=Imported("unleash", "", '{"name": "x"}'), **changes)

    flag = with_digest(imported())
    assert is_as_imported(flag)
    here = in_environment(replace(flag, environments={"prod": Place(exposure_percent=3.0)}), "prod")
    assert here.imported is None, "edited before it was written"
    there = with_digest(imported(environments={"prod": Place(exposure_percent=3.0)}))
    assert is_as_imported(in_environment(there, "prod"))
    assert is_as_imported(in_environment(there, "staging"))
    for changes in ({"owner": "others"}, {"rules": (Rule("on", when="a == 1"),)}, {"enabled": False}, {"variants": ()}):
        assert not is_as_imported(replace(flag, **changes)), changes
    (finding,) = check_flag(replace(release(), imported=Imported("unleash", "", "[]")))
    assert finding.path == ("flags", "new-checkout", "imported", "body")
