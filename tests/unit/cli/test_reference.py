"""The documents that are made from the program, or must agree with it."""

from __future__ import annotations

import re
from pathlib import Path

from ferryman.api import app, wire
from ferryman.api.app import Api, create_app
from ferryman.cli.reference import commands_markdown
from ferryman.cli.table import COMMANDS
from unit.api.fake_controller import FakeController
from unit.golden import Golden

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"


def test_the_commands(golden: Golden) -> None:
    golden(DOCS / "commands.md", commands_markdown())


def test_every_command_is_in_it() -> None:
    assert re.findall(r"^### ferry (\S+)$", commands_markdown(), re.MULTILINE) == list(COMMANDS)
    assert "ready-fd" not in commands_markdown()


def test_every_route_is_in_the_document_of_the_api() -> None:
    health = wire.HealthView("0", 1, "p", 0.0)
    served = create_app(Api(FakeController(), health, lambda: None))
    routes = {f"{min(set(route.methods or ()) - {'HEAD'})} {route.path}" for route in served.routes}  # type: ignore[attr-defined]
    told = set(re.findall(r"`((?:GET|POST) /v1/[^`?]*)", (DOCS / "api.md").read_text(encoding="utf-8")))
    assert told == routes
    assert app.LOOPBACK_NAMES
