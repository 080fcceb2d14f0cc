"""What is sent out means to flagd's own evaluator what the authors wrote."""

from typing import Any

import msgspec
import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from ferryman.flags.check import check_set
from ferryman.flags.compile import compile_all, compile_flag
from ferryman.flags.definition import FlagSet, Need, Rule, Segment, in_environment
from ferryman.flags.slots import division, part_of
from ferryman.spec.flags import flags_example, parse_flags
from flagkit import experiment, release, rollout

KEYS = {"state", "variants", "defaultVariant", "targeting", "metadata"}


def evaluator(*flags: Any, segments: dict[str, Segment] | None = None, overrides: dict[str, str] | None = None):
    whole = FlagSet({flag.key: flag for flag in flags}, segments or {})
    assert not list(check_set(whole, "prod"))
    core = FlagdCore()
    core.set_flags(msgspec.json.encode({"flags": compile_all(whole, overrides or {})}).decode())

    def ask(flag: str, user: str | None = "user-1", **attributes: Any) -> tuple[str | None, str]:
        context = EvaluationContext(user, attributes)
        resolve = core.resolve_boolean_value if flag != "banner" else core.resolve_string_value
        found = resolve(flag, False if flag != "banner" else "code", context)  # type: ignore[arg-type]
        return found.variant, str(found.reason)

    return ask


def test_only_the_five_keys_are_sent_and_facts_are_scalars() -> None:
    document = parse_flags(flags_example(), "flags.yaml").defined
    for environment in ("prod", "staging"):
        here = FlagSet({k: in_environment(f, environment) for k, f in document.flags.items()}, document.segments)
        for flag in compile_all(here, {"image-uploads": "killed"}).values():
            assert flag.keys() <= KEYS
            assert all(name.startswith("ferryman.") for name in flag["metadata"])
            assert all(isinstance(value, str) for value in flag["metadata"].values())
            assert "$" not in msgspec.json.encode(flag).decode()


def test_each_user_gets_what_the_division_says() -> None:
    import cbor2
    import mmh3

    flag = experiment(("a", "b", "c"), rollout(40, ("a", 20), ("b", 30), ("c", 50)))
    ask, divided = evaluator(flag), division(flag)
    found: dict[str, int] = dict.fromkeys("abc", 0) | {"off": 0}
    for number in range(2000):
        hashed = mmh3.hash(cbor2.dumps(f"seed.user-{number}", canonical=True), signed=False)
        expected = part_of(divided, (hashed * 100_000) >> 32).variant
        assert ask("banner", f"user-{number}")[0] == expected
        found[expected] += 1
    assert min(found.values()) > 100


def test_who_has_no_key_is_not_exposed() -> None:
    ask = evaluator(release(rollout=rollout(100)))
    assert ask("new-checkout")[0] == "on"
    assert ask("new-checkout", None)[0] == "off"


def test_rules_come_before_the_rollout_and_the_first_counts() -> None:
    rules = (
        Rule("off", when='country == "fr"'),
        Rule("on", allow=("ana", "ben")),
        Rule("on", when='segment("staff") and country != "us"'),
    )
    ask = evaluator(
        release(rollout=rollout(0), rules=rules), segments={"staff": Segment("staff", 'ends_with(email, "@x.org")')}
    )
    assert ask("new-checkout", "ana")[0] == "on"
    assert ask("new-checkout", "ana", country="fr")[0] == "off"
    assert ask("new-checkout", "eve")[0] == "off"
    assert ask("new-checkout", "eve", email="eve@x.org")[0] == "on"
    assert ask("new-checkout", "eve", email="eve@x.org", country="us")[0] == "off"


def test_a_need_asks_the_other_flag_for_the_same_user() -> None:
    cart = release("new-cart", rollout=rollout(50, seed="new-cart"))
    checkout = release(needs=(Need("new-cart", "on"),), rollout=rollout(100))
    ask = evaluator(cart, checkout)
    answers = {(ask("new-cart", f"u{n}")[0], ask("new-checkout", f"u{n}")[0]) for n in range(200)}
    assert answers == {("on", "on"), ("off", "off")}


@pytest.mark.parametrize("how", ["killed", "disabled"])
def test_without_what_it_needs_a_flag_is_off(how: str) -> None:
    cart = release("new-cart", rollout=rollout(100), enabled=how != "disabled")
    checkout = release(needs=(Need("new-cart", "on"),), rollout=rollout(100))
    assert (
        evaluator(cart, checkout, overrides={"new-cart": "killed"} if how == "killed" else {})("new-checkout")[0]
        == "off"
    )


def test_killed_and_tripped_serve_off_even_when_disabled() -> None:
    flag = release(rollout=rollout(100), rules=(Rule("on", allow=("ana",)),), enabled=False)
    for override in ("killed", "tripped"):
        ask = evaluator(flag, overrides={flag.key: override})
        assert ask("new-checkout", "ana") == ("off", "STATIC")
    assert compile_flag(flag, FlagSet(), {})["state"] == "DISABLED"


def test_a_rollout_that_exposes_nobody_is_static() -> None:
    assert "targeting" not in compile_flag(release(rollout=rollout(0)), FlagSet(), {})
