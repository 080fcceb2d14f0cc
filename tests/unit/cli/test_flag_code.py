"""`ferry flags refs` and `remove` on real folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferryman.cli.main import main

PAY = """\
from shop import old, new


def pay(user):
    if flags.bool("new-checkout", False):
        return new(user)
    return old(user)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "ferryman.yaml").write_text("service: shop\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/pay.py").write_text(PAY)
    (tmp_path / "shop/pay.py").chmod(0o755)
    for hidden in (".venv", "env", "node_modules"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "pay.py").write_text(PAY)
    (tmp_path / "env/pyvenv.cfg").touch()
    return tmp_path


def ferry(shop: Path, *words: str) -> int:
    return main(["--project", str(shop), "flags", *words])


def test_where_a_flag_stands(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ferry(shop, "refs", "new-checkout") == 1
    assert capsys.readouterr().out == 'shop/pay.py:5:8: evaluation: if flags.bool("new-checkout", False):\n'
    assert ferry(shop, "refs", "other") == 0
    assert ferry(shop, "refs", "new-checkout", "--path", str(shop / "env/pay.py"), "--json") == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found[0]["path"] == "env/pay.py"
    assert found[0]["line"] == 5


def test_the_difference_is_shown_and_then_written(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ferry(shop, "remove", "new-checkout", "--value", "true") == 0
    shown = capsys.readouterr()
    assert "-from shop import old, new\n+from shop import new\n" in shown.out
    assert "1 file would change" in shown.err
    assert (shop / "shop/pay.py").read_text() == PAY
    assert ferry(shop, "remove", "new-checkout", "--value", "true", "--write") == 0
    assert (shop / "shop/pay.py").read_text() == "from shop import new\n\n\ndef pay(user):\n    return new(user)\n"
    assert (shop / "shop/pay.py").stat().st_mode & 0o777 == 0o755
    assert (shop / "env/pay.py").read_text() == PAY
    assert ferry(shop, "refs", "new-checkout") == 0


def test_what_is_in_the_way_stops_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "shop/log.py").write_text('log(["new-checkout"])\n')
    assert ferry(shop, "remove", "new-checkout", "--value", "true", "--write", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["written"] is False
    assert said["obstacles"] == ['shop/log.py:1: the key is handed on here: log(["new-checkout"])']
    assert (shop / "shop/pay.py").read_text() == PAY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("remove", "x", "--value", "null"), "a flag's value cannot be null"),
        (("refs", "x", "--path", "nowhere"), "there is no 'nowhere'"),
        (("ref", "x"), "did you mean `ferry flags refs`?"),
        (("remove", "x"), "the following arguments are required: --value"),
    ],
)
def test_called_wrongly(shop: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ferry(shop, *words) == 2
    assert message in capsys.readouterr().err


def test_alone_it_lists_its_commands(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ferry(shop) == 0
    assert "ferry flags remove" in capsys.readouterr().out


def test_flags_that_have_done_their_work(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "flags.yaml").write_text(
        "flags:\n"
        "  new-checkout: {kind: release, owner: a, expires: 2020-01-01, variants: {on: true, off: false}, off: off,\n"
        "                 rollout: {exposure: 100}}\n"
        "  half: {kind: release, owner: a, expires: 2099-01-01, variants: {on: true, off: false}, off: off,\n"
        "         rollout: {exposure: 50}}\n"
        "  switch: {kind: ops, variants: {on: true, off: false}, off: off, default: on}\n"
    )
    (shop / "shop/more.py").write_text('flags.bool("half", False)\nflags.bool("switch", False)\n')
    assert ferry(shop, "stale", str(shop / "flags.yaml")) == 1
    said = capsys.readouterr().out
    assert "flags.yaml:2:" in said
    assert "`new-checkout` expired on 2020-01-01" in said
    assert "everybody gets `on` of `new-checkout` in prod" in said
    assert "ferry flags remove new-checkout --value true" in said
    assert "half" not in said
    assert "switch" not in said
    (shop / "shop/more.py").unlink()
    assert ferry(shop, "stale", str(shop / "flags.yaml"), "--json") == 1
    assert "`switch` stands nowhere in the code" in capsys.readouterr().out
