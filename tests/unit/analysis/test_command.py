"""`ferry judge` as a process: flushed answers, a state that survives, exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.judge import run_judge
from judge_worlds import World, rollout

HEADER, LINES = rollout(World(rps=40, error_ratio=3.0, stages=((5.0, 60.0), (50.0, 60.0))), 5)
COMMAND = [sys.executable, "-m", "ferryman.cli.judge"]
SOURCE = str(Path(__file__).resolve().parents[3] / "src")
TIMEOUT_SECONDS = 60


def text(*lines: Any) -> str:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def run(path: Path | None, *lines: Any) -> tuple[int, list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    code = run_judge(path, io.StringIO(text(*lines)), out, err)
    return code, out.getvalue().splitlines(), err.getvalue()


def test_replay_is_the_same_byte_for_byte() -> None:
    first, second = run(None, HEADER, *LINES), run(None, HEADER, *LINES)
    assert first == second
    assert first[0] == 0
    assert len(first[1]) == len(LINES)


def test_a_killed_judge_goes_on_from_its_state(tmp_path: Path) -> None:
    _, whole, _ = run(None, HEADER, *LINES)
    for cut in (1, 7, len(LINES) - 1):
        path = tmp_path / f"state-{cut}"
        _, before, _ = run(path, HEADER, *LINES[:cut])
        _, after, _ = run(path, HEADER, *LINES[cut:])
        assert before + after == whole
        assert [child.name for child in tmp_path.iterdir() if child.name.startswith(path.name)] == [path.name]


def test_each_line_in_a_process_of_its_own(tmp_path: Path) -> None:
    _, whole, _ = run(None, HEADER, *LINES)
    found: list[str] = []
    for line in LINES:
        found += run(tmp_path / "state", HEADER, line)[1]
    assert found == whole


def test_a_state_goes_on_without_its_header_and_another_rollout_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "state"
    _, whole, _ = run(None, HEADER, *LINES)
    run(path, HEADER, *LINES[:9])
    assert run(path, *LINES[9:12])[1] == whole[9:12]
    other = {**HEADER, "rollout": "another"}
    assert run(path, other, *LINES)[1] == whole


def test_replaying_everything_over_a_state_only_finds_late_lines(tmp_path: Path) -> None:
    path = tmp_path / "state"
    run(path, HEADER, *LINES[:9])
    answers = [json.loads(line) for line in run(path, HEADER, *LINES[:9])[1]]
    assert answers[-1]["evidence"]["dropped"]["late"] == 9


def test_an_empty_state_file_is_no_state_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.touch()
    assert run(path, HEADER, *LINES[:3])[0] == 0
    path.write_bytes(b"\xff\xfe{")
    code, out, err = run(path, HEADER, *LINES[:3])
    assert (code, out) == (2, [])
    assert "damaged" in err
    assert "remove" in err


def test_a_state_that_cannot_be_written_ends_the_command(tmp_path: Path) -> None:
    code, _, err = run(tmp_path / "none" / "state", HEADER, LINES[0])
    assert code == 1
    assert "none" in err


def test_a_bad_header_ends_the_command_with_2_after_the_answers_before_it() -> None:
    code, out, err = run(None, HEADER, LINES[0], {**HEADER, "stages": []}, LINES[1])
    assert (code, len(out)) == (2, 1)
    assert "stages" in err


def test_options_that_are_not_known_are_told_on_standard_error() -> None:
    code, out, err = run(None, {**HEADER, "spec": {"colour": "red"}}, LINES[0])
    assert (code, len(out)) == (0, 1)
    assert "'colour'" in err


def test_a_line_without_end_is_still_answered() -> None:
    out = io.StringIO()
    run_judge(None, io.StringIO(text(HEADER) + json.dumps(LINES[0])), out, io.StringIO())
    assert json.loads(out.getvalue())["t"] == 5.0


def test_a_line_beyond_the_limit_is_refused_and_the_next_one_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.cli.judge.LINE_BYTES_MAX", 5000)
    _, out, _ = run(None, HEADER, "[" + "1," * 9000 + "1]", LINES[0])
    assert [json.loads(line)["verdict"] for line in out] == ["error", "continue"]


def test_answers_come_at_once_and_bytes_that_are_no_text_are_one_bad_line() -> None:
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin
        assert child.stdout
        try:
            for line in (text(HEADER, LINES[0]).encode(), b"\xff\xfe\n", text(LINES[1]).encode()):
                child.stdin.write(line)
                child.stdin.flush()
                assert json.loads(child.stdout.readline())["verdict"] in ("continue", "error")
            child.stdin.close()
            assert child.wait(TIMEOUT_SECONDS) == 0
        finally:
            child.kill()


def test_a_reader_that_leaves_is_no_error() -> None:
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    many = text(HEADER, *LINES) + text("x") * 20_000
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        child.stdout.close()
        try:
            child.stdin.write(many.encode())
            child.stdin.close()
        except BrokenPipeError:
            pass
        assert child.wait(TIMEOUT_SECONDS) == 0
        assert child.stderr.read() == b""
