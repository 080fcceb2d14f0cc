"""Files that are wrong, each with the problems it must have, written in it as `# expect: line:column code`."""

import re
from pathlib import Path

import pytest

from ferryman.model.errors import SpecError
from ferryman.spec.document import BOUNDS, DEPTH_MAX
from ferryman.spec.parse import parse_release
from ferryman.spec.report import CODES, PROBLEMS_MAX

INVALID = Path(__file__).parent / "invalid"
GOLDEN = Path(__file__).parent / "golden" / "problems.txt"
# Not in a file: these have characters that an editor would not show, or are too long to read.
BY_TEXT = {
    "bad_character": "service: sh\x07op",
    "too_large": "x" * (BOUNDS.characters + 1),
    "too_deep": "[" * (DEPTH_MAX + 1),
    "too_many": "".join(f"key{n}: 1\n" for n in range(PROBLEMS_MAX + 5)),
}


def files() -> list[Path]:
    return sorted(INVALID.glob("*.yaml"))


def problems(text: str, name: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_release(text, name)
    return caught.value


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_a_file_has_the_problems_it_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = re.findall(r"^# expect: (.+)$", text, re.MULTILINE)
    found = problems(text, path.name).problems
    assert [f"{p.line}:{p.column} {p.code}" for p in found] == expected
    assert expected


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_every_problem_helps(path: Path) -> None:
    for problem in problems(path.read_text(encoding="utf-8"), path.name).problems:
        assert problem.file == path.name
        assert problem.hint
        assert problem.message
        assert problem.severity == "error"
        assert "\n" not in str(problem.message + problem.hint)


@pytest.mark.parametrize("code", BY_TEXT)
def test_a_text_has_the_problem(code: str) -> None:
    assert code in {p.code for p in problems(BY_TEXT[code], "x").problems}


def test_every_code_has_a_file() -> None:
    found = {code for path in files() for code in re.findall(r"^# expect: \S+ (\w+)$", path.read_text(), re.MULTILINE)}
    assert found | BY_TEXT.keys() == CODES.keys()


def test_the_words_of_all_problems() -> None:
    """What people read, as a whole: a change here is a change that users see."""
    ours = [path for path in files() if not path.name.startswith("judge-")]  # what a judge says is its own
    told = "\n\n".join(str(problems(path.read_text(encoding="utf-8"), path.name)) for path in ours) + "\n"
    assert told == GOLDEN.read_text(encoding="utf-8")


def test_a_problem_names_place_path_value_and_hint() -> None:
    text = "service: shop\nrun: {command: ./shop}\nstrategy:\n  canary:\n    steps: [5, {weight: 3}]\n"
    (problem,) = problems(text, "ferryman.yaml").problems
    assert str(problem) == (
        "ferryman.yaml:5:25: strategy.canary.steps[1].weight: weights rise: 3 comes after 5\n"
        "    hint: write a weight above 5, or leave it out; `ferry abort` goes back"
    )
    assert (problem.value, problem.code) == ("3", "steps_fall")


def test_a_secret_is_never_shown() -> None:
    text = """
service: shop
run:
  command: ./shop
  env: {DB_PASSWORD: 4711, API_TOKEN: 0815}
  secrets: ["TOKEN=hunter2", 1234567, "a b c secret", {x: hunter3}]
"""
    told = str(problems(text, "x"))
    for secret in ("4711", "0815", "hunter2", "1234567", "a b c", "hunter3"):
        assert secret not in told


def test_one_slip_is_one_problem() -> None:
    text = "servce: shop\nrun: {comand: ./shop}\nhealht: {http: /}\ntraffic: {prot: 80}\n"
    assert [p.code for p in problems(text, "x").problems] == ["unknown_field"] * 4


def test_problems_are_told_up_to_a_limit() -> None:
    found = problems(BY_TEXT["too_many"], "x").problems
    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1].message == "7 further problems are not listed"
