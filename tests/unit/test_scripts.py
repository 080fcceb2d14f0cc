"""The two scripts of the README say clearly what is missing on a bare machine, and do not install twice."""

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
OLDEST_READABLE = (3, 8)


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The shared module, with its virtual environment in a temporary folder."""
    monkeypatch.setenv("FERRYMAN_VENV", str(tmp_path / "venv"))
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", ROOT / "scripts" / "_bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def commands(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been run: every command succeeds and does nothing."""
    ran: list[list[str]] = []

    def run(command: list[str], *_: object, **__: object) -> int:
        ran.append(command)
        return 0

    monkeypatch.setattr(bootstrap, "run", run)
    bootstrap.VENV.mkdir()
    return ran


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_old_python_can_read_the_scripts(script: Path) -> None:
    ast.parse(script.read_text(), feature_version=OLDEST_READABLE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_need_nothing_installed(script: Path) -> None:
    names = re.findall(r"^(?:import|from) (\w+)", script.read_text(), re.MULTILINE)
    assert set(names) <= {*sys.stdlib_module_names, "_bootstrap"}


def test_a_python_too_old_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit) as left:
        bootstrap.need_python()
    assert left.value.code == 1
    assert "Python 3.9.2 is too old" in capsys.readouterr().err


def test_without_ensurepip_and_root_the_line_to_run_is_printed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(bootstrap, "is_root", lambda: False)
    with pytest.raises(SystemExit) as left:
        bootstrap.make_venv()
    assert left.value.code == 1
    assert "apt-get install -y --no-install-recommends python3-venv" in capsys.readouterr().err


def test_without_ensurepip_root_installs_it(
    bootstrap: ModuleType, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap, "is_root", lambda: True)
    monkeypatch.setattr(bootstrap, "can_import", lambda python, module: module == "ensurepip")
    bootstrap.make_venv()
    assert [command[:2] for command in commands] == [
        ["apt-get", "update"],
        ["apt-get", "install"],
        [sys.executable, "-m"],
    ]


def test_a_second_installation_is_skipped(bootstrap: ModuleType, commands: list[list[str]]) -> None:
    bootstrap.install("dev")
    assert [command[-2:] for command in commands] == [["-e", ".[dev]"]]
    bootstrap.install("dev")
    bootstrap.install("app")  # what is installed in place serves the demo too
    assert len(commands) == 1


def test_a_change_or_another_checkout_installs_again(bootstrap: ModuleType, commands: list[list[str]]) -> None:
    bootstrap.install("app")
    bootstrap.install("app")
    assert len(commands) == 1
    stamp = json.loads(bootstrap.STAMP.read_text())
    bootstrap.STAMP.write_text(json.dumps({**stamp, "source": "something else"}))
    bootstrap.install("app")
    assert len(commands) == 2
    bootstrap.STAMP.write_text(json.dumps({**stamp, "root": "/elsewhere"}))
    bootstrap.install("app")
    assert len(commands) == 3
    bootstrap.install("dev")
    assert commands[-1][-2:] == ["-e", ".[dev]"]


def test_a_failed_installation_is_not_taken_for_done(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    bootstrap.install("dev")
    bootstrap.STAMP.write_text("not json")
    monkeypatch.setattr(bootstrap, "run", lambda *_, **__: 1)
    with pytest.raises(SystemExit):
        bootstrap.install("dev")
    assert not bootstrap.STAMP.exists()


def test_ci_runs_what_the_readme_says() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[1:] == ["exec python3 scripts/test.py"]
    assert "python3 scripts/test.py" in (ROOT / "README.md").read_text()
