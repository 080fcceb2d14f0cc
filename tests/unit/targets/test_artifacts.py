"""Copies of a project's files."""

import os
import time
from pathlib import Path

import pytest

from ferryman.model.errors import UsageError
from ferryman.targets.artifacts import prune_artifacts, snapshot_files


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        "run.sh": "#!/bin/sh\n",
        "src/app.py": "print(1)\n",
        "src/__pycache__/app.pyc": "junk",
        "src/data/words.txt": "a b c",
        ".git/config": "junk",
        ".venv/bin/python": "junk",
        "node_modules/x/index.js": "junk",
        "state/kept": "junk",
        "notes.txt": "not asked for",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "run.sh").chmod(0o750)
    (root / "src" / "latest").symlink_to("data/words.txt")
    return root


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_copies_what_was_named_and_only_that(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    digest = snapshot_files(project, ("run.sh", "src"), state)
    copy = state / "artifacts" / digest
    assert len(digest) == 16
    assert names(copy) == {"run.sh", "src", "src/app.py", "src/data", "src/data/words.txt", "src/latest"}
    assert os.access(copy / "run.sh", os.X_OK)
    assert (copy / "src" / "latest").readlink() == Path("data/words.txt")
    assert (copy / "src" / "latest").read_text() == "a b c"


def test_the_whole_project_without_what_is_never_content(project: Path) -> None:
    state = project / "state"
    digest = snapshot_files(project, (".",), state)
    assert not names(state / "artifacts" / digest) & {".git", ".venv", "node_modules", "state", "src/__pycache__"}
    assert snapshot_files(project, (".",), state) == digest  # the copy is not part of the next one


def test_same_content_same_digest_and_any_change_another(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = snapshot_files(project, ("src", "run.sh"), state)
    assert snapshot_files(project, ("run.sh", "src", "src/app.py"), state) == first
    os.utime(project / "run.sh", (1, 1))
    assert snapshot_files(project, ("src", "run.sh"), state) == first
    (project / "run.sh").chmod(0o640)
    digests = {first, snapshot_files(project, ("src", "run.sh"), state)}
    (project / "src" / "app.py").write_text("print(2)\n")
    digests.add(snapshot_files(project, ("src", "run.sh"), state))
    (project / "src" / "app.py").rename(project / "src" / "b.py")
    digests.add(snapshot_files(project, ("src", "run.sh"), state))
    assert len(digests) == 4
    assert names(state / "artifacts") >= digests
    assert not list((state / "artifacts").glob(".*"))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("../outside", "artifact_outside_project"),
        ("/etc/passwd", "artifact_outside_project"),
        ("src/../../outside", "artifact_outside_project"),
        ("way_out/passwd", "artifact_outside_project"),
        ("way_out", "artifact_outside_project"),
        ("absolute", "artifact_outside_project"),
        ("src/latest", "artifact_missing"),  # where it leads is not copied
        ("gone.txt", "artifact_missing"),
        ("pipe", "artifact_not_a_file"),
    ],
)
def test_what_leads_out_or_is_missing_is_refused_and_nothing_is_left(
    project: Path, tmp_path: Path, given: str, code: str
) -> None:
    (tmp_path / "outside").write_text("private")
    (project / "way_out").symlink_to("/etc")
    (project / "absolute").symlink_to(project / "notes.txt")
    os.mkfifo(project / "pipe")
    with pytest.raises(UsageError) as caught:
        snapshot_files(project, (given,), tmp_path / "state")
    assert caught.value.code == code
    assert caught.value.hint
    assert not (tmp_path / "state" / "artifacts").exists() or not list((tmp_path / "state" / "artifacts").iterdir())


def test_a_folder_behind_a_link_is_copied_as_a_folder(project: Path, tmp_path: Path) -> None:
    (project / "current").symlink_to("src")
    digest = snapshot_files(project, ("current/app.py",), tmp_path / "state")
    copy = tmp_path / "state" / "artifacts" / digest
    assert (copy / "current" / "app.py").read_text() == "print(1)\n"
    assert not (copy / "current").is_symlink()


def test_only_what_is_kept_survives_pruning(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert prune_artifacts(state, set()) == []
    one, two = snapshot_files(project, ("src",), state), snapshot_files(project, ("run.sh",), state)
    old, new, foreign = (state / "artifacts" / name for name in (f".{'0' * 16}.tmp", f".{'1' * 16}.tmp", "mine"))
    for path in (old, new, foreign):
        path.mkdir()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert prune_artifacts(state, {one}) == [two]
    assert {path.name for path in (state / "artifacts").iterdir()} == {one, new.name, foreign.name}
