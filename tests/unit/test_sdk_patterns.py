"""Patterns of targeting: what they match is what `re` matches, and none takes longer than its text is long."""

import random
import re
import time

import pytest

from ferryman_flags import patterns
from ferryman_flags.operators import regex
from ferryman_flags.patterns import PATTERN_CHARACTERS_MAX, Automaton, PatternError, search_of

SINGLE = ["a", "b", r"\.", "[a-c]", "[^a]", ".", r"\w", r"\d", r"\s", "-", "A", "\n", "é", r"[\w-]", r"[\s\d]", "ı"]
REPEAT = ["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "{0}", "{,2}"]
PLACES = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]


def made_up(chance: random.Random, depth: int = 0) -> str:
    """A pattern."""
    kind = chance.random()
    if depth > 3 or kind < 0.35:
        return chance.choice(SINGLE)
    inside = made_up(chance, depth + 1)
    if kind < 0.5:
        return inside + made_up(chance, depth + 1)
    if kind < 0.62:
        return f"(?:{inside}|{made_up(chance, depth + 1)})"
    if kind < 0.85:
        return f"(?:{inside}){chance.choice(REPEAT)}"
    if kind < 0.93:
        return f"({chance.choice(['', '?i:', '?s:', '?m:', '?a:'])}{inside})"
    return chance.choice(PLACES) + inside


def agree(pattern: str, text: str) -> None:
    assert search_of(pattern)(text) == (re.search(pattern, text) is not None), (pattern, text)


@pytest.mark.parametrize("seed", range(4))
def test_what_matches_is_what_re_matches(seed: int) -> None:
    chance = random.Random(seed)
    automata = 0
    for _ in range(700):
        pattern = made_up(chance)
        search = search_of(pattern)
        automata += isinstance(getattr(search, "__self__", None), Automaton)
        for _ in range(4):
            text = "".join(chance.choice("aabbcA1.- \néI") for _ in range(chance.randrange(9)))
            assert search(text) == (re.search(pattern, text) is not None), (pattern, text)
    assert automata > 200


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}$", "ana.maria@shop.example.co.uk"),
        (r"^[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}$", "ana.maria@shop.example."),
        (r"(?im)^(?:FOO|bar+)$", "x\nBARRR\ny"),
        (r"(?:a+b)*\Z", "aab\n"),
        ("", ""),
    ],
)
def test_patterns_as_people_write_them(pattern: str, text: str) -> None:
    agree(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 4000 + "b" + "a" * 90 + "c"),
        ("^(a|a)*b$", "a" * 4096),
        ("(?:a|a)" * 70, "a" * 69),
        ("(.*)(.*)(.*)(.*)(.*)[^a]", "a" * 4096),
        (r"(\w+\s?)+!", "word " * 800),
        ("(?:a?){200}a{200}", "a" * 199),
        ("(x+x+)+y", "x" * 4096),
        ("(?:){4000000000}x*y*", "z"),
        ("(?:(?:){65535}){65535}", "z"),
        ("a.{300}b.{300}$", "ab" * 2048),
    ],
)
def test_none_takes_longer_than_its_text_is_long(pattern: str, text: str) -> None:
    began = time.thread_time()
    regex(text, pattern)
    assert time.thread_time() - began < 5, "by trying, it would not end this year"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=a)b", "lookaround"),
        ("(?<!a)b", "lookaround"),
        (r"(a)\1", "a reference back"),
        (r"(a)?(?(1)b|c)", "a reference back"),
        ("(?>a+)b", "an atomic group"),
        ("a++b", "possessive"),
        ("(?:a{900}b*){900}", "too large"),
        ("(?:a{9999}b*)", "too large"),
        ("a" * (PATTERN_CHARACTERS_MAX + 1), "at most 512"),
        ("(", "no pattern"),
        ("(" * 200 + ")" * 200 + "{", "no pattern|"),
    ],
)
def test_what_has_no_bound_is_refused_and_counts_as_unknown(pattern: str, why: str) -> None:
    if why != "no pattern|":
        with pytest.raises(PatternError, match=why):
            search_of(pattern)
        assert regex("aaab", pattern) is None
    else:
        regex("aaab", pattern)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "STATES_MAX", 5)
    monkeypatch.setattr(patterns, "STEPS_MAX", 20)
    chance = random.Random(1)
    search = search_of("(?:a.{6}|b+c)*d[ab]{2,4}$")
    for _ in range(200):
        text = "".join(chance.choice("abcd") for _ in range(30))
        assert search(text) == (re.search("(?:a.{6}|b+c)*d[ab]{2,4}$", text) is not None)
        assert len(search.__self__._known) <= 5  # type: ignore[attr-defined]
