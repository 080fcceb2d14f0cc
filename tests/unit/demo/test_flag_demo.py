"""The demo of flags: its files are without a blemish, and what it counts is counted rightly."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.demo.flag_play import FlagResult, read_changes, turned_off
from ferryman.cli.demo.flag_script import ACTS, flag_file, flags_file, shop_file
from ferryman.cli.demo.flag_show import ended_lines, summary
from ferryman.demo.flag_shop import BAD, GOOD, STAFF_EVERY, Checkout, Shoppers, Watch, context, shopper_of
from ferryman.flags.check import check_set
from ferryman.spec.flags import parse_flags
from ferryman.spec.parse import parse_release_with_warnings
from ferryman_flags.client import FlagClient
from ferryman_flags.middleware import AsgiFlags

ON: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def asked(application: Any, *, cookie: str = "", path: str = "/checkout") -> tuple[int, dict[bytes, bytes]]:
    """Status and fields of an answer."""
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    headers = [(b"cookie", cookie.encode())] if cookie else []
    asyncio.run(application({"type": "http", "path": path, "headers": headers}, None, send))
    return told[0]["status"], dict(told[0]["headers"])


def shop(*on: str) -> Shoppers:
    flags = FlagClient("", bootstrap={"flags": dict.fromkeys(on, ON)})
    return Shoppers(AsgiFlags(Checkout(flags, random.Random(1)), flags, context))


def test_its_files_are_right() -> None:
    document = parse_flags(flags_file(dt.date(2026, 12, 1)), "flags.yaml")
    assert not list(check_set(document.defined, "prod"))
    # The segment is named by the releases.
    assert [warning.code for warning in document.warnings(dt.date(2026, 12, 1))] == ["unused"]
    for text in (*map(flag_file, ACTS), shop_file("python3", 18080, "http://127.0.0.1:1", "/t", "/c d")):
        _, warnings = parse_release_with_warnings(text, "ferryman.yaml")
        assert not warnings, text


@pytest.mark.parametrize(("on", "met"), [((), b"v1"), ((GOOD,), GOOD.encode()), ((GOOD, BAD), BAD.encode())])
def test_an_answer_names_the_newest_change_in_it(on: tuple[str, ...], met: bytes) -> None:
    status, fields = asked(shop(*on), cookie="shopper=guest-1")
    assert (status, fields[b"x-version"], b"set-cookie" in fields) == (200, met, False)


def test_a_new_shopper_is_known_from_then_on() -> None:
    made = shop()
    cookies = [asked(made)[1][b"set-cookie"].decode().partition(";")[0] for _ in range(STAFF_EVERY)]
    assert len(set(cookies)) == STAFF_EVERY
    assert sum(cookie.startswith("shopper=staff-") for cookie in cookies) == 1
    assert shopper_of({"headers": [(b"cookie", cookies[0].encode())]}) == cookies[0].removeprefix("shopper=")
    assert shopper_of({"headers": [(b"cookie", b"a=b")]}) == ""
    assert context({"shopper": "staff-1"}) == {"targetingKey": "staff-1", "staff": True}


def test_health_asks_for_no_flag() -> None:
    made = shop(BAD)
    assert {asked(made, path="/healthz")[0] for _ in range(50)} == {200}


def test_what_an_instance_saw_change(tmp_path: Path) -> None:
    file, flags = tmp_path / "a.jsonl", FlagClient("")
    watch = Watch(flags, file)
    watch.changed(frozenset({BAD, "other"}))
    file.write_text(file.read_text() + '{"at": 2')
    ((at, meet),) = read_changes(file)
    assert meet == {BAD: False}
    assert turned_off(iter([(at, meet)]), BAD, at - 1) == at
    assert turned_off(iter([(at, meet)]), BAD, at + 1) is None
    assert turned_off(iter([(5.0, {BAD: True}), (6.0, {GOOD: False}), (7.0, {BAD: False})]), BAD, 4.0) == 7.0


def test_what_is_told() -> None:
    bad = FlagResult(BAD, "rolled_back", "rolled_back", 5271, 0, 80, 11, 59, 5.0, 13.2, 0.041, "errors: worse")
    assert bad.as_expected
    said = "\n".join(ended_lines(bad))
    assert "59 shoppers met it in 80 requests, 11 of which failed; nothing was deployed" in said
    assert "served it to nobody 41 ms after the verdict" in said
    good = FlagResult(GOOD, "paused", "promoted", 10, 1, 0, 0, 0, 1.0, 1.0, None, "inconclusive")
    assert not good.as_expected
    assert "NOT as it should, which is promoted" in "\n".join(ended_lines(good))
    assert "5,281 requests in 72 s, 1 failed on the way" in summary([good, bad], Path("/x"), 72.0, keep=True)
    assert json.dumps(bad.to_dict())
