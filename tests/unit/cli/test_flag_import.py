"""`ferry flags import`: what it prints is a flags file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ferryman.cli.main import main
from ferryman.spec.flags import parse_flags

EXPORT = {
    "features": [
        {
            "name": "new checkout",
            "type": "release",
            "enabled": True,
            "strategies": [{"name": "flexibleRollout", "parameters": {"rollout": "10"}}],
        },
        {
            "name": "staff",
            "type": "permission",
            "enabled": True,
            "strategies": [{"name": "userWithId", "parameters": {"userIds": "ana"}}],
        },
    ]
}


def test_the_file_is_printed_with_what_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "features.json"
    export.write_text(json.dumps(EXPORT))
    assert main(["flags", "import", str(export), "--owner", "shop", "--expires", "2027-03-31"]) == 0
    printed, said = capsys.readouterr()
    defined = parse_flags(printed, "flags.yaml").defined
    assert defined.flags["new-checkout"].rollout is not None
    assert defined.flags["new-checkout"].rollout.exposure_percent == 10
    assert defined.flags["new-checkout"].owner == "shop"
    assert "# new-checkout: is called 'new checkout' there\n" in printed
    assert "2 flags; nothing was written" in said


def test_what_is_off_there_is_off_where_it_is_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "features.json"
    off = [{**EXPORT["features"][0], "enabled": False}]
    export.write_text(json.dumps({"features": off}))
    assert main(["flags", "import", str(export), "--into", "staging", "--into", "qa"]) == 0
    printed, _ = capsys.readouterr()
    places = parse_flags(printed, "flags.yaml").defined.flags["new-checkout"].environments
    assert {name: place.exposure_percent for name, place in places.items()} == {"staging": 0.0, "qa": 0.0}
    assert "is off there: in `staging` and `qa` it serves `off`" in printed


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("{", [], "cannot be imported"),
        ("[]", [], "it is no JSON object"),
        ("{}", [], "this is an export of none of"),
        (json.dumps({"flags": 3}), ["--from", "launchdarkly"], "flags is no object"),
    ],
)
def test_what_is_no_export(
    content: str, words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "export.json"
    export.write_text(content)
    assert main(["flags", "import", str(export), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flags", "import", "/nowhere/export.json"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_lint_says_what_other_systems_have_no_form_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text(
        "flags:\n"
        "  half: {kind: ops, variants: {on: true, off: false}, off: off, rollout: {exposure: 0.5}}\n"
        "  plan: {kind: ops, variants: {a: {n: 1}, b: {n: 2}}, off: a, default: b}\n"
    )
    assert main(["flags", "lint", str(file)]) == 0
    assert "nothing to remark" in capsys.readouterr().out
    assert main(["flags", "lint", str(file), "--compat", "unleash", "--compat", "configcat", "--strict"]) == 1
    said = capsys.readouterr().out
    assert "unleash has no form for it: 0.5 % is no whole percentage" in said
    assert "configcat has no form for it: its values are objects" in said
