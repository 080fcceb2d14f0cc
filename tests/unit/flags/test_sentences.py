"""Flags in words."""

from typing import Any

import pytest

from ferryman.flags.definition import Flag, Namespace, Need, Rule
from ferryman.flags.sentences import Sentence, sentences
from flagkit import release, rollout


def said(flag: Flag) -> list[tuple[str, str]]:
    return [(each.who, each.serves) for each in sentences(flag)]


def test_a_flag_is_told_in_the_order_in_which_it_is_asked() -> None:
    flag = release(
        needs=(Need("new-cart", "on"),),
        rules=(Rule("on", allow=("ana", "ben")), Rule("off", when='country in ["de"]', allow=("cem",))),
        rollout=rollout(25, ("on", 60), ("alt", 40)),
    )
    assert said(flag) == [
        ("who does not get on of new-cart", "off"),
        ("where targetingKey is one of ana, ben", "on"),
        ('where targetingKey is cem and country in ["de"]', "off"),
        ("15 % of the users", "on"),
        ("10 % of the users", "alt"),
        ("everybody else", "off"),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"enabled": False}, [("everybody, for it is disabled", "")]),
        ({"rollout": None, "default": "on"}, [("everybody", "on")]),
        ({"rollout": rollout(0)}, [("everybody else", "off")]),
        ({"rollout": rollout(100)}, [("100 % of the users", "on"), ("who has no targetingKey", "off")]),
        (
            {"rollout": rollout(100, by="account", namespace=Namespace("checkout", 0, 50))},
            [
                ("100 % of the users, chosen by account, between 0 % and 50 % of checkout", "on"),
                ("everybody else", "off"),
            ],
        ),
        (
            {"rules": (Rule("on", logic={"starts_with": [{"var": "email"}, "a"]}),), "rollout": None},
            [('where starts_with(email, "a")', "on"), ("everybody else", "off")],
        ),
        (
            {"rules": (Rule("on", logic={"cat": [{"var": "email"}, "a"]}),), "rollout": None},
            [('where {"cat": [{"var": "email"}, "a"]}', "on"), ("everybody else", "off")],
        ),
    ],
)
def test_special_cases(changes: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert said(release(**changes)) == told


def test_long_lists_and_conditions_are_cut() -> None:
    many = release(rules=(Rule("on", allow=tuple(f"u{n}" for n in range(9))),), rollout=None)
    assert said(many)[0] == ("where targetingKey is one of u0, u1, u2, u3, u4 and 4 more", "on")
    long = sentences(release(rules=(Rule("on", when=" or ".join(["a == 1"] * 200)),)))[0]
    assert isinstance(long, Sentence)
    assert len(long.who) < 320
    assert long.who.endswith("…")
