"""The program as a whole: help, mistakes, errors in words and in JSON, interrupts, defects."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ferryman import __version__
from ferryman.cli import main as program
from ferryman.cli.main import main
from ferryman.cli.parser import ADDS, build
from ferryman.cli.table import COMMANDS, GROUPS, first_screen

HEAVY = ("msgspec", "rich", "httpx2", "starlette", "uvicorn", "ruamel", "psutil", "argparse", "asyncio", "pathlib")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_screen_names_every_command_on_a_line_of_80(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert main(["--help"]) == main(["-h"]) == main(["help"]) == 0
    assert shown == first_screen(__version__) + "\n"
    for command in (command for _, group in GROUPS for command in group):
        assert f"\n  {command.name} " in shown
        assert command.summary in shown
    assert max(len(line) for line in shown.splitlines()) <= 95
    assert len(shown.splitlines()) <= 54


def test_help_imports_next_to_nothing() -> None:
    """What keeps it quick; the time itself is measured by the benchmarks."""
    code = (
        "import sys; before = set(sys.modules); from ferryman.cli.main import main; main(['--help']);"
        f"print([m for m in {HEAVY} if m in sys.modules and m not in before], file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=60, check=False, env=_env()
    )
    assert run.stderr.strip() == "[]"


def _env() -> dict[str, str]:
    source = str(Path(program.__file__).parents[2])
    return {**os.environ, "PYTHONPATH": source}


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ferry {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_its_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    for line in COMMANDS[name].examples:
        assert line in shown
    assert main(["help", *name.split()]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_leads_to_a_function(name: str) -> None:
    assert callable(program._load(name))
    assert set(COMMANDS[name].adds) <= set(ADDS)


def test_every_example_parses() -> None:
    for command in COMMANDS.values():
        for line in command.examples:
            if not line.startswith("ferry "):
                continue
            words = shlex.split(line.split(">")[0])[1:]
            assert program._parse(words).command == command.name


def test_groups_hold_every_command_once() -> None:
    names = [each.name for _, group in GROUPS for command in group for each in (command, *command.under)]
    assert len(names) == len(set(names)) == len(COMMANDS)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["dploy"], "there is no command 'dploy'", "did you mean `ferry deploy`?"),
        (["rollback"], "there is no command 'rollback'", "did you mean `ferry undo`?"),
        (["xyzzy"], "there is no command 'xyzzy'", "`ferry --help` shows the commands"),
        (["--json", "statsu"], "there is no command 'statsu'", "did you mean `ferry status`?"),
        (["deploy", "--wach"], "ferry deploy: does not take --wach", "did you mean --watch?"),
        (["deploy", "--reasn=x"], "ferry deploy: does not take --reasn=x", "did you mean --reason?"),
        (["pause", "a", "b"], "ferry pause: does not take b", "`ferry pause --help` shows what it takes"),
        (["deploy", "--timeout"], "ferry deploy: argument --timeout: expected one argument", ""),
        (["deploy", "-w", "--no-wait"], "not allowed with argument", ""),
        (["history", "-n", "many"], "argument -n/--limit: invalid int value: 'many'", ""),
        (["serve", "--flagd-port", "70000"], "70000 is no port", "0, a free one, to 65535"),
        (["completion", "fish"], "argument shell: invalid choice: 'fish'", ""),
        (["deploy", "--", "x"], "ferry deploy: takes nothing after --", ""),
        (["--nonsense"], "unrecognized arguments: --nonsense", "`ferry --help`"),
    ],
)
def test_mistakes_end_with_2_and_a_hint(
    words: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    if "--json" in words:
        said = json.loads(out)
        assert (message, hint) == (said["detail"], said["hint"])
    else:
        assert out == ""
        assert message in err
        assert hint in err
        assert err.startswith("error: ")


def test_errors_in_json_are_problem_documents(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 1
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["code"], said["status"], err) == ("no_controller", 503, "")
    assert said["type"] == "urn:ferryman:controllererror"


def test_errors_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["status"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: no controller runs for {tmp_path}\nhint: `ferry deploy` starts one, or `ferry serve`\n"


def test_a_project_that_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--project", "nowhere"]) == 2
    assert "nowhere is no folder" in capsys.readouterr().err


def test_options_for_all_stand_before_or_after_the_command() -> None:
    before, after = (
        build().parse_args(["--json", "--actor", "ana", "status"]),
        build().parse_args(["status", "--json", "--actor", "ana"]),
    )
    assert vars(before) == vars(after)
    assert before.json
    assert before.actor == "ana"
    assert build().parse_args(["status"]).json is False


@pytest.mark.parametrize("name", ["status", "spec"])
def test_an_interrupt_ends_with_130_and_no_traceback(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_load", lambda _: interrupted)
    assert main([name]) == 130
    assert capsys.readouterr().err == "\ninterrupted: nothing was changed\n"


def test_an_interrupt_takes_back_what_is_half_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def interrupted(context: object) -> int:
        context.interrupted = "it stopped"  # type: ignore[attr-defined]
        context.undo += [lambda: done.append("first") or "one", lambda: done.append("second") or ""]  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "_load", lambda _: interrupted)
    assert main(["status"]) == 130
    assert done == ["second", "first"]
    assert capsys.readouterr().err == "\ninterrupted: it stopped; one\n"


def test_a_defect_is_told_in_short_and_its_traceback_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("one by none")

    monkeypatch.setattr(program, "_load", lambda _: broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["status"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: one by none" in err
    assert "Traceback" not in err
    (kept,) = tmp_path.glob("ferry-traceback-*.txt")
    assert str(kept) in err
    assert "Traceback (most recent call last)" in kept.read_text()


def test_a_reader_that_leaves_is_no_error() -> None:
    command = [sys.executable, "-m", "ferryman", "spec", "--markdown"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_env()) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.read(10)
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait(60) == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for name in COMMANDS for word in name.split())
    assert "ready-fd" not in script


def test_the_bash_completion_is_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "ferry.bash"
    script.write_text(capsys.readouterr().out)
    check = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (check.returncode, check.stderr) == (0, "")
