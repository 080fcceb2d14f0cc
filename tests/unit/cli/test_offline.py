"""Commands that need no controller: init, spec, check, plan."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from ferryman.cli.commands.init import files_named, guess_health
from ferryman.cli.context import find_project
from ferryman.cli.main import main
from ferryman.model.errors import UsageError
from ferryman.spec.catalog import example, example_names
from ferryman.spec.parse import parse_release
from support import free_port


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(project: Path, text: str, name: str = "ferryman.yaml") -> None:
    (project / name).write_text(text, encoding="utf-8")


def canary(port: int, *, steps: str = "[5, 50, 100]", hold: str = "30s") -> str:
    return (
        "service: shop\nrun: {command: [python3, -V]}\nreplicas: 4\nhealth: {http: /healthz}\n"
        f"traffic: {{port: {port}}}\nstrategy:\n  canary: {{steps: {steps}, hold: {hold}}}\n"
    )


class TestInit:
    def test_it_asks_nothing_when_given_a_command(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "app.py").write_text('if path == "/ready":\n    pass\n')
        assert main(["init", "--", "python3", "app.py", "--port", "{port}"]) == 0
        release = parse_release((project / "ferryman.yaml").read_text(), "f")
        assert release.command == ("python3", "app.py", "--port", "{port}")
        assert (release.service, release.files, release.health_http_path) == ("checkout", ("app.py",), "/ready")
        out = capsys.readouterr().out
        assert "ferry deploy" in out
        assert "is a guess" not in out

    def test_what_it_guessed_it_says(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "--", "./server"]) == 0
        out = capsys.readouterr().out
        assert "/healthz is a guess" in out
        assert "PORT" in out
        assert "no file of the command was found" in out

    def test_options_win_over_guesses(self, project: Path) -> None:
        words = ["--port", "9123", "--health", "/up", "--service", "till", "--replicas", "3", "-f", "my.yaml"]
        assert main(["init", *words, "--", "./server", "-p", "{port}"]) == 0
        release = parse_release((project / "my.yaml").read_text(), "f")
        assert (release.service, release.replicas) == ("till", 3)
        assert (release.routing.port, release.health_http_path) == (9123, "/up")

    def test_a_command_in_one_word_is_taken_apart(self, project: Path) -> None:
        assert main(["init", "--", "python3 -m shop --port {port}"]) == 0
        assert parse_release((project / "ferryman.yaml").read_text(), "f").command[:3] == ("python3", "-m", "shop")

    def test_a_command_may_hold_two_dashes(self, project: Path) -> None:
        for words in (["--", "npm", "run", "dev", "--", "-p", "{port}"], ["npm", "run", "dev", "--", "-p", "{port}"]):
            assert main(["init", "--force", *words]) == 0
            found = parse_release((project / "ferryman.yaml").read_text(), "f").command
            assert found == ("npm", "run", "dev", "--", "-p", "{port}")

    def test_a_person_at_a_terminal_is_asked(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ferryman.cli.context.Output.live", True)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("builtins.input", lambda _: "./server -p {port}")
        assert main(["init"]) == 0
        assert parse_release((project / "ferryman.yaml").read_text(), "f").command == ("./server", "-p", "{port}")

    def test_it_can_be_printed(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "-f", "-", "--", "./server"]) == 0
        assert parse_release(capsys.readouterr().out, "f").command == ("./server",)
        assert list(project.iterdir()) == []

    def test_quotes_that_do_not_close(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "--", "./server 'x"]) == 2
        assert "cannot be split" in capsys.readouterr().err

    def test_it_replaces_nothing_unasked(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "mine: true\n")
        assert main(["init", "--", "./server"]) == 2
        assert "is there already" in capsys.readouterr().err
        assert (project / "ferryman.yaml").read_text() == "mine: true\n"
        assert main(["init", "--force", "--", "./server"]) == 0
        assert "mine" not in (project / "ferryman.yaml").read_text()

    def test_without_a_command_it_shows_how(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init"]) == 2
        assert "ferry init -- python3 app.py --port {port}" in capsys.readouterr().err

    def test_a_port_in_use_is_passed_over(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", 8080))
                taken.listen()
            except OSError:
                pass  # somebody else has it: just as well
            assert main(["init", "--json", "--", "./server"]) == 0
        assert json.loads(capsys.readouterr().out)["port"] > 8080

    def test_what_it_writes_passes_the_check(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "app.py").write_text("print('/healthz')\n")
        assert main(["init", "--port", str(free_port()), "--", "python3", "app.py", "--port", "{port}"]) == 0
        assert main(["check", "--strict"]) == 0, capsys.readouterr()

    def test_files_in_a_command(self, project: Path) -> None:
        (project / "shop").mkdir()
        for name in ("app.py", "conf.toml", "tool.py"):
            (project / name).write_text("")
        words = [
            "python3",
            "app.py",
            "--config=conf.toml",
            "-m",
            "shop.web",
            "-m",
            "tool",
            "../app.py",
            "/etc/hosts",
            "no.py",
        ]
        assert files_named(words, project) == ("app.py", "conf.toml", "shop", "tool.py")

    def test_health_is_looked_for_in_files_only(self, project: Path) -> None:
        (project / "a.py").write_text("'/ready'")
        (project / "sub").mkdir()
        assert guess_health(("sub", "a.py"), project) == ("/ready", True)
        assert guess_health(("sub",), project) == ("/healthz", False)


class TestSpec:
    def test_examples(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["spec", "--list"]) == 0
        assert tuple(capsys.readouterr().out.split()) == example_names()
        assert main(["spec", "--example", "canary"]) == 0
        assert capsys.readouterr().out == example("canary").rstrip("\n") + "\n"
        assert main(["spec", "--example", "canry"]) == 2
        assert "canary" in capsys.readouterr().err

    def test_schema_and_reference(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["spec", "--schema"]) == 0
        schema = json.loads(capsys.readouterr().out)
        assert schema["type"] == "object"
        assert main(["spec", "--schema", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == schema
        assert main(["spec"]) == 0
        assert capsys.readouterr().out.startswith("#")


class TestCheck:
    def test_a_good_file_is_fine(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, canary(free_port()))
        assert main(["check"]) == 0
        assert capsys.readouterr().out.endswith("fine\n")

    def test_every_error_at_its_place(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "service: shop\nreplicas: many\nruns: 1\n")
        assert main(["check"]) == 1
        out = capsys.readouterr().out
        assert "ferryman.yaml:2:11: error: replicas" in out
        assert "ferryman.yaml:3:1: error" in out
        assert "did you mean" in out

    def test_a_weight_that_instances_cannot_make(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(
            project,
            "service: w\nrun: {command: [python3, -V]}\nreplicas: 4\nstrategy:\n  canary: {steps: [0.3, 100]}\n",
        )
        assert main(["check"]) == 1
        out = capsys.readouterr().out
        assert "ferryman.yaml:5:20: error" in out
        assert "0.3% cannot be had with 4 instances and no router: the nearest is 20%" in out

    def test_bounds_that_deadlock(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        text = canary(free_port()).split("strategy")[0]
        write(project, text + "strategy: {rolling: {minimumHealthyPercent: 100, maximumPercent: 110}}\n")
        assert main(["check"]) == 1
        assert "no instance could ever be replaced" in capsys.readouterr().out

    def test_what_this_machine_lacks(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "plain").write_text("")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            text = canary(port).replace("[python3, -V]}", "[./plain], files: [gone.py], secrets: [FERRY_TEST_NOT_SET]}")
            write(project, text)
            assert main(["check", "--json"]) == 1
        found = json.loads(capsys.readouterr().out)["problems"]
        codes = {problem["code"]: problem["severity"] for problem in found}
        expected = {"no_program": "error", "no_file": "error", "secret_unset": "warning", "port_taken": "error"}
        assert expected.items() <= codes.items()
        assert all(problem["line"] for problem in found)

    def test_warnings_count_when_strict(self, project: Path) -> None:
        write(project, canary(free_port()).replace("hold: 30s", "hold: 30s, bake: 0s"))
        assert main(["check"]) == 0
        assert main(["check", "--strict"]) == 1

    def test_with_traffic_it_tells_what_the_judge_can_see(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(project, canary(free_port(), hold="10m"))
        assert main(["check", "--traffic", "50/s", "--error-rate", "0.5%"]) == 0
        out = capsys.readouterr().out
        assert "what the judge can see at 50/s with 0.50% errors" in out
        rows = [line.split() for line in out.splitlines() if line.startswith(("5%", "50%"))]
        assert [row[0] for row in rows] == ["5%", "50%"]
        assert all(row[-1].endswith("s") for row in rows), "an outage is seen at once"
        assert main(["check", "--traffic", "50/s", "--json"]) == 0
        outlook = json.loads(capsys.readouterr().out)["outlook"]
        assert outlook[0]["candidate_rps"] == 2.5
        assert outlook[0]["seconds"] == 1800, "a verdict is waited for three times the hold"

    def test_too_little_traffic_is_said(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, canary(free_port(), hold="30s"))
        assert main(["check", "--traffic", "1/s"]) == 0
        assert "doubtful: stage 1" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words", [["--traffic", "fast"], ["--traffic", "0/s"], ["--traffic", "9/s", "--error-rate", "x"]]
    )
    def test_rates_that_are_none(self, project: Path, words: list[str]) -> None:
        write(project, canary(free_port()))
        assert main(["check", *words]) == 2

    def test_no_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check"]) == 2
        assert "ferry init" in capsys.readouterr().err


class TestPlan:
    def test_every_step_as_a_difference(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, canary(free_port()).replace("service: shop", "service: shop\nversion: v1"))
        assert main(["plan"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("shop: v1 <- nothing, canary, 2 steps")
        assert "+ v1: 0 instances -> 4" in out
        assert "~ traffic: v1 0% -> 100%" in out
        assert not (project / ".ferryman").exists()

    def test_copied_files_need_not_be_copied(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "app.py").write_text("1")
        write(project, canary(free_port()).replace("-V]}", "app.py], files: [app.py]}"))
        assert main(["plan", "--json"]) == 0
        first = json.loads(capsys.readouterr().out)["revision"]["id"]
        (project / "app.py").write_text("2")
        assert main(["plan", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["revision"]["id"] != first
        assert not (project / ".ferryman").exists()

    def test_a_file_with_errors_is_refused(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "service: shop\n")
        assert main(["plan"]) == 2
        assert "ferryman.yaml" in capsys.readouterr().err

    def test_standard_input(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("service: x\nnonsense: 1\n"))
        assert main(["plan", "-f", "-"]) == 2
        assert "<stdin>:2:1: error" in capsys.readouterr().err


def test_the_project_is_the_nearest_folder_with_a_release_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert find_project(None) == inner
    (project / ".ferryman").mkdir()
    assert find_project(None) == project
    write(project / "a", "")
    assert find_project(None) == project / "a"
    assert find_project(str(project)) == project
    with pytest.raises(UsageError):
        find_project(str(project / "ferryman.yaml"))
