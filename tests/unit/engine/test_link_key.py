"""The key of approval links, in real files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ferryman.engine.link_key import KEY_BYTES, LinkKey
from ferryman.model.errors import ControllerError


def code(key: LinkKey) -> str:
    with pytest.raises(ControllerError) as caught:
        key.get()
    assert "rotate-key" in caught.value.hint
    return caught.value.code


def test_a_key_is_made_once_for_its_owner_alone_and_another_controller_reads_the_same(tmp_path: Path) -> None:
    key = LinkKey(tmp_path)
    made = key.get()
    assert len(made) == KEY_BYTES
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert key.get() == LinkKey(tmp_path).get() == made
    assert [path.name for path in tmp_path.iterdir()] == ["approval-links.key"]


def test_a_new_key_is_another_one_at_once(tmp_path: Path) -> None:
    key, other = LinkKey(tmp_path), LinkKey(tmp_path)
    first = other.get()
    key.rotate()
    assert other.get() == key.get() != first
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_none(tmp_path: Path, mode: int) -> None:
    key = LinkKey(tmp_path)
    key.get()
    key.path.chmod(mode)
    assert code(key) == "key_exposed"
    key.rotate()
    assert len(key.get()) == KEY_BYTES


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33, "é" * 32])
def test_what_is_no_key_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    key = LinkKey(tmp_path)
    key.path.write_text(text)
    key.path.chmod(0o600)
    assert code(key) == "key_unreadable"


def test_a_link_in_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("00" * 32)
    os.chmod(tmp_path / "elsewhere", 0o600)  # noqa: PTH101
    key = LinkKey(tmp_path)
    key.path.symlink_to("elsewhere")
    assert code(key) == "key_unreadable"


def test_a_folder_that_is_gone_is_an_error_with_a_hint(tmp_path: Path) -> None:
    assert code(LinkKey(tmp_path / "gone")) == "key_unreadable"
