"""The documents that are made from the program, or must agree with it."""

from __future__ import annotations

import re
from pathlib import Path

from ferryman.api.reference import api_markdown
from ferryman.cli.reference import commands_markdown
from ferryman.cli.table import COMMANDS
from unit.golden import Golden

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_the_commands(golden: Golden) -> None:
    golden(DOCS / "commands.md", commands_markdown())


def test_every_command_is_in_it() -> None:
    assert re.findall(r"^### ferry (.+)$", commands_markdown(), re.MULTILINE) == list(COMMANDS)
    assert "ready-fd" not in commands_markdown()


def test_the_api(golden: Golden) -> None:
    golden(DOCS / "api.md", api_markdown())
