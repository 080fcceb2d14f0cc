"""Why a user gets what they get."""

from typing import Any

from ferryman.engine.flags.explain import Explanation, explain
from ferryman.flags.compile import compile_all
from ferryman.flags.definition import FlagSet, Need, Rule, Segment
from ferryman.flags.hashing import bucket_of
from flagkit import release, rollout

SEGMENTS = {"staff": Segment("staff", 'ends_with(email, "@x.org")')}
CART = release("cart", rollout=None, default="on")
CHECKOUT = release(
    needs=(Need("cart", "on"),),
    rules=(Rule("off", when="banned == true"), Rule("on", allow=("ana",)), Rule("on", when='segment("staff")')),
    rollout=rollout(30),
)


def ask(context: dict[str, Any], overrides: dict[str, str] | None = None, **changes: Any) -> Explanation:
    flag = release(**{"needs": CHECKOUT.needs, "rules": CHECKOUT.rules, "rollout": CHECKOUT.rollout, **changes})
    whole = FlagSet({"cart": CART, flag.key: flag}, SEGMENTS)
    return explain(flag, whole, overrides or {}, compile_all(whole, overrides or {}), context)


def said(found: Explanation) -> list[str]:
    return [f"{asked.what}: {asked.said}{' !' if asked.decided else ''}" for asked in found.asked]


def test_each_question_is_told_up_to_the_one_that_decides() -> None:
    found = ask({"targetingKey": "eve", "email": "eve@x.org"})
    assert said(found) == [
        "need: cart is on",
        "rule 1: banned == true: no",
        "rule 2: one of 1 allowed: no",
        'rule 3: segment("staff"): on !',
    ]
    assert (found.variant, found.value, found.reason, found.bucket) == ("on", True, "TARGETING_MATCH", None)


def test_the_bucket_and_its_slot_are_told_and_agree_with_what_is_served() -> None:
    assert CHECKOUT.rollout is not None
    seen: set[str | None] = set()
    for number in range(50):
        user = f"user-{number}"
        found = ask({"targetingKey": user})
        bucket = bucket_of(CHECKOUT.rollout, user)
        assert found.bucket == bucket
        exposed = bucket < 30_000
        assert found.variant == ("on" if exposed else "off")
        assert found.until == (30_000 if exposed else 100_000)
        seen.add(found.variant)
        place = "0 to 30000, exposed: on" if exposed else "30000 to 100000, not exposed: off"
        assert said(found)[-1] == f"rollout: bucket {bucket} of {place} !"
    assert seen == {"on", "off"}


def test_nobody_in_particular_is_not_exposed() -> None:
    assert said(ask({}))[-1] == "rollout: targetingKey is not there: off !"


def test_what_comes_before_everything() -> None:
    assert said(ask({}, {"new-checkout": "killed"})) == ["override: the flag is killed: off for everybody !"]
    assert said(ask({}, {"cart": "killed"})) == ["need: cart is off, not on: off !"]
    assert said(ask({}, enabled=False)) == ["state: disabled: the default in the program's own code !"]
    assert said(ask({"targetingKey": "u"}, needs=(), rules=(), rollout=None, default="on")) == ["default: on !"]
