"""`ferry simulate`: the timeline, the JSON, the exit codes."""

import json
from pathlib import Path

import pytest

from ferryman.cli.main import main

RELEASE = """
service: checkout
version: v2
run:
  command: [python3, app.py, --port, "{port}"]
replicas: 2
traffic:
  port: 8080
health:
  http: /
strategy:
  canary:
    steps:
      - weight: 10
        hold: 30s
      - weight: 50
        hold: 30s
    bake: 5s
    scaleDownDelay: 1s
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ferryman.yaml").write_text(RELEASE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_release_is_promoted(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--traffic", "100/s"]) == 0
    said = capsys.readouterr().out
    assert "what the judge can see at 100/s" in said
    assert "exposure up to 10%" in said
    assert "\npromoted after " in said
    assert not (project / ".ferryman").exists()


def test_a_bad_one_is_not(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "ferryman.yaml", "--fail", "errors x20 at 10%", "--traffic", "100/s", "--seed", "7"]) == 1
    said = capsys.readouterr().out
    assert "! begins: errors x20 at 10%" in said
    assert "\nrolled back after " in said
    assert "of them failed that would not have" in said


def test_json_holds_all_of_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--fail", "crash at 10%", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["run"]["outcome"] == "rolled_back"
    assert found["run"]["violations"] == []
    assert {"at", "kind", "text", "served_percent"} == found["run"]["moments"][0].keys()
    assert [stage["weight_percent"] for stage in found["outlook"]][:2] == [10.0, 50.0]


@pytest.mark.parametrize(
    "words", [["--fail", "fire"], ["--traffic", "many"], ["--latency", "slow"], ["--person", "soon"], ["none.yaml"]]
)
def test_what_is_not_understood_is_refused(project: Path, words: list[str]) -> None:
    assert main(["simulate", *words]) == 2
