"""`ferry notify` against the real API over a controller that remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ferryman.cli.main import main
from unit.api.fake_controller import CHANNEL, FakeController, serving


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeController]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ferryman.yaml").write_text("service: shop\n")
    fake = FakeController()
    with serving(fake, tmp_path):
        yield fake


def test_list_shows_what_waits_and_ends_with_1_while_a_channel_is_in_trouble(
    fake: FakeController, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notify", "list"]) == 1
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["CHANNEL", "KIND", "TO", "WAITING", "LOST", "LAST", "WHEN", "SAID"]
    for part in ("ops", "webhook", "https://ops.example.org", "2, ", "1, ", "failed, tried again", "answers 503"):
        assert part in line
    fake.notifier.channels = (replace(CHANNEL, queued=0, oldest_at=None, last="sent", trouble=""),)
    assert main(["notify", "list"]) == 0
    fake.notifier.channels = ()
    assert main(["notify", "list"]) == 0
    assert "no channels" in capsys.readouterr().out.splitlines()[-1]


def test_list_as_json(fake: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "list", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["queued"] == 2


def test_a_test_message_says_what_happened(fake: FakeController, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "test", "ops", "--actor", "ana"]) == 0
    assert capsys.readouterr().out == "ops: 200 from https://ops.example.org\n"
    assert fake.notifier.tested == [("ops", "ana")]


@pytest.mark.parametrize("words", [["test"], ["test", "nobody"], ["list", "ops"], ["rotate"]])
def test_what_makes_no_sense_is_refused(
    words: list[str], fake: FakeController, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notify", *words]) == 2
    assert "error:" in capsys.readouterr().err
