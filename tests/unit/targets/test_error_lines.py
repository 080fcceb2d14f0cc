"""Counting error lines: each once, whatever is written, cut off, rotated or gone."""

from pathlib import Path

from ferryman.targets.process import errorlines
from ferryman.targets.process.errorlines import ErrorLines


def counter(folder: Path) -> ErrorLines:
    return ErrorLines(lambda instance: folder / f"{instance}.log")


def write(folder: Path, instance: str, text: str) -> None:
    with (folder / f"{instance}.log").open("a") as file:
        file.write(text)


def test_lines_that_speak_of_an_error(tmp_path: Path) -> None:
    lines = counter(tmp_path)
    write(tmp_path, "a", 'ERROR: no\ninfo: fine\n{"level":"error"}\nTraceback (most recent call last):\nterrors\n')
    assert lines.count([("a", "v1")]) == {"v1": 3}
    assert lines.count([("a", "v1")]) == {"v1": 3}, "each line once"


def test_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    lines = counter(tmp_path)
    write(tmp_path, "a", "FATAL: half of a")
    assert lines.count([("a", "v1")]) == {"v1": 0}
    write(tmp_path, "a", " line\n")
    assert lines.count([("a", "v1")]) == {"v1": 1}


def test_what_was_there_before_is_not_counted(tmp_path: Path) -> None:
    lines = counter(tmp_path)
    write(tmp_path, "a", "error\n")
    lines.skip("a")
    lines.skip("none")
    write(tmp_path, "a", "error\nfine\n")
    assert lines.count([("a", "v1"), ("none", "v1")]) == {"v1": 1}


def test_counts_never_fall(tmp_path: Path) -> None:
    lines = counter(tmp_path)
    write(tmp_path, "a", "error\n" * 5)
    assert lines.count([("a", "v1")]) == {"v1": 5}
    (tmp_path / "a.log").write_text("error\n")  # rotated: it begins anew
    assert lines.count([("a", "v1")]) == {"v1": 6}
    (tmp_path / "a.log").unlink()
    assert lines.count([("a", "v1")]) == {"v1": 6}
    assert lines.count([]) == {"v1": 6}


def test_a_flood_is_read_in_part(tmp_path: Path) -> None:
    lines = counter(tmp_path)
    size = errorlines.READ_BYTES_MAX
    write(tmp_path, "a", "error\n" * (size // 6 + 1000))
    assert lines.count([("a", "v1")])["v1"] <= size // 6 + 1
    write(tmp_path, "a", "error\n")
    before = lines.count([])["v1"]
    assert lines.count([("a", "v1")])["v1"] == before + 1
